"""Tenants and gates in memory, as they were within the last second.

Owns the snapshot that services read instead of the tables, so tenants change without a restart. Only what changed is
fetched: ten thousand mostly idle tenants cost one empty answer.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from bridge.contracts.identity import Flow, TenantId
from bridge.contracts.reasons import Reason
from bridge.durable.database import Database
from bridge.durable.lease import ignore_beat
from bridge.runtime.errors import TransientError
from bridge.runtime.lifecycle import until_stopped
from bridge.runtime.logging import get_logger
from bridge.tenancy import store
from bridge.tenancy.gates import Gate, GateKey, GateStore
from bridge.tenancy.store import UnreadableTenant
from bridge.tenancy.tenant import Tenant

REFRESH_SECONDS: Final = 1.0

_log: Final = get_logger(__name__)


class TenantDirectory:
    """The snapshot, and the loop that keeps it fresh.

    `tenants` holds removed and paused ones too: what is in doubt is still looked up. Mappings are replaced, never
    changed, so one taken for a turn stays as it was.
    """

    def __init__(
        self, db: Database, *, refresh_seconds: float = REFRESH_SECONDS, beat: Callable[[str], None] = ignore_beat
    ) -> None:
        self.name = "tenants"
        self._db = db
        self._refresh_seconds = refresh_seconds
        self._beat = beat
        self._horizon = 0
        self._tenants: Mapping[TenantId, Tenant] = MappingProxyType({})
        self._unreadable: Mapping[TenantId, UnreadableTenant] = MappingProxyType({})
        self._gates: Mapping[GateKey, Gate] = MappingProxyType({})

    @property
    def tenants(self) -> Mapping[TenantId, Tenant]:
        """Every tenant ever declared that this release can read."""
        return self._tenants

    @property
    def unreadable(self) -> Mapping[TenantId, UnreadableTenant]:
        """Tenants whose row this release cannot read; they wait, the others go on."""
        return self._unreadable

    @property
    def gates(self) -> Mapping[GateKey, Gate]:
        """Every closed gate."""
        return self._gates

    def closed(self, keys: Iterable[GateKey]) -> list[Gate]:
        """Return those of the gates that are closed, half-open ones included."""
        return [gate for key in keys if (gate := self._gates.get(key)) is not None]

    def is_live(self, tenant: TenantId, flow: Flow) -> bool:
        """Whether the flow of a known, unremoved tenant has been opened; a new one is closed as `not_live`."""
        known = self._tenants.get(tenant)
        gate = self._gates.get(GateKey.flow(tenant, flow))
        return known is not None and not known.removed and (gate is None or gate.reason is not Reason.NOT_LIVE)

    async def refresh(self) -> bool:
        """Fetch what changed; True if anything did. A failure leaves the snapshot as it is.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        async with self._db.transaction() as tx:
            # Taken first: a change that commits between the two statements is then fetched twice rather than never.
            horizon = await store.horizon(tx)
            changed = await store.changed_since(tx, self._horizon)
            gates = {gate.key: gate for gate in await GateStore().all(tx)}
        self._horizon = horizon
        moved = self._take_tenants(changed)
        if gates != self._gates:
            self._gates = MappingProxyType(gates)
            moved = True
        return moved

    async def run(self, stop: asyncio.Event) -> None:
        """Refresh until `stop` is set; while the database is away the last snapshot stands."""
        while not stop.is_set():
            try:
                await self.refresh()
            except TransientError as error:
                _log.warning("The tenants could not be refreshed; the last snapshot stands.", error=str(error))
            self._beat(self.name)
            await until_stopped(stop, self._refresh_seconds)

    def _take_tenants(self, changed: Iterable[Tenant | UnreadableTenant]) -> bool:
        new = [each for each in changed if self._xid(each.id) != each.changed_xid]
        if not new:
            return False
        tenants, unreadable = dict(self._tenants), dict(self._unreadable)
        for each in new:
            tenants.pop(each.id, None)
            unreadable.pop(each.id, None)
            if isinstance(each, Tenant):
                tenants[each.id] = each
            else:
                unreadable[each.id] = each
                _log.error("A tenant waits: its row cannot be read.", tenant=each.id, problem=each.problem)
        self._tenants, self._unreadable = MappingProxyType(tenants), MappingProxyType(unreadable)
        return True

    def _xid(self, tenant: TenantId) -> int | None:
        known = self._tenants.get(tenant) or self._unreadable.get(tenant)
        return known.changed_xid if known is not None else None
