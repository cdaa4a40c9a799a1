"""The publisher's memory in Postgres: one `PostgresUnit` is one transaction.

Knows the tables; decides nothing. Statements are multi-row, so that a batch costs a few round trips.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

from bridge.contracts.identity import EntityNumber, Flow, Shard, TenantId
from bridge.durable.database import Database, Tx
from bridge.durable.errors import ConstraintViolatedError, StatementRefusedError
from bridge.durable.outbox import Outbox, OutboxRow
from bridge.durable.queries import load_queries
from bridge.publisher.adapters.arrays import array_of
from bridge.publisher.adapters.journal_columns import LOG_COLUMNS, letter_columns, log_columns, stored_letter
from bridge.publisher.adapters.parcel_columns import (
    COLUMNS,
    plain_or_none,
    to_columns,
    to_parcel,
)
from bridge.publisher.application.ports import (
    AskedAct,
    Census,
    ClaimAsk,
    Errand,
    Hold,
    Partition,
    RecordRefusedError,
    Resend,
    StaleWriteError,
    StoredLetter,
    WaitingHead,
)
from bridge.publisher.domain.delivery.model import EntityKey
from bridge.publisher.domain.journal import Letter, LetterClosing, LogEntry, OpenedLetter, Parcel, SourceRow
from bridge.runtime.errors import ConfigurationError
from bridge.tenancy.acts import Act, ActStatus, ActStore

SCHEMA: Final = "publisher"
VERBS: Final = ("retry", "discard", "edit", "verify")
_DELIVERY_KEY: Final = "delivery_pkey"
_SQL: Final = load_queries("bridge.publisher.sql", "delivery_queries.sql")


def lease_name(shard: Shard) -> str:
    """Return the name under which a shard is leased."""
    return f"shard/{shard}"


class PostgresDeliveries:
    """The store behind `application.ports.DeliveryStore`; `owner` is this process's name in the lease table."""

    def __init__(self, db: Database, *, owner: str, acts: ActStore) -> None:
        self._db = db
        self._owner = owner
        self._acts = acts
        self._outbox = Outbox(SCHEMA)

    @asynccontextmanager
    async def unit(self) -> AsyncIterator["PostgresUnit"]:
        """Begin a transaction; see `application.ports.DeliveryStore`."""
        try:
            async with self._db.transaction() as tx:
                row = await tx.one(_SQL["now"])
                if row is None:
                    raise ConfigurationError("Postgres does not tell the time; check the server.")
                yield PostgresUnit(tx, row.instant("now"), owner=self._owner, outbox=self._outbox, acts=self._acts)
        except ConstraintViolatedError as error:
            if error.constraint == _DELIVERY_KEY:
                raise StaleWriteError from error
            raise RecordRefusedError(str(error)) from error
        except StatementRefusedError as error:
            raise RecordRefusedError(str(error)) from error

    async def census(self) -> Census:
        """Return what waits for something, counted."""
        async with self._db.transaction() as tx:
            states = await tx.all(_SQL["count_states"])
            letters = await tx.all(_SQL["count_letters"])
            doubts = await tx.all(_SQL["oldest_doubts"])
        return Census(
            {(row.text("tenant"), row.text("flow"), row.text("state")): row.number("n") for row in states},
            {(row.text("tenant"), row.text("flow"), row.text("reason")): row.number("n") for row in letters},
            {(row.text("tenant"), row.text("flow")): row.decimal("seconds") for row in doubts},
        )

    async def waiting_heads(self) -> Sequence[WaitingHead]:
        """Return the oldest waiting work of each tenant and flow that has any."""
        return await self._heads("waiting_heads")

    async def errand_heads(self, errand: Errand) -> Sequence[WaitingHead]:
        """Return the oldest waiting errand of each tenant and flow that has any."""
        return await self._heads(f"{errand}_heads")

    async def _heads(self, query: str) -> Sequence[WaitingHead]:
        async with self._db.autocommit() as tx:
            rows = await tx.all(_SQL[query])
        return [
            WaitingHead(
                Shard(row.number("shard")),
                TenantId(row.text("tenant")),
                Flow(row.text("flow")),
                timedelta(seconds=row.decimal("overdue")),
            )
            for row in rows
        ]


