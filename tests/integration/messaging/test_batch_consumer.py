"""The consumer on a real broker: where it begins, what it commits, what a rebalance does (cases K20, K21)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as DriverPartition

from bridge.contracts.topics import TopicName, TopicSpec
from bridge.devstack.kafka import KafkaServer
from bridge.messaging.admin import TopicAdmin
from bridge.messaging.connection import stop_consumer
from bridge.messaging.consumer import BatchConsumer, RebalancedError
from bridge.messaging.producer import BatchProducer
from bridge.messaging.reader import RangeReader
from bridge.messaging.record import Acked, Outgoing, Record, TopicPartition
from bridge.runtime.errors import BrokerUnavailableError, ConfigurationError
from bridge.runtime.metrics import PROCESS, Metric
from bridge.runtime.settings import KafkaSettings
from bridge.testkit.waiting import eventually

MakeTopic = Callable[[int], Awaitable[str]]


async def publish(settings: KafkaSettings, topic: str, numbers: range, *, key: str | None = None) -> None:
    records = [Outgoing(topic, (key or f"acme:{n}").encode(), str(n).encode()) for n in numbers]
    async with BatchProducer(settings, "test") as producer:
        results = await producer.send(records, deadline_seconds=60)
    assert all(isinstance(result, Acked) for result in results)


def next_offsets(batch: list[Record]) -> dict[TopicPartition, int]:
    return {record.source: record.offset + 1 for record in batch}


def numbers_of(batch: list[Record]) -> list[int]:
    return [int(record.value or b"") for record in batch]


async def read_until(consumer: BatchConsumer, count: int) -> list[Record]:
    seen: list[Record] = []

    async def enough() -> bool:
        seen.extend(await consumer.next_batch(0.2))
        return len(seen) >= count

    await eventually(enough, 60, what=f"{count} records read")
    return seen


@asynccontextmanager
async def polling(consumer: BatchConsumer, into: list[Record] | None = None) -> AsyncIterator[None]:
    """Keep a member reading in the background, as a service does."""

    async def poll() -> None:
        while True:
            batch = await consumer.next_batch(0.1)
            if into is not None:
                into.extend(batch)

    task = asyncio.create_task(poll())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_an_empty_group_reads_from_the_beginning(settings: KafkaSettings, make_topic: MakeTopic) -> None:
    topic = await make_topic(3)
    await publish(settings, topic, range(100))

    async with BatchConsumer(settings, group=topic, topics=[topic]) as consumer:
        batch = await read_until(consumer, 100)

    assert sorted(numbers_of(batch)) == list(range(100))


async def test_a_member_killed_before_its_first_commit_skips_nothing(
    settings: KafkaSettings, make_topic: MakeTopic
) -> None:
    topic = await make_topic(2)
    async with BatchConsumer(settings, group=topic, topics=[topic]) as first:
        await publish(settings, topic, range(50))
        await read_until(first, 50)

    await publish(settings, topic, range(50, 60))
    async with BatchConsumer(settings, group=topic, topics=[topic]) as second:
        batch = await read_until(second, 60)

    assert sorted(numbers_of(batch)) == list(range(60))


async def test_partitions_added_while_records_flow_are_read_from_their_beginning(
    settings: KafkaSettings, make_topic: MakeTopic
) -> None:
    topic = await make_topic(2)
    sent: list[int] = []
    stop = asyncio.Event()

    async def flow() -> None:
        async with BatchProducer(settings, "test") as producer:
            while not stop.is_set():
                number = len(sent)
                result = await producer.send(
                    [Outgoing(topic, f"acme:{number}".encode(), str(number).encode())], deadline_seconds=60
                )
                assert isinstance(result[0], Acked)
                sent.append(result[0].partition)

    seen: list[Record] = []
    async with BatchConsumer(settings, group=topic, topics=[topic]) as consumer, polling(consumer, seen):
        flowing = asyncio.create_task(flow())
        await eventually(lambda: len(sent) > 50)
        await make_topic(6)
        await eventually(lambda: {2, 3, 4, 5} <= set(sent), 60, what="records in the new partitions")
        stop.set()
        await flowing
        await eventually(lambda: len({n.value for n in seen}) == len(sent), 60, what="every record read")

    assert sorted(set(numbers_of(seen))) == list(range(len(sent)))


async def test_a_commit_never_goes_backwards(settings: KafkaSettings, make_topic: MakeTopic) -> None:
    topic = await make_topic(1)
    await publish(settings, topic, range(20))
    partition = TopicPartition(topic, 0)

    async with BatchConsumer(settings, group=topic, topics=[topic]) as consumer:
        await read_until(consumer, 20)
        await consumer.commit({partition: 15})
        await consumer.commit({partition: 5})

        assert await consumer.committed(partition) == 15


async def test_a_note_stands_on_the_commits_until_the_next_one_and_moves_no_offset(
    settings: KafkaSettings, make_topic: MakeTopic
) -> None:
    topic = await make_topic(1)
    await publish(settings, topic, range(3))
    partition = TopicPartition(topic, 0)

    async def standing() -> list[tuple[int, str]]:
        async with TopicAdmin(settings) as admin:
            commits = await admin.group_commits(f"{topic}-group")
        return [(commits[partition].offset, commits[partition].note)] if commits else []

    async with BatchConsumer(settings, group=f"{topic}-group", topics=[topic]) as consumer:
        await read_until(consumer, 3)
        await consumer.annotate("early")
        before = await standing()
        await consumer.commit({partition: 2}, note="first")
        first = await standing()
        await consumer.annotate("second")
        second = await standing()
    async with BatchConsumer(settings, group=f"{topic}-group", topics=[topic]) as consumer:
        await read_until(consumer, 1)
        await consumer.annotate("third")
        third = await standing()

    assert (before, first, second, third) == ([], [(2, "first")], [(2, "second")], [(2, "third")])


async def test_what_was_never_handed_out_cannot_be_committed(settings: KafkaSettings, make_topic: MakeTopic) -> None:
    topic = await make_topic(1)
    await publish(settings, topic, range(20))
    partition = TopicPartition(topic, 0)

    async with BatchConsumer(settings, group=topic, topics=[topic], max_records=5) as consumer:
        await read_until(consumer, 5)
        with pytest.raises(RebalancedError):
            await consumer.commit({partition: 20})

        assert await consumer.committed(partition) is None


async def test_a_partition_that_comes_back_starts_at_what_others_committed(
    settings: KafkaSettings, make_topic: MakeTopic
) -> None:
    """Case K20: A holds records of a partition, B takes it over and commits further, A gets it back."""
    topic = await make_topic(1)
    partition = TopicPartition(topic, 0)
    await publish(settings, topic, range(100), key="acme:1")
    revoked: list[set[TopicPartition]] = []
    # The driver's assignor goes by member ids, which begin with the client's: of the two, B gets the one partition.
    async with BatchConsumer(
        settings, group=topic, topics=[topic], max_records=20, on_revoked=revoked.append, client_id="z-is-a"
    ) as a:
        held = await read_until(a, 20)
        fresh: list[Record] = []
        async with (
            polling(a, fresh),
        ):
            async with BatchConsumer(settings, group=topic, topics=[topic], client_id="a-is-b") as b:
                await read_until(b, 100)
                assert a.assignment() == set()
                await b.commit({partition: 80})
                fresh.clear()
            await eventually(lambda: len(fresh) >= 20, 60, what="A reads the partition again")

            await a.commit(next_offsets(held))

            assert [record.offset for record in fresh] == list(range(80, 100))
            assert await a.committed(partition) == 80
            await a.commit(next_offsets(fresh))
            assert await a.committed(partition) == 100
    assert {partition} in revoked


async def test_work_of_a_revoked_partition_cannot_be_committed_and_is_read_again_by_its_new_owner(
    settings: KafkaSettings, make_topic: MakeTopic
) -> None:
    topic = await make_topic(2)
    await publish(settings, topic, range(40))
    revoked: set[TopicPartition] = set()
    async with BatchConsumer(settings, group=topic, topics=[topic], on_revoked=revoked.update) as a:
        held = await read_until(a, 40)
        a_seen: list[Record] = []
        b_seen: list[Record] = []
        async with polling(a, a_seen), BatchConsumer(settings, group=topic, topics=[topic]) as b, polling(b, b_seen):
            await eventually(lambda: len(a.assignment()) == len(b.assignment()) == 1, 60, what="one partition each")
            await eventually(lambda: len(a_seen) + len(b_seen) >= 40, 60, what="everything read again")
            moved = b.assignment()

            with pytest.raises(RebalancedError) as caught:
                await a.commit(next_offsets(held))

            assert caught.value.partitions == moved
            assert revoked == {TopicPartition(topic, 0), TopicPartition(topic, 1)}
            assert {record.source for record in b_seen} == moved
            assert await a.committed(moved.pop()) is None
        assert sorted(numbers_of(a_seen) + numbers_of(b_seen)) == list(range(40))


async def test_a_position_that_the_log_lost_is_alarmed_and_read_from_the_beginning(
    settings: KafkaSettings, make_topic: MakeTopic
) -> None:
    topic = await make_topic(1)
    partition = TopicPartition(topic, 0)
    await publish(settings, topic, range(10))
    async with BatchConsumer(settings, group=topic, topics=[topic]) as consumer:
        await read_until(consumer, 10)
        await consumer.commit({partition: 10})
    await delete_records(settings, partition, 5)
    await commit_by_force(settings, topic, partition, 3)

    async with BatchConsumer(settings, group=topic, topics=[topic]) as consumer:
        batch = await read_until(consumer, 5)
        await consumer.commit(next_offsets(batch))

        assert numbers_of(batch) == [5, 6, 7, 8, 9]
        assert await consumer.committed(partition) == 10
    assert PROCESS.value(Metric.CONSUMER_POSITION_RESETS, group=topic, topic=topic) == 1


async def delete_records(settings: KafkaSettings, partition: TopicPartition, before: int) -> None:
    from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

    client = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    await client.start()
    try:
        await client.delete_records({DriverPartition(*partition): RecordsToDelete(before_offset=before)})
    finally:
        await client.close()


async def commit_by_force(settings: KafkaSettings, group: str, partition: TopicPartition, offset: int) -> None:
    """Set a group's commit as an operator's tool would."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.bootstrap_servers, group_id=group, enable_auto_commit=False)
    wire = DriverPartition(*partition)
    consumer.assign([wire])
    await consumer.start()
    try:
        await consumer.commit({wire: offset})
    finally:
        await consumer.stop()


