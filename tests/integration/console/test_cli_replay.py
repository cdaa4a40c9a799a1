"""`bridge replay` on a real topic, its preview held against what the real publisher then takes in."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from bridge.console.adapters.kafka_replay import REPLAY_ACT
from bridge.contracts.envelope import Envelope, EventType, Outcome
from bridge.contracts.headers import FIRST_PLACE, TRACEPARENT, encode
from bridge.contracts.identity import (
    EntityNumber,
    Flow,
    Revision,
    SourceId,
    TenantId,
    Version,
    event_id,
    partition_key,
)
from bridge.messaging.producer import BatchProducer
from bridge.messaging.reader import RangeReader
from bridge.messaging.record import Acked, Outgoing, Record
from bridge.publisher.main import compose_publisher
from bridge.publisher.settings import PublisherSettings
from bridge.runtime.settings import KafkaSettings
from bridge.testkit.console_cell import ConsoleCell, as_process
from bridge.testkit.databases import settings_for
from bridge.testkit.waiting import eventually

BY_ANNA = ("--who", "anna", "--why", "because")
OLD_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def kafka_of(cell: ConsoleCell) -> KafkaSettings:
    environ = cell.shell.environ
    return KafkaSettings(bootstrap_servers=environ["KAFKA_BOOTSTRAP_SERVERS"], topic_prefix=cell.prefix)


def mapped(cell: ConsoleCell, tenant: str, number: int, revision: int) -> Outgoing:
    """Return a mapped customer's record."""
    identity = (TenantId(tenant), EntityNumber(str(number)), Version(Revision(revision)))
    envelope = Envelope(
        event_id=event_id(tenant=identity[0], flow=Flow.CUSTOMERS, entity=identity[1], version=identity[2]),
        type=EventType.CUSTOMER_MAPPED,
        tenant=identity[0],
        flow=Flow.CUSTOMERS,
        entity=identity[1],
        version=identity[2],
        change_no=revision,
        source_hash=f"hash-{revision}",
        source_ref=SourceId(f"9{number}"),
        time=datetime(2026, 11, 25, 9, tzinfo=UTC),
        outcome=Outcome.MAPPED,
        traceparent=OLD_TRACE,
    )
    body = f'{{"customerNumber": {number}, "name": "Kunde {revision} Ås", "active": true, "currency": "NOK"}}'
    topic = f"{cell.prefix}customer-mapped"
    return Outgoing(topic, partition_key(identity[0], identity[1]), body.encode(), tuple(encode(envelope)))


async def write(cell: ConsoleCell, *records: Outgoing) -> None:
    async with BatchProducer(kafka_of(cell), "test") as producer:
        results = await producer.send(records, deadline_seconds=20)
    assert all(isinstance(result, Acked) for result in results), results


async def read(cell: ConsoleCell) -> list[Record]:
    """Return every record on the mapped topic, partition by partition."""
    found: list[Record] = []
    async with RangeReader(kafka_of(cell)) as reader:
        for partition, end in (await reader.ends(f"{cell.prefix}customer-mapped")).items():
            async for records in reader.read(partition, start=0, end=end):
                found += records
    return found


@asynccontextmanager
async def a_publisher(cell: ConsoleCell) -> AsyncIterator[None]:
    """Run the real publisher; its OC2 answers nothing, which does not keep it from taking records in."""
    settings = PublisherSettings.model_validate(
        {
            "kafka": kafka_of(cell),
            "postgres": settings_for(cell.shell.environ["DATABASE_URL"]),
            "http": {"connect_seconds": 0.4, "read_seconds": 0.5, "total_seconds": 0.5, "allow_loopback": True},
            "delivery": {"settle_seconds": 1.0},
        }
    )
    async with compose_publisher(settings) as publisher:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as loops:
            for loop in publisher.loops:
                loops.create_task(loop.run(stop), name=loop.name)
            try:
                yield
            finally:
                stop.set()


