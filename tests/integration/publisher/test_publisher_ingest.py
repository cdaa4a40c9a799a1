"""Taking in: concurrent, hostile, misplaced, and from a database that has gone back."""

import asyncio
import contextlib
import http.client
import json
import random
from datetime import datetime, timedelta
from http import HTTPStatus

import pytest

from bridge.contracts.identity import TenantId
from bridge.messaging.admin import TopicAdmin
from bridge.messaging.record import Outgoing
from bridge.publisher.adapters.postgres_deliveries import PostgresDeliveries
from bridge.publisher.application.arrival import Incoming
from bridge.publisher.application.ingest import Ingest
from bridge.publisher.domain.delivery.model import Policy
from bridge.publisher.domain.journal import Origin
from bridge.runtime.errors import ConfigurationError
from bridge.tenancy.acts import ActStore
from bridge.testkit.mapped_cell import MappedCell, Runner
from bridge.testkit.waiting import eventually


class EveryTenant:
    """Knows every tenant."""

    async def refresh(self) -> None:
        """Nothing to read."""

    def known(self, tenant: TenantId) -> bool:
        return True

    def removed(self, tenant: TenantId) -> bool:
        return False

    def served(self, tenant: TenantId) -> bool:
        return True

    def paused(self, tenant: TenantId) -> bool:
        return False

    def floor_over(self, tenant: TenantId, invoice: int) -> datetime | None:
        return None


def incoming(record: Outgoing, offset: int) -> Incoming:
    """Return a record as if it came from the log."""
    return Incoming(Origin(record.topic, 0, offset, record.key, tuple(record.headers)), record.value)


def ingest_over(cell: MappedCell) -> Ingest:
    """Return the use case over the real store."""
    store = PostgresDeliveries(cell.db, owner="test", acts=ActStore(cell.db))
    policy = Policy(settle=timedelta(seconds=60))
    return Ingest(store, EveryTenant(), policy=policy, dead_letter_topic="dead-letter", on_work=lambda: None)


async def test_concurrent_ingests_of_the_same_entities_end_without_deadlock_at_the_newest(cell: MappedCell) -> None:
    acme = cell.tenant("acme")
    rng = random.Random(7)
    versions = [(number, revision) for number in range(1, 31) for revision in range(1, 9)]
    batches: list[list[Incoming]] = []
    for _ in range(8):
        rng.shuffle(versions)
        batches.append(
            [incoming(cell.mapped(acme, number, revision=at), i) for i, (number, at) in enumerate(versions[:120])]
        )
    ingest = ingest_over(cell)

    await asyncio.gather(*(ingest.take(batch) for batch in batches))

    newest = {
        record.origin.key: max(
            int(dict(other.origin.headers)["ce_revision"])
            for batch in batches
            for other in batch
            if other.origin.key == record.origin.key
        )
        for batch in batches
        for record in batch
    }
    rows = await cell.rows("SELECT entity, revision FROM publisher.delivery")
    assert {f"{acme}:{row.text('entity')}".encode(): row.number("revision") for row in rows} == newest


async def test_a_batch_coalesces_to_one_row_per_entity_and_counts_every_record(cell: MappedCell) -> None:
    acme = cell.tenant("acme")
    batch = [incoming(cell.mapped(acme, 1, revision=at), at) for at in (1, 3, 2, 3, 5)]

    report = await ingest_over(cell).take(batch)

    assert (report.counts["taken"], report.counts["duplicate"]) == (3, 2)
    steps = [(row.text("step"), row.number("revision")) for row in await cell.log(acme)]
    assert steps == [
        ("ingested", 1),
        ("ingested", 3),
        ("superseded", 1),
        ("ingested", 5),
        ("superseded", 3),
    ]


async def test_hostile_headers_become_letters_and_their_neighbours_are_taken_in(
    cell: MappedCell, publish: Runner
) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    good = cell.mapped(acme, 1)
    long_entity = tuple((n, b"7" * 12_000 if n == "ce_entity" else v) for n, v in good.headers)
    huge_revision = tuple((n, b"9" * 40 if n == "ce_revision" else v) for n, v in good.headers)
    no_headers = Outgoing(cell.mapped_topic, b"k" * 9_000, b"\x00\xff", ())
    await cell.send(
        Outgoing(cell.mapped_topic, good.key, good.value, long_entity),
        Outgoing(cell.mapped_topic, good.key, good.value, huge_revision),
        no_headers,
        no_headers,
        good,
    )

    async with publish():
        await cell.settled(acme, confirmed=1)

        async def stored() -> bool:
            return len(await cell.rows("SELECT id FROM publisher.dead_letter")) == 3

        await eventually(stored)
        letters = await cell.rows("SELECT * FROM publisher.dead_letter ORDER BY id")
        assert {row.text("reason") for row in letters} == {"event_unreadable"}
        assert {row.text_or_none("field") for row in letters} == {"ce_entity", "ce_revision", "ce_type"}
        assert b"\x00\xff" in {row.octets("raw") for row in letters}


