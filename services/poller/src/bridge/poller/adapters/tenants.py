"""Tenants and their gates, as the poller's use cases see them, over the shared directory.

Owns which gates stand in the way of reading a source, and which scope a reason belongs to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bridge.contracts.identity import Flow, TenantId
from bridge.contracts.reasons import Reason
from bridge.durable.database import Database
from bridge.oc2.access import Oc2Tenant
from bridge.poller.application.ports import Post, Probe
from bridge.runtime.errors import SourceUnavailableError
from bridge.tenancy import secrets
from bridge.tenancy.directory import TenantDirectory
from bridge.tenancy.gates import GateKey, GateScope, GateStore, System
from bridge.tenancy.tenant import TenantSpec
from bridge.tripletex.access import Tokens, TripletexTenant


@dataclass(frozen=True, slots=True)
class FlowGates:
    """The gates of one flow's source.

    `of_source` are the reasons that concern the reading of this flow alone; all others concern the tenant's right to
    use the system at all. `closed_by` marks the gates that are probed by reading this flow.
    """

    flow: Flow
    system: System
    closed_by: str
    of_source: frozenset[Reason]


GATES_OF: Final = {
    Flow.CUSTOMERS: FlowGates(
        Flow.CUSTOMERS,
        System.TRIPLETEX,
        "poller",
        frozenset({Reason.SOURCE_DOWN, Reason.TOO_MANY_CUSTOMERS, Reason.TOO_MANY_MISSING}),
    ),
    # A key at OC2 that may not read batches may still write customers.
    Flow.INVOICES: FlowGates(
        Flow.INVOICES, System.OC2, "poller of invoices", frozenset({Reason.SOURCE_DOWN, Reason.RIGHTS_MISSING})
    ),
}


class DirectoryGates:
    """Gates over `control.gate` and its snapshot; see `ports.Gates`."""

    def __init__(self, db: Database, directory: TenantDirectory, *, flow: Flow, probe_every: timedelta) -> None:
        self._db = db
        self._directory = directory
        self._gates = GATES_OF[flow]
        self._probe_every = probe_every
        self._store = GateStore()

    @property
    def flow(self) -> Flow:
        """The flow whose reading these gates hold up."""
        return self._gates.flow

    def snapshot(self) -> object:
        """Return the directory's mapping of gates: it is replaced on change, never changed."""
        return self._directory.gates

    def blocked(self, tenant: TenantId) -> Reason | None:
        """Return the reason of the first gate in the way; `too_many_missing` holds back withdrawals only."""
        known = self._directory.tenants.get(tenant)
        if known is None:
            return None
        keys = (
            GateKey.host(_host(known.spec, self._gates.system)),
            GateKey.system(tenant, self._gates.system),
            GateKey.source(tenant, self._gates.flow),
        )
        reasons = (gate.reason for gate in self._directory.closed(keys))
        return next((reason for reason in reasons if reason is not Reason.TOO_MANY_MISSING), None)

    async def withdrawals_held(self, post: Post) -> bool:
        """Ask the table: a snapshot from before the gate closed would pass for a person's consent."""
        key = GateKey.source(post.tenant, post.flow)
        async with self._db.transaction() as tx:
            gates = await self._store.all(tx)
        return any(gate.key == key and gate.reason is Reason.TOO_MANY_MISSING for gate in gates)

    async def close(self, post: Post, reason: Reason, why: str) -> None:
        """Close the gate of the reason's scope and take it into the snapshot at once."""
        of_source = reason in self._gates.of_source
        key = GateKey.source(post.tenant, post.flow) if of_source else GateKey.system(post.tenant, self._gates.system)
        by = self._gates.closed_by
        async with self._db.transaction() as tx:
            await self._store.close(tx, key, reason=reason, why=why, closed_by=by, probe_in=self._probe_every)
        await self._directory.refresh()

    async def due_probes(self, tenants: Sequence[TenantId]) -> list[Probe]:
        """Claim due probes of gates that the reading of this flow closed."""
        by = self._gates.closed_by
        async with self._db.transaction() as tx:
            gates = await self._store.probe_due(tx, closed_by=by, tenants=tenants, every=self._probe_every)
        return [
            Probe(gate.key.tenant, f"{gate.key.scope.value}:{gate.key.subject}", gate.reason)
            for gate in gates
            if gate.key.tenant is not None
        ]

    async def open(self, probe: Probe) -> None:
        """Open the gate: reading has no half-open state, the probe itself was a read."""
        scope, _, subject = probe.gate.partition(":")
        key = GateKey(GateScope(scope), subject)
        async with self._db.transaction() as tx:
            if await self._store.half_open(tx, key, reason=probe.reason):
                await self._store.open(tx, key)
        await self._directory.refresh()


def _host(spec: TenantSpec, system: System) -> str:
    return spec.tripletex.host if system is System.TRIPLETEX else spec.oc2.host


class DirectoryOc2Access:
    """Says how to reach a tenant's OC2; the key is read by the client when it needs it."""

    def __init__(self, directory: TenantDirectory) -> None:
        self._directory = directory

    def __call__(self, tenant: TenantId) -> Oc2Tenant:
        """Return the tenant's address and key. Raises as `DirectoryAccess` does."""
        known = self._directory.tenants.get(tenant)
        if known is None:
            raise SourceUnavailableError(f"The tenant {tenant} is not declared here.")
        spec = known.spec.oc2
        return Oc2Tenant(tenant, spec.base_url, lambda: secrets.read(spec.api_key, tenant=tenant))


class DirectoryAccess:
    """Says how to reach a tenant's Tripletex; secrets are read anew at each log-in."""

    def __init__(self, directory: TenantDirectory) -> None:
        self._directory = directory

    def __call__(self, tenant: TenantId) -> TripletexTenant:
        """Return the tenant's address and company.

        Raises:
            SourceUnavailableError: The tenant is not declared (any more).
        """
        known = self._directory.tenants.get(tenant)
        if known is None:
            raise SourceUnavailableError(f"The tenant {tenant} is not declared here.")
        spec = known.spec.tripletex

        def read_tokens() -> Tokens:
            return Tokens(
                consumer=secrets.read(spec.consumer_token, tenant=tenant),
                employee=secrets.read(spec.employee_token, tenant=tenant),
            )

        return TripletexTenant(tenant, spec.base_url, spec.company_id, read_tokens)
