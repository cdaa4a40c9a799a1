"""Behind a real pgbouncer in transaction mode: never two relays, nothing lost, migrations as ever (K03, K04).

Runs where pgbouncer is installed. The promise itself does not hang on this file: the tests beside it show that rows
decide, and tests/architecture/test_sql_behind_a_pooler.py that no SQL needs a session.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from bridge.contracts.headers import Header
from bridge.contracts.identity import EntityNumber, Flow, TenantId
from bridge.durable.database import Database
from bridge.durable.lease import LeaseKeeper
from bridge.durable.migrate import MigrationSet, migrate
from bridge.durable.outbox import Outbox, OutboxRow
from bridge.durable.relay import Relay
from bridge.runtime.clock import SystemClock
from bridge.testkit.databases import settings_for
from bridge.testkit.pooler import MISSING, PGBOUNCER, open_pooler
from bridge.testkit.waiting import eventually

OUTBOX = Outbox("poller")
ROWS = 600

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason=MISSING)


@pytest.fixture
async def pooled(database: str, server_folder: Path) -> AsyncIterator[str]:
    """The DSN of the test's database through a pooler of its own."""
    async with open_pooler(database, server_folder) as dsn:
        yield dsn


@dataclass(frozen=True, slots=True)
class _Record:
    topic: str
    key: bytes | None
    value: bytes
    headers: tuple[Header, ...]


@dataclass(frozen=True, slots=True)
class _Acked:
    partition: int = 0
    offset: int = 0


@dataclass(slots=True)
class _Broker:
    """Acknowledges everything, a moment later, and notices when two relays send at once."""

    log: list[_Record] = field(default_factory=list)
    sending: int = 0
    overlaps: int = 0

    async def send(self, records: Sequence[_Record], *, deadline_seconds: float) -> Sequence[_Acked]:
        self.overlaps += self.sending > 0
        self.sending += 1
        await asyncio.sleep(0)
        self.log.extend(records)
        self.sending -= 1
        return [_Acked() for _ in records]


async def _append(db: Database) -> None:
    for _ in range(ROWS // 10):
        async with db.transaction() as tx:
            ids = await OUTBOX.reserve(tx, 10)
            await OUTBOX.append(tx, [_row(row_id) for row_id in ids])


def _row(row_id: int) -> OutboxRow:
    number = str(row_id % 25)
    return OutboxRow(
        id=row_id,
        topic="customer-changed",
        key=number.encode(),
        value=str(row_id).encode(),
        headers=(),
        tenant=TenantId("acme"),
        flow=Flow.CUSTOMERS,
        entity=EntityNumber(number),
    )


async def test_two_relays_behind_it_publish_each_row_once_and_in_order(pooled: str, shared_set: MigrationSet) -> None:
    await asyncio.gather(*(migrate(SecretStr(pooled), [shared_set]) for _ in range(5)))
    broker, stop, clock = _Broker(), asyncio.Event(), SystemClock()
    async with (
        Database(settings_for(pooled), application_name="one") as one,
        Database(settings_for(pooled), application_name="two") as two,
        asyncio.TaskGroup() as group,
    ):
        for owner, db in (("one", one), ("two", two)):
            keeper = LeaseKeeper(
                db, schema="poller", owner=owner, ttl_seconds=30, margin_seconds=5, clock=clock, wanted=("relay",)
            )
            group.create_task(keeper.run(stop))
            relay = Relay(db, OUTBOX, broker, _Record, keeper, clock=clock, batch=50, idle_seconds=0.01)
            group.create_task(relay.run(stop))
        await _append(one)
        await eventually(lambda: len(broker.log) >= ROWS, timeout=60)
        stop.set()

    by_key: dict[bytes | None, list[int]] = defaultdict(list)
    for record in broker.log:
        by_key[record.key].append(int(record.value))
    assert broker.overlaps == 0
    assert len(broker.log) == ROWS
    assert all(ids == sorted(set(ids)) for ids in by_key.values())