class PostgresUnit:
    """One transaction; see `application.ports.Unit` for each promise."""

    def __init__(self, tx: Tx, now: datetime, *, owner: str, outbox: Outbox, acts: ActStore) -> None:
        self._tx = tx
        self._now = now
        self._owner = owner
        self._outbox = outbox
        self._acts = acts

    @property
    def now(self) -> datetime:
        """The database's moment of this transaction."""
        return self._now

    async def lock(self, keys: Sequence[EntityKey]) -> Mapping[EntityKey, Parcel]:
        if not keys:
            return {}
        rows = await self._tx.all(_SQL["lock"], _key_columns(keys))
        return {parcel.key: parcel for parcel in map(to_parcel, rows)}

    async def lock_due(self, asks: Sequence[ClaimAsk]) -> Sequence[Parcel]:
        good = await self._good(asks)
        if not good:
            return []
        doubts_only = array_of(ask.doubts_only for ask in good)
        rows = await self._tx.all(_SQL["lock_due"], {**_ask_columns(good), "doubts_only": doubts_only})
        return [to_parcel(row) for row in rows]

    async def lock_errands(self, errand: Errand, asks: Sequence[ClaimAsk]) -> Sequence[Parcel]:
        good = await self._good(asks)
        if not good:
            return []
        return [to_parcel(row) for row in await self._tx.all(_SQL[f"lock_{errand}s"], _ask_columns(good))]

    async def _good(self, asks: Sequence[ClaimAsk]) -> list[ClaimAsk]:
        current = await self._current(list({ask.hold.shard: ask.hold for ask in asks}.values()))
        return [ask for ask in asks if ask.hold.shard in current]

    async def lock_out(self, holds: Sequence[Hold]) -> Sequence[Parcel]:
        shards = await self._current(holds)
        if not shards:
            return []
        return [to_parcel(row) for row in await self._tx.all(_SQL["lock_out"], {"shards": list(shards)})]

    async def add(self, parcels: Sequence[Parcel]) -> None:
        await self._tx.copy(f"publisher.delivery ({', '.join(COLUMNS)})", map(to_columns, parcels))

    async def change(self, parcels: Sequence[Parcel]) -> None:
        if not parcels:
            return
        columns = zip(*map(to_columns, parcels), strict=True)
        params: dict[str, object] = {name: array_of(values) for name, values in zip(COLUMNS, columns, strict=True)}
        if await self._tx.execute(_SQL["change"], params) != len(parcels):
            raise StaleWriteError

    async def log(self, entries: Sequence[LogEntry]) -> None:
        if entries:
            await self._tx.copy(f"publisher.delivery_log ({LOG_COLUMNS})", map(log_columns, entries))

    async def close_letters(self, closings: Sequence[LetterClosing]) -> None:
        await self._tx.execute(
            _SQL["close_letters"],
            {
                **_key_columns([closing.key for closing in closings]),
                "how": array_of(closing.closed_as for closing in closings),
                "by": array_of(closing.closed_by for closing in closings),
                "why": array_of(plain_or_none(closing.closed_why) for closing in closings),
            },
        )

    async def close_loose_letters(self, rows: Collection[SourceRow]) -> None:
        if rows:
            await self._tx.execute(_SQL["close_loose_letters"], {"refs": array_of({row.source_ref for row in rows})})

    async def open_letters(self, letters: Sequence[Letter]) -> Sequence[OpenedLetter]:
        opened: list[OpenedLetter] = []
        for letter in letters:
            row = await self._tx.one(_SQL["open_letter"], letter_columns(letter))
            if row is not None:
                opened.append(OpenedLetter(row.number("id"), row.instant("opened_at"), letter, row.number("rounds")))
        return opened

    async def publish(self, records: Sequence[Resend]) -> None:
        if not records:
            return
        ids = await self._outbox.reserve(self._tx, len(records))
        await self._outbox.append(self._tx, [_outbox_row(row_id, r) for row_id, r in zip(ids, records, strict=True)])

    async def ingested(self) -> Mapping[Partition, int]:
        rows = await self._tx.all(_SQL["ingested"])
        return {(row.text("topic"), row.number("kafka_partition")): row.number("next_offset") for row in rows}

    async def mark_ingested(self, offsets: Mapping[Partition, int]) -> None:
        await self._tx.execute(
            _SQL["mark_ingested"],
            {
                "topics": array_of(topic for topic, _ in offsets),
                "partitions": array_of(partition for _, partition in offsets),
                "offsets": array_of(offsets.values()),
            },
        )

    async def others_confirmed(self, key: EntityKey, since: datetime) -> bool:
        row = await self._tx.one(_SQL["others_confirmed"], {**_one_key(key), "since": since})
        return row is not None and row.flag("found")

    async def asked_acts(self, shards: Sequence[Shard]) -> Sequence[AskedAct]:
        acts = await self._acts.pending(self._tx, verbs=VERBS, shards=shards)
        return [_asked(act) for act in acts]

    async def letter(self, letter_id: int) -> StoredLetter | None:
        row = await self._tx.one(_SQL["letter"], {"id": letter_id})
        return stored_letter(row) if row is not None else None

    async def open_letter_of(self, key: EntityKey) -> StoredLetter | None:
        row = await self._tx.one(_SQL["open_letter_of"], _one_key(key))
        return stored_letter(row) if row is not None else None

    async def close_letter(self, letter_id: int, *, closed_as: str, closed_by: str, closed_why: str) -> None:
        await self._tx.execute(
            _SQL["close_letter"], {"id": letter_id, "how": closed_as, "by": closed_by, "why": plain_or_none(closed_why)}
        )

    async def finish_act(self, act_id: int, *, done: bool, outcome: str) -> None:
        await self._acts.finish(self._tx, act_id, ActStatus.DONE if done else ActStatus.REFUSED, outcome)

    async def _current(self, holds: Sequence[Hold]) -> set[Shard]:
        """Which holds are still ours; those cannot be taken over before the transaction ends."""
        named = {lease_name(hold.shard): hold.shard for hold in holds}
        rows = await self._tx.all(
            _SQL["hold"],
            {"names": list(named), "epochs": [hold.epoch for hold in holds], "owner": self._owner},
        )
        return {named[row.text("name")] for row in rows}