async def test_lag_counts_what_is_not_committed(settings: KafkaSettings, make_topic: MakeTopic) -> None:
    topic = await make_topic(1)
    await publish(settings, topic, range(30))
    partition = TopicPartition(topic, 0)

    async with BatchConsumer(settings, group=topic, topics=[topic]) as consumer:
        await read_until(consumer, 30)
        before = await consumer.lag()
        await consumer.commit({partition: 20})
        after = await consumer.lag()

    assert (before, after) == ({partition: 30}, {partition: 10})
    assert PROCESS.value(Metric.CONSUMER_LAG, group=topic, topic=topic, partition="0") == 10


async def test_a_missing_topic_is_one_sentence(settings: KafkaSettings, topic_prefix: str) -> None:
    hasty = settings.model_copy(update={"request_timeout_seconds": 1.0})

    with pytest.raises(ConfigurationError, match="bridge topics apply"):
        async with BatchConsumer(hasty, group=topic_prefix, topics=[f"{topic_prefix}nothing"]):
            pass


async def test_a_range_is_read_without_a_group(settings: KafkaSettings, make_topic: MakeTopic) -> None:
    topic = await make_topic(1)
    await publish(settings, topic, range(50))
    partition = TopicPartition(topic, 0)

    async with RangeReader(settings) as reader:
        batches = [batch async for batch in reader.read(partition, start=10, end=20, batch=4)]
        one = await reader.record_at(partition, 33)
        none = await reader.record_at(partition, 50)
        ends = await reader.ends(topic)

    assert [record.offset for batch in batches for record in batch] == list(range(10, 20))
    assert max(len(batch) for batch in batches) <= 4
    assert one is not None
    assert one.value == b"33"
    assert none is None
    assert ends == {partition: 50}


