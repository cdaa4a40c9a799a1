"""Which tenants this process reads: the directory's snapshot met with the leases held."""

from collections.abc import Mapping
from datetime import timedelta

from bridge.contracts.identity import Flow, Shard, TenantId
from bridge.durable.lease import LeaseKeeper
from bridge.poller.application.ports import Charge, Post
from bridge.tenancy.directory import TenantDirectory
from bridge.tenancy.tenant import Tenant

_PREFIX = "shard/"


def shard_lease(shard: int) -> str:
    """Return the name of a shard's lease."""
    return f"{_PREFIX}{shard}"


class DirectoryRoster:
    """Computes the charges anew only when tenants or leases have changed; see `ports.Roster`."""

    def __init__(self, directory: TenantDirectory, keeper: LeaseKeeper, *, flow: Flow) -> None:
        self._directory = directory
        self._keeper = keeper
        self._flow = flow
        self._tenants: Mapping[TenantId, Tenant] = {}
        self._epochs: dict[Shard, int] = {}
        self._charges: Mapping[TenantId, Charge] = {}

    def charges(self) -> Mapping[TenantId, Charge]:
        """Return the tenants of held shards that are neither paused nor removed."""
        tenants, epochs = self._directory.tenants, self._held()
        if tenants is not self._tenants or epochs != self._epochs:
            self._tenants, self._epochs = tenants, epochs
            self._charges = {
                tenant.id: self._charge(tenant, epochs[tenant.shard])
                for tenant in tenants.values()
                if tenant.shard in epochs and not tenant.paused and not tenant.removed
                if self._flow in tenant.spec.flows
            }
        return self._charges

    def _charge(self, tenant: Tenant, epoch: int) -> Charge:
        interval = timedelta(seconds=tenant.spec.poll_interval)
        return Charge(Post(tenant.id, self._flow, epoch), interval, tenant.changed_xid)

    def _held(self) -> dict[Shard, int]:
        return {
            Shard(int(name.removeprefix(_PREFIX))): lease.epoch
            for name, lease in self._keeper.held.items()
            if name.startswith(_PREFIX)
        }
