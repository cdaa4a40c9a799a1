"""Tenants, gates and shard leases as the use cases ask for them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from bridge.contracts.identity import SHARDS, Shard, TenantId
from bridge.contracts.reasons import Reason
from bridge.durable.database import Database
from bridge.durable.lease import LeaseKeeper
from bridge.publisher.adapters.postgres_deliveries import lease_name
from bridge.publisher.application.ports import Hold
from bridge.remote.gate import Close
from bridge.tenancy.directory import TenantDirectory
from bridge.tenancy.gates import Gate, GateKey, GateStore, System
from bridge.tenancy.tenant import Language

SERVICE: Final = "publisher"
_SHARD_OF_LEASE: Final = {lease_name(Shard(number)): Shard(number) for number in range(SHARDS)}
SHARD_LEASES: Final = tuple(_SHARD_OF_LEASE)


class LeasedShards:
    """The shards that this process holds, from its lease keeper."""

    def __init__(self, keeper: LeaseKeeper) -> None:
        self._keeper = keeper

    def current(self) -> Mapping[Shard, Hold]:
        """Return the holds whose deadline has not passed."""
        return {
            _SHARD_OF_LEASE[name]: Hold(_SHARD_OF_LEASE[name], lease.epoch, lease.deadline_boot)
            for name, lease in self._keeper.held.items()
            if name in _SHARD_OF_LEASE
        }


class DirectoryStanding:
    """What the directory's snapshot says of tenants."""

    def __init__(self, directory: TenantDirectory) -> None:
        self._directory = directory

    async def refresh(self) -> None:
        await self._directory.refresh()

    def known(self, tenant: TenantId) -> bool:
        return tenant in self._directory.tenants or tenant in self._directory.unreadable

    def removed(self, tenant: TenantId) -> bool:
        known = self._directory.tenants.get(tenant)
        return known is not None and known.removed

    def served(self, tenant: TenantId) -> bool:
        known = self._directory.tenants.get(tenant)
        return known is not None and not known.removed

    def paused(self, tenant: TenantId) -> bool:
        known = self._directory.tenants.get(tenant)
        return known is None or known.paused

    def language(self, tenant: TenantId) -> Language:
        known = self._directory.tenants.get(tenant)
        return known.spec.language if known else Language.NORWEGIAN

    def floor_over(self, tenant: TenantId, invoice: int) -> datetime | None:
        known = self._directory.tenants.get(tenant)
        if known is None:
            # Its row cannot be read: as careful as can be.
            return datetime.now(UTC)
        return known.ledger_floor.set_at if known.ledger_floor.covers(invoice) else None


class StoredGates:
    """The gates in `control.gate`, read from the snapshot; each write is followed by a refresh."""

    def __init__(self, db: Database, directory: TenantDirectory) -> None:
        self._db = db
        self._directory = directory
        self._store = GateStore()

    def closed(self, keys: Iterable[GateKey]) -> Sequence[Gate]:
        return self._directory.closed(keys)

    def host_of(self, tenant: TenantId, system: System) -> GateKey | None:
        known = self._directory.tenants.get(tenant)
        if known is None:
            return None
        return GateKey.host(known.spec.oc2.host if system is System.OC2 else known.spec.tripletex.host)

    async def close(self, key: GateKey, close: Close, *, probe_in: timedelta) -> None:
        async with self._db.transaction() as tx:
            await self._store.close(
                tx,
                key,
                reason=close.reason,
                why=close.why,
                closed_by=SERVICE,
                probe_in=probe_in,
                lasts=close.pause,
            )
        await self._directory.refresh()

    async def half_open(self, key: GateKey, reason: Reason) -> None:
        async with self._db.transaction() as tx:
            await self._store.half_open(tx, key, reason=reason)
        await self._directory.refresh()

    async def open(self, key: GateKey) -> None:
        async with self._db.transaction() as tx:
            await self._store.open(tx, key)
        await self._directory.refresh()

    async def due_probes(self, tenants: Sequence[TenantId], *, every: timedelta) -> Sequence[Gate]:
        async with self._db.transaction() as tx:
            return await self._store.probe_due(tx, closed_by=SERVICE, tenants=tenants, every=every)
