"""The poller's memory in Postgres: one fenced transaction per look.

Owns the tables `source_cursor`, `source_entity` and `source_record`, and the order of writes inside a transaction.
Decides nothing about content.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from bridge.contracts.events.customer import WithdrawnBecause
from bridge.contracts.events.invoice import InvoiceWithdrawnBecause
from bridge.contracts.identity import EntityNumber, Flow, Revision, SourceId, TenantId
from bridge.contracts.reasons import Reason
from bridge.durable.database import Database, Tx
from bridge.durable.queries import load_queries
from bridge.durable.row import Row
from bridge.poller.adapters.announcer import Announcer
from bridge.poller.adapters.postgres_batches import PostgresBatches
from bridge.poller.application.ports import Post
from bridge.poller.domain.cursor import Cursor, FilterMode
from bridge.poller.domain.memory import Because, Content, Entity, Event, Fault, Record, Standing
from bridge.runtime.errors import LeaseLostError

QUERIES = load_queries("bridge.poller.sql", "memory_queries.sql")
_BECAUSES: Mapping[str, Because] = {each.value: each for each in (*WithdrawnBecause, *InvoiceWithdrawnBecause)}


class PostgresMemory:
    """The memory of all tenants in one schema."""

    def __init__(self, db: Database, announcer: Announcer) -> None:
        self._db = db
        self._announcer = announcer

    @asynccontextmanager
    async def unit(self, post: Post) -> AsyncIterator["PostgresUnit"]:
        """Open a transaction and pass the fence; see `ports.Memory.unit`."""
        async with self._db.transaction() as tx:
            yield PostgresUnit(tx, post, await pass_fence(tx, post), self._announcer)

    async def due_in(self, tenants: Sequence[TenantId], flow: Flow) -> dict[TenantId, float]:
        """See `ports.Memory.due_in`."""
        async with self._db.transaction() as tx:
            rows = await tx.all(QUERIES["due_in"], {"tenants": list(tenants), "flow": flow.value})
        return {TenantId(row.text("tenant")): row.decimal("seconds") for row in rows}


async def pass_fence(tx: Tx, post: Post) -> Cursor:
    """Claim the tenant's cursor under the post's epoch until the transaction ends.

    Raises:
        LeaseLostError: The cursor carries a newer epoch; roll back.
    """
    row = await tx.one(QUERIES["fence"], {"tenant": post.tenant, "flow": post.flow.value, "epoch": post.epoch})
    if row is None:
        raise LeaseLostError(
            f"The source of tenant {post.tenant} has a newer owner than epoch {post.epoch}; the work is dropped."
        )
    return Cursor(
        era=row.number("era"),
        mode=FilterMode(row.text("mode")),
        mode_checked_at=row.instant_or_none("mode_checked_at"),
        changed_since_bound=row.instant_or_none("changed_since_bound"),
        last_crawl_at=row.instant_or_none("last_crawl_at"),
        missing_held=row.number_or_none("missing_held"),
        as_of=row.instant("as_of"),
    )


class PostgresUnit:
    """One transaction behind the fence; see `ports.Unit`."""

    def __init__(self, tx: Tx, post: Post, cursor: Cursor, announcer: Announcer) -> None:
        self._tx = tx
        self._post = post
        self._cursor = cursor
        self._announcer = announcer
        self._who: dict[str, object] = {"tenant": post.tenant, "flow": post.flow.value}
        self._recalled: Mapping[SourceId, Record] = {}

    @property
    def cursor(self) -> Cursor:
        """The cursor as it stood when the fence was passed."""
        return self._cursor

    @property
    def batches(self) -> PostgresBatches:
        """The memory of the tenant's batches, in the same transaction."""
        return PostgresBatches(self._tx, self._post)

    async def recall(
        self, ids: Iterable[SourceId], numbers: Iterable[EntityNumber]
    ) -> tuple[dict[SourceId, Record], dict[EntityNumber, Entity]]:
        """Read rows, the holders and waiters of their numbers, old and new, and the memory of those numbers."""
        rows = await self._tx.all(QUERIES["records"], {**self._who, "ids": sorted(set(ids))})
        records = {record.source_id: record for record in map(_to_record, rows)}
        touched = sorted({record.number for record in records.values() if record.number} | set(numbers))
        found = await self._tx.all(QUERIES["entities"], {**self._who, "numbers": touched})
        entities = {entity.number: entity for entity in map(_to_entity, found)}
        holders = {entity.holder for entity in entities.values() if entity.holder} - records.keys()
        others = await self._tx.all(
            QUERIES["bystanders"], {**self._who, "holders": sorted(holders), "numbers": touched}
        )
        records.update({record.source_id: record for record in map(_to_record, others)})
        self._recalled = records
        return records, entities

    async def remember(
        self, records: Sequence[Record], entities: Sequence[Entity], revisions: Mapping[EntityNumber, Revision]
    ) -> None:
        """Write rows and numbers in two statements, after the rows that leave a number have let go of it."""
        if leaving := [record.source_id for record in records if self._leaves(record)]:
            await self._tx.execute(QUERIES["leave_numbers"], {**self._who, "ids": leaving})
        if records:
            await self._tx.execute(QUERIES["write_records"], self._who | _record_columns(records))
        if entities:
            await self._tx.execute(QUERIES["write_entities"], self._who | _entity_columns(entities, revisions))

    def _leaves(self, record: Record) -> bool:
        known = self._recalled.get(record.source_id)
        holds = record.number if record.standing is Standing.HOLDS else None
        return known is not None and known.standing is Standing.HOLDS and known.number != holds

    async def announce(self, events: Sequence[Event], *, page_traceparent: str | None) -> dict[EntityNumber, Revision]:
        """Write events to the outbox behind the fence and count those about an entity."""
        if not events:
            return {}
        revisions = await self._announcer.announce(
            self._tx, self._post, self._cursor, events, page_traceparent=page_traceparent
        )
        emitted = sum(event.number is not None for event in events)
        await self._tx.execute(QUERIES["count_emitted"], {**self._who, "emitted": emitted})
        return revisions

    async def save_cursor(self, cursor: Cursor, *, due_in: timedelta) -> None:
        """Move the cursor."""
        await self._tx.execute(
            QUERIES["save_cursor"],
            {
                **self._who,
                "bound": cursor.changed_since_bound,
                "mode": cursor.mode.value,
                "mode_checked_at": cursor.mode_checked_at,
                "last_crawl_at": cursor.last_crawl_at,
                "missing_held": cursor.missing_held,
                "due_in": due_in,
            },
        )

    async def save_failure(self, error: str, *, due_in: timedelta) -> int:
        """Remember a poll that ended early."""
        row = await self._tx.one(QUERIES["save_failure"], {**self._who, "error": error, "due_in": due_in})
        return row.number("failing_polls") if row else 0

    async def standing_ids(self) -> set[SourceId]:
        """Return every row that should still be there."""
        return {SourceId(row.text("source_id")) for row in await self._tx.all(QUERIES["standing_ids"], self._who)}

    async def has_forgotten(self) -> bool:
        """Return whether some number's last word was forgotten."""
        return await self._tx.one(QUERIES["has_forgotten"], self._who) is not None

    async def forgotten_unheld(self, limit: int) -> list[EntityNumber]:
        """Return numbers to withdraw once more."""
        rows = await self._tx.all(QUERIES["forgotten_unheld"], {**self._who, "limit": limit})
        return [EntityNumber(row.text("entity")) for row in rows]


