"""The producer on a real broker: acknowledgements, order, guilt, and a broker that goes away."""

import asyncio
import gc
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.contracts.topics import TopicName, TopicSpec
from bridge.devstack.kafka import KafkaServer
from bridge.messaging.admin import TopicAdmin
from bridge.messaging.ledger import BEHIND_A_FAILURE
from bridge.messaging.producer import BatchProducer
from bridge.messaging.reader import RangeReader
from bridge.messaging.record import Acked, Outgoing, Record, SendResult, TopicPartition, Unsent
from bridge.runtime.errors import BrokerUnavailableError
from bridge.runtime.settings import KafkaSettings

MakeTopic = Callable[[int], Awaitable[str]]
TOO_LARGE = os.urandom(1024 * 1024 + 1)


async def read_all(settings: KafkaSettings, topic: str) -> list[Record]:
    async with RangeReader(settings) as reader:
        ends = await reader.ends(topic)
        return [
            record
            for partition, end in ends.items()
            async for batch in reader.read(partition, start=0, end=end)
            for record in batch
        ]


def guilt(results: list[SendResult]) -> list[bool | None]:
    return [result.record_is_guilty if isinstance(result, Unsent) else None for result in results]


async def test_every_record_is_acknowledged_at_the_place_where_it_lies(
    settings: KafkaSettings, make_topic: MakeTopic
) -> None:
    topic = await make_topic(4)
    records = [
        Outgoing(topic, f"acme:{n % 20}".encode(), str(n).encode(), (("ce_id", str(n).encode()),)) for n in range(1000)
    ]

    async with BatchProducer(settings, "test") as producer:
        results = await producer.send(records, deadline_seconds=60)

    found = {(record.partition, record.offset): record for record in await read_all(settings, topic)}
    assert len(found) == 1000
    for record, result in zip(records, results, strict=True):
        assert isinstance(result, Acked)
        there = found[result.partition, result.offset]
        assert (there.key, there.value, there.headers) == (record.key, record.value, record.headers)


async def test_records_of_one_key_stay_in_order_over_many_batches(
    settings: KafkaSettings, make_topic: MakeTopic
) -> None:
    topic = await make_topic(3)
    filler = os.urandom(100_000)
    records = [Outgoing(topic, f"acme:{n % 5}".encode(), f"{n:04}".encode() + filler) for n in range(60)]

    async with BatchProducer(settings, "test") as producer:
        results = await producer.send(records, deadline_seconds=60)

    assert all(isinstance(result, Acked) for result in results)
    by_key: dict[bytes | None, list[int]] = {}
    for record in sorted(await read_all(settings, topic), key=lambda r: (r.partition, r.offset)):
        by_key.setdefault(record.key, []).append(int((record.value or b"")[:4]))
    assert by_key == {f"acme:{k}".encode(): list(range(k, 60, 5)) for k in range(5)}


async def test_a_record_of_nearly_the_limit_passes(settings: KafkaSettings, make_topic: MakeTopic) -> None:
    topic = await make_topic(1)

    async with BatchProducer(settings, "test") as producer:
        results = await producer.send([Outgoing(topic, b"k", TOO_LARGE[:-2000])], deadline_seconds=60)

    assert results == [Acked(0, 0)]


async def test_an_oversized_record_is_guilty_alone(settings: KafkaSettings, make_topic: MakeTopic) -> None:
    topic = await make_topic(1)
    records = [
        Outgoing(topic, b"acme:1", b"before"),
        Outgoing(topic, b"acme:2", TOO_LARGE),
        Outgoing(topic, b"acme:3", b"after"),
        Outgoing(topic, b"acme:2", b"newer of the same entity"),
    ]

    async with BatchProducer(settings, "test") as producer:
        results = await producer.send(records, deadline_seconds=60)

    assert guilt(results) == [None, True, None, False]
    assert results[3] == Unsent(BEHIND_A_FAILURE, record_is_guilty=False)
    assert [record.value for record in await read_all(settings, topic)] == [b"before", b"after"]


async def test_a_record_that_only_the_broker_refuses_is_found_among_good_ones(
    settings: KafkaSettings, make_topic: MakeTopic, topic_prefix: str
) -> None:
    topic = await make_topic(1)
    await limit_messages(settings, topic, 20_000)
    records = [Outgoing(topic, f"acme:{n}".encode(), b"small") for n in range(20)]
    records[7] = Outgoing(topic, b"acme:7", os.urandom(30_000))

    async with BatchProducer(settings, "test") as producer:
        results = await producer.send(records, deadline_seconds=60)

    assert guilt(results) == [None] * 7 + [True] + [None] * 12
    keys = [record.key for record in await read_all(settings, topic)]
    assert keys == [f"acme:{n}".encode() for n in range(20) if n != 7]


async def limit_messages(settings: KafkaSettings, topic: str, size: int) -> None:
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

    client = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    await client.start()
    try:
        limit = {"max.message.bytes": str(size)}
        await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=limit)])
    finally:
        await client.close()


