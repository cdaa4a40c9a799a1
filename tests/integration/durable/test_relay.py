"""The relay on real Postgres with a broker in memory: at least once, nothing skipped, nobody held up by another."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from bridge.contracts.headers import Header
from bridge.contracts.identity import EntityNumber, Flow, TenantId
from bridge.durable.database import Database
from bridge.durable.lease import LeaseKeeper
from bridge.durable.outbox import Outbox, OutboxRow
from bridge.durable.relay import MAX_ATTEMPTS, Relay
from bridge.runtime.checkpoints import Checkpoint, Checkpoints, no_checkpoints
from bridge.runtime.clock import Clock, SystemClock
from bridge.runtime.errors import LeaseLostError
from bridge.testkit.clock import ManualClock
from bridge.testkit.waiting import eventually

OUTBOX = Outbox("poller")
TOPIC = "customer-changed"


@dataclass(frozen=True, slots=True)
class _Record:
    topic: str
    key: bytes | None
    value: bytes
    headers: tuple[Header, ...]


@dataclass(frozen=True, slots=True)
class _Acked:
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class _Unsent:
    error: str
    record_is_guilty: bool


@dataclass(slots=True)
class _Broker:
    """Keeps an ordered log, refuses records for topics it does not know, and can be away."""

    log: list[_Record] = field(default_factory=list)
    topics: set[str] = field(default_factory=lambda: {TOPIC})
    away_for: set[bytes] = field(default_factory=set)
    asked: list[float] = field(default_factory=list)

    async def send(self, records: Sequence[_Record], *, deadline_seconds: float) -> Sequence[_Acked | _Unsent]:
        self.asked.append(deadline_seconds)
        return [self._take(record) for record in records]

    def _take(self, record: _Record) -> _Acked | _Unsent:
        if record.topic not in self.topics:
            return _Unsent(f"the topic {record.topic} does not exist", True)
        if record.value in self.away_for:
            return _Unsent("no answer in time", False)
        self.log.append(record)
        return _Acked(0, len(self.log) - 1)

    @property
    def values(self) -> list[str]:
        return [record.value.decode() for record in self.log]


@pytest.fixture
async def keeper(db: Database) -> LeaseKeeper:
    keeper = _keeper(db, "a")
    await keeper.turn()
    return keeper


def _keeper(db: Database, owner: str, clock: Clock | None = None) -> LeaseKeeper:
    return LeaseKeeper(
        db,
        schema="poller",
        owner=owner,
        ttl_seconds=30,
        margin_seconds=5,
        clock=clock or SystemClock(),
        wanted=("relay",),
    )


def _relay(
    db: Database, broker: _Broker, keeper: LeaseKeeper, *, checkpoints: Checkpoints = no_checkpoints
) -> Relay[_Record]:
    return Relay(
        db,
        OUTBOX,
        broker,
        _Record,
        keeper,
        clock=SystemClock(),
        batch=2000,
        idle_seconds=0.02,
        refusal_pause=timedelta(0),
        checkpoints=checkpoints,
    )


def _row(row_id: int, entity: str | None, *, topic: str = TOPIC) -> OutboxRow:
    return OutboxRow(
        id=row_id,
        topic=topic,
        key=f"acme:{entity}".encode(),
        value=str(row_id).encode(),
        headers=(("ce_id", f"event-{row_id}".encode()),),
        tenant=TenantId("acme"),
        flow=Flow.CUSTOMERS,
        entity=EntityNumber(entity) if entity is not None else None,
    )


async def _append(db: Database, *rows: OutboxRow) -> None:
    async with db.transaction() as tx:
        await OUTBOX.append(tx, rows)


async def _left(db: Database) -> list[int]:
    async with db.transaction() as tx:
        return [row.number("id") for row in await tx.all("SELECT id FROM poller.outbox ORDER BY id")]


async def test_rows_are_published_in_id_order_with_their_headers_and_then_gone(
    db: Database, keeper: LeaseKeeper
) -> None:
    broker = _Broker()
    await _append(db, _row(3, "a"), _row(1, "b"), _row(2, None))

    report = await _relay(db, broker, keeper).relay_once()

    assert broker.values == ["1", "2", "3"]
    assert broker.log[0] == _Record(TOPIC, b"acme:b", b"1", (("ce_id", b"event-1"),))
    assert report.published == 3
    assert await _left(db) == []


async def test_a_crash_between_acknowledgement_and_delete_publishes_the_same_record_again(
    db: Database, keeper: LeaseKeeper
) -> None:
    broker = _Broker()
    await _append(db, _row(1, "a"), _row(2, "b"))
    reached: list[object] = []

    def crash(point: Checkpoint, ids: Mapping[str, object]) -> None:
        reached.append((point, ids["ids"]))
        raise SystemError("killed here")

    with pytest.raises(SystemError):
        await _relay(db, broker, keeper, checkpoints=crash).relay_once()
    await _relay(db, broker, keeper).relay_once()

    assert reached == [(Checkpoint.AFTER_PRODUCE_BEFORE_DELETE, (1, 2))]
    assert broker.log[:2] == broker.log[2:]
    assert await _left(db) == []


async def test_rows_committed_out_of_id_order_are_never_skipped(db: Database, keeper: LeaseKeeper) -> None:
    broker = _Broker()
    relay = _relay(db, broker, keeper)
    async with db.transaction() as slow:
        first = await OUTBOX.reserve(slow, 1)
        await OUTBOX.append(slow, [_row(first[0], "slow")])
        async with db.transaction() as fast:
            second = await OUTBOX.reserve(fast, 1)
            await OUTBOX.append(fast, [_row(second[0], "fast")])
        await relay.relay_once()
        assert broker.values == [str(second[0])]

    await relay.relay_once()

    assert broker.values == [str(second[0]), str(first[0])]
    assert await _left(db) == []


async def test_a_refused_row_is_set_aside_and_only_its_own_entity_waits(db: Database, keeper: LeaseKeeper) -> None:
    broker = _Broker()
    relay = _relay(db, broker, keeper)
    bad = _row(1, "bad", topic="no-such-topic")
    others = [_row(number, f"good-{number}") for number in range(2, 1002)]
    behind = [_row(number, "bad") for number in range(2001, 2004)]
    await _append(db, bad, *others, *behind)

    reports = [await relay.relay_once() for _ in range(MAX_ATTEMPTS + 2)]

    assert len(broker.log) == 1000
    assert await _left(db) == [1, 2001, 2002, 2003]
    assert [row.set_aside for report in reports for row in report.refused] == [False, False, True]
    assert (await relay.depth()).set_aside == 1


async def test_after_the_decision_the_rows_behind_go_on_in_order(db: Database, keeper: LeaseKeeper) -> None:
    broker = _Broker()
    relay = _relay(db, broker, keeper)
    await _append(db, _row(1, "bad", topic="no-such-topic"), _row(2, "bad"), _row(3, "bad"))
    for _ in range(MAX_ATTEMPTS):
        await relay.relay_once()
    assert broker.values == []
    async with db.transaction() as tx:
        await OUTBOX.retry(tx, 1)
    broker.topics.add("no-such-topic")

    await relay.relay_once()

    assert broker.values == ["1", "2", "3"]


async def test_a_row_that_is_being_retried_is_not_overtaken_by_its_entitys_later_rows(
    db: Database, keeper: LeaseKeeper
) -> None:
    broker = _Broker(away_for={b"1"})
    relay = _relay(db, broker, keeper)
    await _append(db, _row(1, "a"), _row(2, "a"), _row(3, "b"))

    report = await relay.relay_once()
    assert broker.values == ["3"]
    assert (report.published, report.unsent, report.refused) == (1, 2, [])
    broker.away_for.clear()
    await relay.relay_once()

    assert broker.values == ["3", "1", "2"]


async def test_an_outage_counts_against_no_row(db: Database, keeper: LeaseKeeper) -> None:
    broker = _Broker(away_for={b"1"})
    relay = _relay(db, broker, keeper)
    await _append(db, _row(1, "a"))

    for _ in range(MAX_ATTEMPTS + 1):
        await relay.relay_once()

    assert (await relay.depth()).set_aside == 0
    assert await _left(db) == [1]


async def test_without_the_lease_nothing_is_published(db: Database, keeper: LeaseKeeper) -> None:
    broker = _Broker()
    await _append(db, _row(1, "a"))
    other = _keeper(db, "b")
    await other.turn()

    with pytest.raises(LeaseLostError):
        await _relay(db, broker, other).relay_once()

    assert broker.log == []


async def test_a_relay_whose_lease_has_moved_deletes_nothing(db: Database) -> None:
    broker = _Broker()
    keeper = _keeper(db, "a", ManualClock())
    await keeper.turn()
    await _append(db, _row(1, "a"))
    async with db.transaction() as tx:
        await tx.execute("UPDATE poller.lease SET owner = 'b', epoch = epoch + 1 WHERE name = 'relay'")
    relay = Relay(db, OUTBOX, broker, _Record, keeper, clock=ManualClock())

    with pytest.raises(LeaseLostError):
        await relay.relay_once()

    assert await _left(db) == [1]


async def test_nothing_is_sent_past_the_leases_own_deadline(db: Database) -> None:
    clock = ManualClock()
    broker = _Broker()
    keeper = _keeper(db, "a", clock)
    await keeper.turn()
    await _append(db, _row(1, "a"))
    clock.advance(22)

    await Relay(db, OUTBOX, broker, _Record, keeper, clock=clock, deadline_seconds=10).relay_once()

    assert broker.asked == [pytest.approx(3)]


async def test_as_a_loop_it_moves_what_comes_and_ends_when_told(db: Database, keeper: LeaseKeeper) -> None:
    broker = _Broker()
    stop = asyncio.Event()
    task = asyncio.create_task(_relay(db, broker, keeper).run(stop))
    await _append(db, _row(1, "a"))
    await eventually(lambda: broker.values == ["1"])
    await _append(db, _row(2, "a"))
    await eventually(lambda: broker.values == ["1", "2"])

    stop.set()
    await asyncio.wait_for(task, 60)

    assert await _left(db) == []