async def test_a_moment_is_found_by_the_time_of_sending(settings: KafkaSettings, make_topic: MakeTopic) -> None:
    from datetime import UTC, datetime, timedelta

    topic = await make_topic(1)
    await publish(settings, topic, range(5))
    partition = TopicPartition(topic, 0)

    async with RangeReader(settings) as reader:
        last = await reader.record_at(partition, 4)
        assert last is not None
        sent = datetime.fromtimestamp(last.timestamp_ms / 1000, UTC)
        before = await reader.at_time(topic, sent - timedelta(hours=1))
        after = await reader.at_time(topic, sent + timedelta(hours=1))

    assert (before, after) == ({partition: 0}, {partition: 5})


class StumblingConsumer(BatchConsumer):
    """Fails once between taking records from the driver and handing them out, as a broker that goes away would."""

    stumbled = False

    async def _look_for_gaps(self) -> None:
        if self._held and not self.stumbled:
            self.stumbled = True
            raise BrokerUnavailableError("Gone for a moment.")
        await super()._look_for_gaps()


async def test_records_taken_from_the_driver_survive_a_failure_before_they_are_handed_out(
    settings: KafkaSettings, make_topic: MakeTopic
) -> None:
    topic = await make_topic(1)
    await publish(settings, topic, range(30))

    async with StumblingConsumer(settings, group=topic, topics=[topic], max_records=10) as consumer:
        with pytest.raises(BrokerUnavailableError):
            await read_until(consumer, 30)
        batch = await read_until(consumer, 30)

    assert numbers_of(batch) == list(range(30))


