"""Gates: who waits, since when, why, and who looks next.

Owns `control.gate`. A row is a closed gate; an open gate has none, and rows are written on change only. The database's
clock decides what is due. When to close is judged elsewhere.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Self

from bridge.contracts.identity import Flow, TenantId
from bridge.contracts.reasons import Reason
from bridge.durable.database import Tx
from bridge.durable.queries import load_queries
from bridge.durable.row import Row
from bridge.runtime.errors import BridgeError
from bridge.tenancy.acts import record_done

BY_HAND: Final = frozenset({Reason.NOT_LIVE, Reason.CLOSED_BY_OPERATOR, Reason.TOO_MANY_MISSING, Reason.REFUSED_ALIKE})
"""Reasons that only a person ends; no probe opens such a gate."""

_SQL: Final = load_queries("bridge.tenancy.sql", "gate_queries.sql")


class GateScope(StrEnum):
    """What a gate closes."""

    HOST = "host"
    """Every tenant's calls to one host."""
    SYSTEM = "system"
    """One tenant's calls to one of its systems."""
    FLOW = "flow"
    """One tenant's delivery in one flow."""
    SOURCE = "source"
    """One tenant's reading for one flow."""


class System(StrEnum):
    """One of the two systems that a tenant has."""

    TRIPLETEX = "tripletex"
    OC2 = "oc2"


class GateRefusedError(BridgeError):
    """A person's wish about a gate cannot be met; the message says what to do instead."""


@dataclass(frozen=True, slots=True)
class GateKey:
    """Which gate. Make it with one of the four class methods."""

    scope: GateScope
    subject: str

    @classmethod
    def host(cls, host: str) -> Self:
        return cls(GateScope.HOST, host)

    @classmethod
    def system(cls, tenant: TenantId, system: System) -> Self:
        return cls(GateScope.SYSTEM, f"{tenant}/{system}")

    @classmethod
    def flow(cls, tenant: TenantId, flow: Flow) -> Self:
        return cls(GateScope.FLOW, f"{tenant}/{flow}")

    @classmethod
    def source(cls, tenant: TenantId, flow: Flow) -> Self:
        return cls(GateScope.SOURCE, f"{tenant}/{flow}")

    @property
    def tenant(self) -> TenantId | None:
        """The tenant it belongs to; None for a host."""
        return None if self.scope is GateScope.HOST else TenantId(self.subject.partition("/")[0])

    def __str__(self) -> str:
        return f"{self.scope} {self.subject}"


@dataclass(frozen=True, slots=True)
class Gate:
    """A closed gate. `half_open` lets one row at a time through until one is applied. Times are in UTC."""

    key: GateKey
    reason: Reason
    why: str
    since: datetime
    until: datetime | None
    next_probe: datetime | None
    closed_by: str
    half_open: bool