async def test_records_of_unknown_and_removed_tenants_touch_no_delivery(cell: MappedCell, publish: Runner) -> None:
    await cell.declare("acme", "gone")
    acme, gone, stranger = cell.tenant("acme"), cell.tenant("gone"), cell.tenant("stranger")
    await cell.remove(gone)
    await cell.send(cell.mapped(gone, 1), cell.mapped(stranger, 1), cell.mapped(acme, 1))

    async with publish():
        await cell.settled(acme, confirmed=1)

        async def logged() -> bool:
            return len(await cell.log(gone)) == 1 and len(await cell.log(stranger)) == 1

        await eventually(logged)

    assert [row.text("reason") for row in await cell.log(gone)] == ["tenant_removed"]
    assert [row.text("reason") for row in await cell.log(stranger)] == ["unknown_tenant"]
    assert [row.text("reason") for row in await cell.rows("SELECT reason FROM publisher.dead_letter")] == [
        "unknown_tenant"
    ]
    assert await cell.states(gone) == {}


async def test_a_tenant_declared_while_running_is_served_without_restart(cell: MappedCell, publish: Runner) -> None:
    async with publish():
        await cell.declare("acme")
        await cell.send(cell.mapped(cell.tenant("acme"), 1))

        await cell.settled(cell.tenant("acme"), confirmed=1)


async def test_a_database_that_went_back_stops_the_publisher_with_a_sentence(cell: MappedCell, publish: Runner) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    await cell.send(*(cell.mapped(acme, number) for number in range(1, 21)))
    async with publish():
        await cell.settled(acme, confirmed=20)
    await cell.rows("UPDATE publisher.ingest_offset SET next_offset = 0 RETURNING 1 AS one")
    await cell.send(*(cell.mapped(acme, number) for number in range(21, 41)))

    with pytest.raises(ConfigurationError, match="bridge after-restore"):
        async with publish():
            raise AssertionError("It began all the same.")


async def test_a_database_that_went_back_while_nothing_was_taken_in_is_found_and_once_made_safe_it_goes_on(
    cell: MappedCell, publish: Runner
) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    await cell.send(*(cell.mapped(acme, number) for number in range(1, 4)))
    async with publish():
        await cell.settled(acme, confirmed=3)
    # What a backup lacks that was made after the records were taken in and before they were sent.
    await cell.rows("DELETE FROM publisher.delivery_log WHERE step <> 'ingested' RETURNING id")

    with pytest.raises(ConfigurationError, match="bridge after-restore"):
        async with publish():
            raise AssertionError("It began all the same.")
    await cell.rows(
        "INSERT INTO control.audit (who, why, verb, status, done_at)"
        " VALUES ('anna', 'restored', 'after-restore', 'done', now()) RETURNING id"
    )
    await cell.send(cell.mapped(acme, 4))
    async with publish():
        await cell.settled(acme, confirmed=4)


async def test_a_database_that_goes_back_underneath_ends_the_publisher(cell: MappedCell, publish: Runner) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    await cell.send(cell.mapped(acme, 1))

    async def marked() -> bool:
        async with TopicAdmin(cell.kafka) as admin:
            commits = await admin.group_commits(f"{cell.kafka.topic_prefix}publisher")
        (newest,) = await cell.rows("SELECT max(id) AS n FROM publisher.delivery_log")
        return f"0:{newest.number('n')}" in {commit.note for commit in commits.values()}

    async def go_back() -> None:
        async with publish():
            await cell.settled(acme, confirmed=1)
            await eventually(marked)
            await cell.rows("DELETE FROM publisher.delivery_log WHERE step <> 'ingested' RETURNING id")
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as raised:
        await go_back()

    assert raised.group_contains(ConfigurationError, match="bridge after-restore")


async def test_a_stuck_partition_makes_the_publisher_not_ready_until_it_moves(
    cell: MappedCell, publish: Runner
) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    async with publish(ingest={"stuck_seconds": 1.0}) as port:

        async def ready() -> bool:
            return (await asyncio.to_thread(readiness, port))[0] == HTTPStatus.OK

        async def stuck_on_records() -> bool:
            return "Records wait" in str((await asyncio.to_thread(readiness, port))[1])

        await eventually(ready)
        async with contextlib.AsyncExitStack() as stuck:
            tx = await stuck.enter_async_context(cell.db.transaction())
            await tx.execute("LOCK TABLE publisher.delivery IN EXCLUSIVE MODE")
            await cell.send(cell.mapped(acme, 1))
            await eventually(stuck_on_records)
            assert not await ready()

        await cell.settled(acme, confirmed=1)
        await eventually(ready)


def readiness(port: int) -> tuple[int, object]:
    """Ask the probe's door."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()