def _to_record(row: Row) -> Record:
    number, snapshot = row.text_or_none("entity"), row.octets_or_none("snapshot")
    return Record(
        source_id=SourceId(row.text("source_id")),
        number=EntityNumber(number) if number is not None else None,
        standing=Standing(row.text("standing")),
        version=row.number("version"),
        newest_change=row.instant_or_none("newest_change"),
        source_hash=row.text("source_hash"),
        content=Content(snapshot, row.text("source_hash"), _to_fault(row)) if snapshot is not None else None,
    )


def _to_fault(row: Row) -> Fault | None:
    reason = row.text_or_none("fault_reason")
    return Fault(Reason(reason), row.text("fault_field"), row.text("fault_detail")) if reason else None


def _to_entity(row: Row) -> Entity:
    holder, because = row.text_or_none("holder_id"), row.text_or_none("withdrawn_because")
    return Entity(
        number=EntityNumber(row.text("entity")),
        holder=SourceId(holder) if holder is not None else None,
        change_no=row.number("change_no"),
        source_hash=row.text_or_none("source_hash"),
        withdrawn=_BECAUSES[because] if because is not None else None,
    )


def _record_columns(records: Sequence[Record]) -> dict[str, object]:
    contents = [record.content for record in records]
    faults = [content.fault if content else None for content in contents]
    return {
        "ids": [record.source_id for record in records],
        "numbers": [record.number for record in records],
        "standings": [record.standing.value for record in records],
        "versions": [record.version for record in records],
        "newest_changes": [record.newest_change for record in records],
        "hashes": [record.source_hash for record in records],
        "snapshots": [content.body if content else None for content in contents],
        "fault_reasons": [fault.reason.value if fault else None for fault in faults],
        "fault_fields": [fault.field if fault else None for fault in faults],
        "fault_details": [fault.detail if fault else None for fault in faults],
    }


def _entity_columns(entities: Sequence[Entity], revisions: Mapping[EntityNumber, Revision]) -> dict[str, object]:
    return {
        "numbers": [entity.number for entity in entities],
        "holders": [entity.holder for entity in entities],
        "change_nos": [entity.change_no for entity in entities],
        "revisions": [revisions.get(entity.number) for entity in entities],
        "hashes": [entity.source_hash for entity in entities],
        "becauses": [entity.withdrawn.value if entity.withdrawn else None for entity in entities],
    }
