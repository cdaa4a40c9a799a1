"""The outbox: rows to publish, written in the transaction of the change they tell of.

Owns the table `<schema>.outbox`, its ids and its size limit. Knows no broker; the relay publishes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bridge.contracts.headers import Header
from bridge.contracts.identity import EntityNumber, Flow, TenantId
from bridge.contracts.topics import MAX_EVENT_BYTES
from bridge.durable.database import Tx
from bridge.durable.queries import identifier, in_schema, load_queries
from bridge.durable.row import Row
from bridge.runtime.errors import BridgeError

_COLUMNS: Final = "id, topic, key, value, header_names, header_values, tenant, flow, entity"


class EventTooLargeError(BridgeError):
    """A value is above the one size limit; make it a dead letter instead of an outbox row."""

    def __init__(self, *, tenant: TenantId, entity: EntityNumber | None, size: int) -> None:
        self.size = size
        super().__init__(
            f"The event of tenant {tenant}, entity {entity or '(none)'}, is {size} bytes; at most {MAX_EVENT_BYTES} "
            "can travel. Shorten its longest text at the source."
        )


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One record to publish. `topic` is the name the producer is given; `id` comes from `Outbox.reserve`."""

    id: int
    topic: str
    key: bytes | None
    value: bytes
    headers: Sequence[Header]
    tenant: TenantId
    flow: Flow
    entity: EntityNumber | None


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row that the broker refuses for itself, waiting for an operator's decision."""

    row: OutboxRow
    attempts: int
    error: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Refused:
    """What became of a row after one more refusal."""

    id: int
    tenant: TenantId
    entity: EntityNumber | None
    attempts: int
    error: str
    set_aside: bool


@dataclass(frozen=True, slots=True)
class OutboxDepth:
    """Rows waiting and set aside, and the age in seconds of the oldest one waiting (0.0 if none)."""

    waiting: int
    set_aside: int
    oldest_seconds: float


class Outbox:
    """The outbox of one service's schema. Every method joins the caller's transaction."""

    def __init__(self, schema: str) -> None:
        self.schema = identifier(schema)
        self._sql = in_schema(load_queries("bridge.durable.sql", "outbox_queries.sql"), schema)

    async def reserve(self, tx: Tx, count: int) -> list[int]:
        """Take `count` ids, ascending. Call it after the transaction's fence, never before.

        Behind the fence a later transaction of the same tenant and flow gets higher ids, through rollbacks too. Ids
        taken before the fence, or from a cache, come out of order for 5 to 18 % of events.
        """
        rows = await tx.all(self._sql["reserve"], {"count": count})
        return sorted(row.number("id") for row in rows)

    async def append(self, tx: Tx, rows: Sequence[OutboxRow]) -> None:
        """Write rows; they are published if and only if the transaction commits.

        Raises:
            EventTooLargeError: A value is above MAX_EVENT_BYTES; nothing was written.
        """
        for row in rows:
            if len(row.value) > MAX_EVENT_BYTES:
                raise EventTooLargeError(tenant=row.tenant, entity=row.entity, size=len(row.value))
        if rows:
            await tx.copy(f"{self.schema}.outbox ({_COLUMNS})", (_to_columns(row) for row in rows))

    async def next_batch(self, tx: Tx, *, limit: int) -> list[OutboxRow]:
        """Return the oldest rows that may be published, in id order.

        Read from the start each time: rows are committed out of id order, so a remembered position would skip some.
        """
        return [_to_row(row) for row in await tx.all(self._sql["next_batch"], {"limit": limit})]

    async def delete(self, tx: Tx, ids: Sequence[int]) -> None:
        """Forget published rows."""
        if ids:
            await tx.execute(self._sql["delete"], {"ids": list(ids)})

    async def refuse(
        self, tx: Tx, errors: Sequence[tuple[int, str]], *, pause: timedelta, max_attempts: int
    ) -> list[Refused]:
        """Count one refusal for each (id, error); a row that reaches `max_attempts` is set aside."""
        if not errors:
            return []
        rows = await tx.all(
            self._sql["refuse"],
            {
                "ids": [row_id for row_id, _ in errors],
                "errors": [error for _, error in errors],
                "pause": pause,
                "max_attempts": max_attempts,
            },
        )
        return [_to_refused(row) for row in rows]

    async def pending(self, tx: Tx) -> OutboxDepth:
        """Return how much waits and how long."""
        row = await tx.one(self._sql["pending"])
        if row is None:
            return OutboxDepth(waiting=0, set_aside=0, oldest_seconds=0.0)
        return OutboxDepth(row.number("waiting"), row.number("set_aside"), row.decimal("oldest_seconds"))

    async def set_aside(self, tx: Tx, *, limit: int = 100) -> list[SetAside]:
        """Return the rows that need a decision, oldest first."""
        rows = await tx.all(self._sql["set_aside"], {"limit": limit})
        return [
            SetAside(_to_row(row), row.number("attempts"), row.text_or_none("error") or "", row.instant("set_aside_at"))
            for row in rows
        ]

    async def retry(self, tx: Tx, row_id: int) -> bool:
        """Let a row that was set aside try again; False if there is none."""
        return await tx.execute(self._sql["retry"], {"id": row_id}) == 1

    async def discard(self, tx: Tx, row_id: int) -> bool:
        """Drop a row that was set aside, which frees the rows behind it; False if there is none."""
        return await tx.execute(self._sql["discard"], {"id": row_id}) == 1


def _to_columns(row: OutboxRow) -> tuple[object, ...]:
    names = [name for name, _ in row.headers]
    values = [value for _, value in row.headers]
    return (row.id, row.topic, row.key, row.value, names, values, row.tenant, row.flow.value, row.entity)


def _to_row(row: Row) -> OutboxRow:
    entity = row.text_or_none("entity")
    return OutboxRow(
        id=row.number("id"),
        topic=row.text("topic"),
        key=row.octets_or_none("key"),
        value=row.octets("value"),
        headers=tuple(zip(row.items_of("header_names", str), row.items_of("header_values", bytes), strict=True)),
        tenant=TenantId(row.text("tenant")),
        flow=Flow(row.text("flow")),
        entity=EntityNumber(entity) if entity is not None else None,
    )


def _to_refused(row: Row) -> Refused:
    entity = row.text_or_none("entity")
    return Refused(
        id=row.number("id"),
        tenant=TenantId(row.text("tenant")),
        entity=EntityNumber(entity) if entity is not None else None,
        attempts=row.number("attempts"),
        error=row.text("error"),
        set_aside=row.flag("set_aside"),
    )