async def taken_in(cell: ConsoleCell, records: Sequence[Record]) -> int:
    """Wait until the publisher has read as far as these records, and return how many it took in over all."""
    total = len(records)

    async def read_all() -> bool:
        rows = await cell.rows("SELECT coalesce(sum(next_offset), 0)::bigint AS n FROM publisher.ingest_offset")
        return rows[0].number("n") >= total

    await eventually(read_all, 90, what=f"{total} records read by the publisher")
    rows = await cell.rows("SELECT count(*) AS n FROM publisher.delivery_log WHERE step = 'ingested'")
    return rows[0].number("n")


async def begun(cell: ConsoleCell) -> None:
    """Declare two tenants and make the topics."""
    await cell.shell.ok("topics", "apply")
    await cell.declare("acme", "beta")


async def test_the_preview_equals_the_outcome_and_a_second_replay_changes_nothing(cell: ConsoleCell) -> None:
    await begun(cell)
    records = [mapped(cell, tenant, number, rev) for tenant in ("acme", "beta") for number in (1, 2) for rev in (1, 2)]
    await write(cell, *records, mapped(cell, "stranger", 1, 1))
    # The publisher in this process logs to its stdout, so the commands get one of their own.
    cell.shell.launch = as_process
    async with a_publisher(cell):
        first = await taken_in(cell, await read(cell))
        # The publisher forgets one entity, as after a loss, and keeps an old version of another.
        await cell.write("DELETE FROM publisher.delivery WHERE tenant = 'acme' AND entity = '1'")
        await cell.write("UPDATE publisher.delivery SET revision = 1 WHERE tenant = 'beta' AND entity = '2'")

        preview = await cell.shell.json("replay", "--topic", "customer-mapped", "--since", "2020-01-01", *BY_ANNA)
        second = await taken_in(cell, await read(cell))
        again = await cell.shell.json("replay", "--topic", "customer-mapped", "--since", "2020-01-01", *BY_ANNA)
        third = await taken_in(cell, await read(cell))

    foreseen, repeated = preview["preview"], again["preview"]
    assert isinstance(foreseen, dict)
    assert isinstance(repeated, dict)
    assert first == 8
    assert (foreseen["records"], foreseen["ingested"], foreseen["no_op"], foreseen["letter"]) == (9, 3, 5, 1)
    assert second - first == 3
    assert (repeated["records"], repeated["ingested"], repeated["letter"]) == (18, 0, 2)
    assert third == second
    assert len(await cell.rows("SELECT id FROM publisher.dead_letter")) == 1
    proof = await cell.rows("SELECT status, outcome FROM control.audit WHERE verb = 'replay' ORDER BY id")
    assert [row.text("status") for row in proof] == ["done", "done"]
    assert proof[0].text("outcome").startswith("9 records")


async def test_records_go_out_as_they_were_with_a_new_linked_trace_and_their_first_place(cell: ConsoleCell) -> None:
    await begun(cell)
    unreadable = Outgoing(f"{cell.prefix}customer-mapped", b"x", b"\xff\x00", (("odd", b"\xfe"),))
    await write(cell, mapped(cell, "acme", 1, 1), unreadable)
    before = await read(cell)

    done = await cell.shell.json("replay", "--topic", "customer-mapped", "--since", "2020-01-01", *BY_ANNA)

    new = [record for record in await read(cell) if record not in before]
    assert len(new) == 2
    for old in before:
        (copy,) = [record for record in new if record.key == old.key]
        assert (copy.value, copy.partition) == (old.value, old.partition)
        if old.key == b"x":
            assert copy.headers == old.headers
            continue
        headers = dict(copy.headers)
        assert headers.pop(REPLAY_ACT) == str(done["act"]).encode()
        assert headers.pop(FIRST_PLACE) == f"{old.topic}-{old.partition}@{old.offset}".encode()
        assert headers.pop(TRACEPARENT) != OLD_TRACE.encode()
        assert headers.items() <= dict(old.headers).items() | {*headers.items()}
        assert {name: value for name, value in old.headers if name != TRACEPARENT}.items() <= headers.items()


