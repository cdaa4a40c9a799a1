"""Proof, status and tenants, read from every service's tables in one snapshot each."""

from collections.abc import Mapping
from typing import Final

from bridge.console.application.status import FlowStatus, RelayStatus
from bridge.console.domain.proof import FlowCounts
from bridge.contracts.identity import TenantId
from bridge.durable.database import Database, Tx
from bridge.durable.queries import load_queries
from bridge.durable.row import Row
from bridge.tenancy.gates import Gate, GateStore

_PROOF: Final = load_queries("bridge.console.sql", "proof_queries.sql")
_STATUS: Final = load_queries("bridge.console.sql", "status_queries.sql")
_COUNTED: Final = ("in_flight", "waiting", "in_doubt", "confirmed", "dead", "discarded")


class PostgresOverview:
    """See `application.proof.ProofStore` and `application.status.StatusStore`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def knows(self, tenant: TenantId) -> bool:
        """Whether this cell ever had the tenant."""
        async with self._db.transaction() as tx:
            return await tx.one(_STATUS["knows"], {"tenant": tenant}) is not None

    async def counts(self, tenant: TenantId | None) -> list[FlowCounts]:
        """Return the proof's counts; one statement, so they are of one moment."""
        async with self._db.transaction() as tx:
            return [_to_counts(row) for row in await tx.all(_PROOF["proof"], {"tenant": tenant})]

    async def flows(self, tenant: TenantId | None) -> list[FlowStatus]:
        """Return how the flows stand."""
        async with self._db.transaction() as tx:
            return [_to_status(row) for row in await tx.all(_STATUS["flows"], {"tenant": tenant})]

    async def gates(self) -> list[Gate]:
        """Return every closed gate."""
        async with self._db.transaction() as tx:
            return await GateStore().all(tx)

    async def publisher_relay(self) -> RelayStatus:
        """Return what the publisher's relay has before it."""
        async with self._db.transaction() as tx:
            row = await tx.one(_STATUS["publisher_outbox"])
        if row is None:
            return RelayStatus(0, 0, None)
        return RelayStatus(row.number("depth"), row.number("set_aside"), row.instant_or_none("oldest"))


async def count_in_doubt(tx: Tx, tenant: TenantId) -> int:
    """Return how much of a tenant's work may or may not be at the target; what a removal is refused for."""
    row = await tx.one(_STATUS["in_doubt"], {"tenant": tenant})
    return row.number("n") if row is not None else 0


def _to_counts(row: Row) -> FlowCounts:
    return FlowCounts(
        tenant=row.text("tenant"),
        flow=row.text("flow"),
        emitted=row.number("emitted"),
        changes=row.number("changes"),
        entities=row.number("entities"),
        dead_by_reason=_numbers(row, "dead_by_reason"),
        discarded_by_reason=_numbers(row, "discarded_by_reason"),
        confirmed_with_letter=_numbers(row, "confirmed_with_letter"),
        diverged=row.number("diverged"),
        receipts_outstanding=row.number("receipts_outstanding"),
        letters_without_entity=row.number("letters_without_entity"),
        outbox=row.number("outbox"),
        strays=row.number("strays"),
        ahead=row.number("ahead"),
        confirmed_other=row.number("confirmed_other"),
        **{name: row.number(name) for name in _COUNTED},
    )


def _to_status(row: Row) -> FlowStatus:
    return FlowStatus(
        tenant=TenantId(row.text("tenant")),
        flow=row.text("flow"),
        paused=row.flag("paused"),
        removed=row.flag("removed"),
        last_good_poll=row.instant_or_none("last_good_poll_at"),
        next_poll=row.instant_or_none("next_due_at"),
        failing_polls=row.number("failing_polls"),
        last_error=row.text_or_none("last_error"),
        states=_numbers(row, "states"),
        waits_since=row.instant_or_none("waits_since"),
        receipts=row.number("receipts"),
        outbox=row.number("outbox"),
        set_aside=row.number("set_aside"),
        as_of=row.instant("as_of"),
    )


def _numbers(row: Row, name: str) -> Mapping[str, int]:
    return {key: value for key, value in row.document(name).items() if isinstance(value, int)}