async def test_a_member_outlives_a_killed_broker_and_reads_on(server_folder: Path) -> None:
    with KafkaServer(server_folder / "consumers-kafka") as server:
        settings = KafkaSettings(bootstrap_servers=server.bootstrap_servers, session_timeout_seconds=6)
        topic, partition = "customer-changed", TopicPartition("customer-changed", 0)
        async with TopicAdmin(settings) as admin:
            spec = TopicSpec(TopicName.CUSTOMER_CHANGED, 1, timedelta(days=1), "test", "test")
            await admin.apply([spec], prefix="", replication=1)
        await publish(settings, topic, range(20))

        async with BatchConsumer(settings, group="g", topics=[topic]) as consumer:
            await consumer.commit(next_offsets(await read_until(consumer, 20)))
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            await publish(settings, topic, range(20, 40))
            seen: list[Record] = []

            async def all_read_and_committed() -> bool:
                with suppress(BrokerUnavailableError, RebalancedError):
                    seen.extend(batch := await consumer.next_batch(0.5))
                    await consumer.commit(next_offsets(batch))
                    return await consumer.committed(partition) == 40
                return False

            await eventually(all_read_and_committed, 90)

    assert set(numbers_of(seen)) == set(range(20, 40))


@pytest.mark.parametrize("turns", range(6))
async def test_a_consumer_stops_at_whatever_turn_of_a_new_assignment_it_is_told_to(
    settings: KafkaSettings, make_topic: MakeTopic, turns: int
) -> None:
    """The driver's own stop waits for ever if it comes while the fetch routine clears away the old assignment."""
    topic = await make_topic(2)
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([DriverPartition(topic, 0)])
    # Nothing to read, so a fetch waits at the broker when the assignment changes.
    await consumer.getmany(timeout_ms=300)
    consumer.assign([DriverPartition(topic, 1)])
    for _ in range(turns):
        await asyncio.sleep(0)

    begun = asyncio.get_running_loop().time()
    # The guard ends a hanging stop by cancelling it, which lets it finish: only the time tells.
    async with asyncio.timeout(15):
        await stop_consumer(consumer)

    assert asyncio.get_running_loop().time() - begun < 10
    assert consumer._fetcher._fetch_task.done()