async def test_only_the_range_the_tenant_and_the_entity_asked_for_are_sent(cell: ConsoleCell) -> None:
    await begun(cell)
    await write(cell, *(mapped(cell, tenant, number, 1) for tenant in ("acme", "beta") for number in range(1, 11)))
    records_before = await read(cell)
    here = [record for record in records_before if record.partition == records_before[0].partition]
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    topic = ("replay", "--topic", "customer-mapped", "--dry-run", *BY_ANNA)
    last = here[-1].offset

    async def records(*options: str) -> object:
        found = (await cell.shell.json(*topic, *options))["preview"]
        assert isinstance(found, dict)
        return found["records"]

    partition = ("--partition", str(here[0].partition))
    assert await records("--since", "2020-01-01") == 20
    assert await records("--since", "2020-01-01", "--tenant", "acme") == 10
    assert await records("--since", "2020-01-01", "--tenant", "acme", "--entity", "3") == 1
    assert await records("--since", later) == 0
    assert await records("--since", "2020-01-01", "--until", "2020-01-02") == 0
    assert await records(*partition, "--from-offset", "0") == len(here)
    assert await records(*partition, "--from-offset", str(last)) == 1
    assert await records(*partition, "--from-offset", "0", "--to-offset", str(last)) == len(here) - 1
    assert await read(cell) == records_before
    assert await cell.rows("SELECT id FROM control.audit WHERE verb LIKE 'replay%%'") == []


async def test_what_is_no_range_is_refused_before_anything_is_sent(cell: ConsoleCell) -> None:
    await begun(cell)
    mapped_topic = ("--topic", "customer-mapped")
    refused = {
        (): "--topic",
        mapped_topic: "Name a range",
        (*mapped_topic, "--from-offset", "1"): "--partition",
        (*mapped_topic, "--until", "2026-01-01"): "--since",
        (*mapped_topic, "--since", "yesterday"): "ISO time",
        (*mapped_topic, "--since", "2026-01-01", "--entity", "1"): "--tenant",
        (*mapped_topic, "--partition", "99", "--from-offset", "0"): "no partition 99",
        ("--topic", "dead-letter", "--since", "2026-01-01"): "dead-letters retry",
        ("--resume", "1"): "no replay",
    }

    for options, said in refused.items():
        ran = await cell.shell.run("replay", *options, *BY_ANNA)
        assert ran.code != 0
        assert said in ran.sentence, (options, ran.sentence)

    assert await cell.rows("SELECT id FROM control.audit WHERE verb LIKE 'replay%%'") == []


async def test_a_replay_that_stopped_goes_on_where_it_was(cell: ConsoleCell) -> None:
    await begun(cell)
    await write(cell, *(mapped(cell, "acme", number, 1) for number in range(1, 31)))
    done = await cell.shell.json("replay", "--topic", "customer-mapped", "--since", "2020-01-01", *BY_ANNA)
    # As if it had died after the first partitions: the act is open and half of the offsets are noted.
    rows = await cell.rows("SELECT args FROM control.audit WHERE id = %(id)s", id=done["act"])
    noted = rows[0].document("args")["next_offsets"]
    assert isinstance(noted, dict)
    half = dict(list(noted.items())[: len(noted) // 2])
    await cell.write(
        "UPDATE control.audit SET status = 'requested', outcome = NULL, done_at = NULL,"
        " args = jsonb_set(args, '{next_offsets}', %(half)s::text::jsonb) WHERE id = %(id)s",
        half=str(half).replace("'", '"'),
        id=done["act"],
    )

    resumed = await cell.shell.json("replay", "--resume", str(done["act"]), *BY_ANNA)
    finished = await cell.shell.run("replay", "--resume", str(done["act"]), *BY_ANNA)

    preview, spans = resumed["preview"], resumed["spans"]
    assert isinstance(preview, dict)
    assert isinstance(spans, list)
    assert 0 < preview["records"] < 30
    assert {str(span["partition"]) for span in spans} == set(noted) - set(half)
    assert len(await read(cell)) == 30 + 30 + preview["records"]
    assert finished.code == 1
    verbs = await cell.rows("SELECT verb, status FROM control.audit WHERE verb LIKE 'replay%%' ORDER BY id")
    assert [(row.text("verb"), row.text("status")) for row in verbs] == [("replay", "done"), ("replay.resume", "done")]
