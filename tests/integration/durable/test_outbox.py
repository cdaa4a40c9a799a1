"""The outbox on real Postgres: ids in order behind the fence, rows only with their transaction, one size limit."""

import asyncio
import random
from datetime import timedelta

import pytest

from bridge.contracts.identity import EntityNumber, Flow, TenantId
from bridge.contracts.topics import MAX_EVENT_BYTES
from bridge.durable.database import Database, Tx
from bridge.durable.outbox import EventTooLargeError, Outbox, OutboxRow
from bridge.testkit.databases import settings_for

OUTBOX = Outbox("poller")


def _row(row_id: int, *, tenant: str = "acme", entity: str | None = "1", value: bytes = b"{}") -> OutboxRow:
    return OutboxRow(
        id=row_id,
        topic="customer-changed",
        key=b"acme:1",
        value=value,
        headers=(("ce_id", "é".encode()), ("traceparent", b"\xff\x00")),
        tenant=TenantId(tenant),
        flow=Flow.CUSTOMERS,
        entity=EntityNumber(entity) if entity is not None else None,
    )


async def _waiting(db: Database) -> list[int]:
    async with db.transaction() as tx:
        return [row.id for row in await OUTBOX.next_batch(tx, limit=1000)]


async def test_a_row_comes_back_byte_for_byte(db: Database) -> None:
    async with db.transaction() as tx:
        [row_id] = await OUTBOX.reserve(tx, 1)
        await OUTBOX.append(tx, [_row(row_id, value=b"\x00\xffraw", entity=None)])

    async with db.transaction() as tx:
        found = await OUTBOX.next_batch(tx, limit=10)

    assert found == [_row(row_id, value=b"\x00\xffraw", entity=None)]


async def test_rows_of_a_transaction_that_fails_are_not_there(db: Database) -> None:
    async def fail() -> None:
        async with db.transaction() as tx:
            await OUTBOX.append(tx, [_row(row_id) for row_id in await OUTBOX.reserve(tx, 3)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()

    assert await _waiting(db) == []


async def test_one_byte_too_many_is_refused_with_size_and_limit_and_nothing_is_written(db: Database) -> None:
    async def write() -> None:
        async with db.transaction() as tx:
            await OUTBOX.append(tx, [_row(1), _row(2, value=b"x" * (MAX_EVENT_BYTES + 1))])

    with pytest.raises(EventTooLargeError, match=f"{MAX_EVENT_BYTES + 1} bytes; at most {MAX_EVENT_BYTES}"):
        await write()

    assert await _waiting(db) == []


async def test_the_largest_event_fits(db: Database) -> None:
    async with db.transaction() as tx:
        await OUTBOX.append(tx, [_row(1, value=b"x" * MAX_EVENT_BYTES)])

    assert await _waiting(db) == [1]


async def test_ids_behind_the_fence_rise_per_tenant_through_rollbacks_and_concurrency(
    database: str, db: Database
) -> None:
    async with db.transaction() as tx:
        await tx.execute("CREATE TABLE fence (tenant text PRIMARY KEY, turn bigint NOT NULL DEFAULT 0)")
        await tx.execute("CREATE TABLE seen (tenant text, turn bigint, id bigint)")
        await tx.execute("INSERT INTO fence (tenant) VALUES ('acme'), ('brim')")
    chance = random.Random(4)

    async def work(own: Database) -> None:
        for _ in range(60):
            tenant, fails = chance.choice(["acme", "brim"]), chance.random() < 0.3
            try:
                async with own.transaction() as tx:
                    await _observe(tx, tenant)
                    if fails:
                        raise ZeroDivisionError
            except ZeroDivisionError:
                pass

    async with Database(settings_for(database, pool_max=8), application_name="workers") as own:
        await asyncio.gather(*(work(own) for _ in range(8)))
    async with db.transaction() as tx:
        bad = await tx.all(
            "SELECT 1 FROM (SELECT id, lag(id) OVER (PARTITION BY tenant ORDER BY turn) AS before FROM seen) AS s "
            "WHERE before >= id"
        )
        total = await tx.one("SELECT count(*) AS n FROM seen")

    assert bad == []
    assert total is not None
    assert total.number("n") > 400


async def _observe(tx: Tx, tenant: str) -> None:
    fenced = await tx.one("UPDATE fence SET turn = turn + 1 WHERE tenant = %s RETURNING turn", [tenant])
    assert fenced is not None
    for row_id in await OUTBOX.reserve(tx, 2):
        await tx.execute("INSERT INTO seen VALUES (%s, %s, %s)", [tenant, fenced.number("turn"), row_id])
        await tx.execute("UPDATE fence SET turn = turn + 1 WHERE tenant = %s", [tenant])
        fenced = await tx.one("SELECT turn FROM fence WHERE tenant = %s", [tenant])
        assert fenced is not None


async def test_depth_counts_what_waits_and_what_was_set_aside(db: Database) -> None:
    async with db.transaction() as tx:
        await OUTBOX.append(tx, [_row(1), _row(2), _row(3, entity="2")])
        await OUTBOX.refuse(tx, [(1, "too large")], pause=timedelta(0), max_attempts=1)
        await tx.execute("UPDATE poller.outbox SET created_at = now() - interval '90 s' WHERE id = 2")

    async with db.transaction() as tx:
        depth = await OUTBOX.pending(tx)

    assert (depth.waiting, depth.set_aside) == (2, 1)
    assert 90 <= depth.oldest_seconds < 150


async def test_a_decision_on_a_row_set_aside_frees_the_rows_behind_it(db: Database) -> None:
    async with db.transaction() as tx:
        await OUTBOX.append(tx, [_row(1), _row(2), _row(3, entity="2"), _row(4, entity="2")])
        await OUTBOX.refuse(tx, [(1, "no topic"), (3, "no topic")], pause=timedelta(hours=1), max_attempts=1)
        listed = await OUTBOX.set_aside(tx)
    assert await _waiting(db) == []

    async with db.transaction() as tx:
        retried = await OUTBOX.retry(tx, 1)
        discarded = await OUTBOX.discard(tx, 3)
        again = await OUTBOX.discard(tx, 2)

    assert [(each.row.id, each.error, each.attempts) for each in listed] == [(1, "no topic", 1), (3, "no topic", 1)]
    assert (retried, discarded, again) == (True, True, False)
    assert await _waiting(db) == [1, 2, 4]


async def test_another_tenants_or_flows_rows_of_the_same_number_do_not_wait(db: Database) -> None:
    async with db.transaction() as tx:
        await OUTBOX.append(tx, [_row(1), _row(2, tenant="brim"), _row(3, entity=None)])
        await OUTBOX.refuse(tx, [(1, "no topic")], pause=timedelta(0), max_attempts=1)

    assert await _waiting(db) == [2, 3]