class GateStore:
    """Reads and writes gates. Every method joins the caller's transaction."""

    async def all(self, tx: Tx) -> list[Gate]:
        """Return every closed gate."""
        return [to_gate(row) for row in await tx.all(_SQL["all"])]

    async def close(
        self,
        tx: Tx,
        key: GateKey,
        *,
        reason: Reason,
        why: str,
        closed_by: str,
        probe_in: timedelta,
        lasts: timedelta | None = None,
    ) -> bool:
        """Close a gate, or close it for another reason; True if something was written.

        A gate that a person closed stays as it is. `since` is kept while the reason stays.

        Args:
            why: What was seen, for people; no bodies, no secrets.
            closed_by: The service; the same one probes.
            probe_in: When to look first.
            lasts: When the other side said that it ends, if it did.
        """
        values = {"reason": reason, "why": why, "closed_by": closed_by, "probe_in": probe_in, "lasts": lasts}
        return await tx.execute(_SQL["close"], _named(key) | _hands() | values) == 1

    async def probe_due(
        self, tx: Tx, *, closed_by: str, tenants: Collection[TenantId], every: timedelta, limit: int = 20
    ) -> list[Gate]:
        """Claim the probes that are due now: gates of hosts, and of these tenants, that this service closed.

        At most one probe per gate and interval over all replicas; a row without a time is due at once.
        """
        values = {"closed_by": closed_by, "tenants": list(tenants), "every": every, "limit": limit}
        return [to_gate(row) for row in await tx.all(_SQL["probe_due"], _hands() | values)]

    async def half_open(self, tx: Tx, key: GateKey, *, reason: Reason) -> bool:
        """After a good probe for `reason`: let one row at a time through. False if the gate is closed otherwise now."""
        return await tx.execute(_SQL["half_open"], _named(key) | _hands() | {"reason": reason}) == 1

    async def open(self, tx: Tx, key: GateKey) -> bool:
        """After a row was applied through a half-open gate: open it. A success from before it closed opens nothing."""
        return await tx.execute(_SQL["open"], _named(key) | _hands()) == 1

    async def close_by_hand(self, tx: Tx, key: GateKey, *, who: str, why: str) -> None:
        """Close a gate for a person, with its audit row; only `open_by_hand` opens it again.

        Raises:
            GateRefusedError: The tenant is not live yet, so the gate is closed already.
        """
        self._refuse_not_live(await self._one(tx, key))
        values = {"reason": Reason.CLOSED_BY_OPERATOR, "why": why, "closed_by": f"operator:{who}"}
        await tx.execute(_SQL["close_by_hand"], _named(key) | values)
        await record_done(tx, who=who, why=why, verb="gate.close", tenant=key.tenant, args={"gate": str(key)})

    async def open_by_hand(self, tx: Tx, key: GateKey, *, who: str, why: str) -> Gate | None:
        """Open a gate for a person, with its audit row; returns what was closed, or None if nothing was.

        Raises:
            GateRefusedError: The tenant is not live yet; going live is an act of its own.
        """
        gate = await self._one(tx, key)
        self._refuse_not_live(gate)
        if gate is not None:
            await tx.execute(_SQL["open_by_hand"], _named(key))
            args: dict[str, object] = {"gate": str(key), "reason": gate.reason.value}
            await record_done(tx, who=who, why=why, verb="gate.open", tenant=key.tenant, args=args)
        return gate

    async def close_new(self, tx: Tx, key: GateKey) -> bool:
        """Close a flow of a new tenant as `not_live`; a gate that is there stays."""
        values = {"reason": Reason.NOT_LIVE, "why": "The flow is new.", "closed_by": "tenants apply"}
        return await tx.execute(_SQL["close_new"], _named(key) | values) == 1

    async def open_not_live(self, tx: Tx, tenant: TenantId) -> int:
        """Open what was closed only because the tenant was new; returns how many gates."""
        return await tx.execute(_SQL["open_not_live"], {"tenant": tenant})

    async def _one(self, tx: Tx, key: GateKey) -> Gate | None:
        row = await tx.one(_SQL["one"], _named(key))
        return to_gate(row) if row is not None else None

    @staticmethod
    def _refuse_not_live(gate: Gate | None) -> None:
        if gate is not None and gate.reason is Reason.NOT_LIVE:
            raise GateRefusedError(
                f"The gate {gate.key} is closed because the tenant is not live. Run 'bridge tenants go-live' first."
            )


def to_gate(row: Row) -> Gate:
    """Read a gate; a reason that this release does not know counts as closed by an operator: nothing opens it."""
    reason = row.text("reason")
    return Gate(
        key=GateKey(GateScope(row.text("scope")), row.text("subject")),
        reason=Reason(reason) if reason in set(Reason) else Reason.CLOSED_BY_OPERATOR,
        why=row.text("why"),
        since=row.instant("since"),
        until=row.instant_or_none("until_at"),
        next_probe=row.instant_or_none("next_probe_at"),
        closed_by=row.text("closed_by"),
        half_open=row.flag("half_open"),
    )


def _named(key: GateKey) -> dict[str, object]:
    return {"scope": key.scope, "subject": key.subject, "tenant": key.tenant}


def _hands() -> dict[str, object]:
    return {"by_hand": [reason.value for reason in sorted(BY_HAND)]}