@pytest.mark.parametrize("name", ["no-such-topic", "no/topic at all", ""], ids=["unknown", "impossible", "empty"])
async def test_an_unknown_topic_is_guilty_alone(
    settings: KafkaSettings, make_topic: MakeTopic, topic_prefix: str, name: str
) -> None:
    topic = await make_topic(2)
    strange = f"{topic_prefix}{name}" if name else ""
    records = [Outgoing(strange, b"acme:1", b"lost?"), Outgoing(topic, b"acme:1", b"kept")]

    async with BatchProducer(settings, "test") as producer:
        results = await producer.send(records, deadline_seconds=60)

    assert guilt(results) == [True, None]
    assert [record.value for record in await read_all(settings, topic)] == [b"kept"]


async def test_records_without_a_key_are_sent(settings: KafkaSettings, make_topic: MakeTopic) -> None:
    topic = await make_topic(3)

    async with BatchProducer(settings, "test") as producer:
        results = await producer.send([Outgoing(topic, None, b"a"), Outgoing(topic, None, b"b")], deadline_seconds=60)

    assert guilt(results) == [None, None]


async def test_two_sends_at_once_both_come_through(settings: KafkaSettings, make_topic: MakeTopic) -> None:
    topic = await make_topic(1)

    async with BatchProducer(settings, "test") as producer:
        first, second = await asyncio.gather(
            producer.send([Outgoing(topic, b"k", b"1")], deadline_seconds=60),
            producer.send([Outgoing(topic, b"k", b"2")], deadline_seconds=60),
        )

    assert sorted([first[0], second[0]], key=repr) == [Acked(0, 0), Acked(0, 1)]


async def test_a_wrong_address_is_one_sentence() -> None:
    nobody = KafkaSettings(bootstrap_servers="127.0.0.1:1", request_timeout_seconds=2)

    with pytest.raises(BrokerUnavailableError, match=r"127\.0\.0\.1:1 cannot be reached"):
        async with BatchProducer(nobody, "test"):
            pass


async def test_a_broker_that_restarts_mid_send_loses_nothing_and_keeps_the_order(server_folder: Path) -> None:
    unseen: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
    with KafkaServer(server_folder / "restarting-kafka") as server:
        settings = KafkaSettings(bootstrap_servers=server.bootstrap_servers, request_timeout_seconds=3)
        topic = "customer-changed"
        async with TopicAdmin(settings) as admin:
            spec = TopicSpec(TopicName.CUSTOMER_CHANGED, 2, timedelta(days=1), "test", "test")
            await admin.apply([spec], prefix="", replication=1)
        records = [Outgoing(topic, f"acme:{n % 4}".encode(), str(n).encode()) for n in range(200)]

        async with BatchProducer(settings, "test") as producer:
            assert guilt(await producer.send(records[:100], deadline_seconds=60)) == [None] * 100
            await asyncio.to_thread(server.kill)
            late = await producer.send(records[100:], deadline_seconds=1.5)
            sending = asyncio.create_task(producer.send(records[100:], deadline_seconds=90))
            await asyncio.to_thread(server.start)
            results = await sending

        assert guilt(late) == [False] * 100
        assert all("Not acknowledged within 1.5 s" in result.error for result in late if isinstance(result, Unsent))
        assert guilt(results) == [None] * 100
        found = await read_all(settings, topic)
        assert {int(record.value or b"") for record in found} == set(range(200))
        acked = {(result.partition, result.offset): n for n, result in enumerate(results) if isinstance(result, Acked)}
        for partition in (0, 1):
            numbers = [number for (p, _), number in sorted(acked.items()) if p == partition]
            assert numbers == sorted(numbers)
    gc.collect()
    assert unseen == []


async def test_a_topic_made_after_the_first_attempt_is_found(
    settings: KafkaSettings, make_topic: MakeTopic, topic_prefix: str
) -> None:
    topic = f"{topic_prefix}{TopicName.CUSTOMER_CHANGED}"

    async with BatchProducer(settings, "test") as producer:
        before = await producer.send([Outgoing(topic, b"k", b"v")], deadline_seconds=60)
        await make_topic(1)
        after = await producer.send([Outgoing(topic, b"k", b"v")], deadline_seconds=60)

    assert guilt(before) == [True]
    assert after == [Acked(TopicPartition(topic, 0).partition, 0)]


async def test_an_unknown_topic_does_not_make_the_driver_forget_a_good_one(
    settings: KafkaSettings, make_topic: MakeTopic, topic_prefix: str
) -> None:
    topic = await make_topic(1)
    records = [Outgoing(f"{topic_prefix}no-such-topic", b"acme:1", b"v"), Outgoing(topic, b"acme:2", b"v")]

    async with BatchProducer(settings, "test") as producer:
        await producer.send(records, deadline_seconds=60)
        client = (await producer._connected()).client
        await client.force_metadata_update()

        assert client.cluster.partitions_for_topic(topic) == {0}