def _key_columns(keys: Sequence[EntityKey]) -> dict[str, object]:
    return {
        "tenants": array_of(key.tenant for key in keys),
        "flows": array_of(key.flow.value for key in keys),
        "entities": array_of(key.entity for key in keys),
    }


def _ask_columns(asks: Sequence[ClaimAsk]) -> dict[str, object]:
    return {
        "shards": array_of(ask.hold.shard for ask in asks),
        "tenants": array_of(ask.tenant for ask in asks),
        "flows": array_of(ask.flow.value for ask in asks),
        "limits": array_of(ask.limit for ask in asks),
    }


def _one_key(key: EntityKey) -> dict[str, object]:
    return {"tenant": key.tenant, "flow": key.flow.value, "entity": key.entity}


def _outbox_row(row_id: int, record: Resend) -> OutboxRow:
    """A letter of a record that names no tenant still goes out; the empty name keeps it apart from every tenant's."""
    return OutboxRow(
        id=row_id,
        topic=record.topic,
        key=record.key,
        value=record.value,
        headers=record.headers,
        tenant=TenantId(record.tenant or ""),
        flow=Flow(record.flow) if record.flow else Flow.CUSTOMERS,
        entity=EntityNumber(record.entity) if record.entity else None,
    )


def _asked(act: Act) -> AskedAct:
    letter, payload = act.args.get("letter"), act.args.get("payload")
    return AskedAct(
        act_id=act.id,
        verb=act.verb,
        who=act.who,
        why=act.why,
        tenant=act.tenant,
        flow=act.flow,
        entity=act.entity,
        version=act.version,
        letter_id=letter if isinstance(letter, int) else None,
        payload=payload if isinstance(payload, str) else None,
        override=act.args.get("override") is True,
    )
