"""The development Kafka keeps its promises: data outlives every kind of end, the address stays."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bridge.devstack.kafka import KafkaServer
from bridge.devstack.probe import kafka_answers
from bridge.devstack.tools import run_kafka_tool


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """The module's broker."""
    server = KafkaServer(tmp_path_factory.mktemp("servers") / "kafka")
    yield server
    server.stop()


@pytest.fixture
def server(shared_server: KafkaServer) -> KafkaServer:
    """The module's broker, running again whatever the test before did to it."""
    shared_server.start()
    return shared_server


@asynccontextmanager
async def _admin(server: KafkaServer) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=server.bootstrap_servers)
    try:
        await client.start()
        yield client
    finally:
        await client.close()


async def _make_topic(server: KafkaServer, name: str) -> None:
    async with _admin(server) as client:
        await client.create_topics([NewTopic(name, 3, 1)])


async def _topics(server: KafkaServer) -> set[str]:
    async with _admin(server) as client:
        return set(await client.list_topics())


async def test_topics_outlive_a_stop_and_a_kill_on_the_same_address(server: KafkaServer) -> None:
    await _make_topic(server, "kept")
    address = server.bootstrap_servers

    await asyncio.to_thread(server.stop)
    stopped = not server.running and not kafka_answers(address)
    await asyncio.to_thread(server.start)
    await asyncio.to_thread(server.kill)
    killed = not server.running and not kafka_answers(address)
    await asyncio.to_thread(server.start)

    assert stopped
    assert killed
    assert server.bootstrap_servers == address
    assert "kept" in await _topics(server)


async def test_second_server_of_the_folder_finds_data_and_address(server: KafkaServer) -> None:
    await _make_topic(server, "kept-too")
    address = server.bootstrap_servers
    await asyncio.to_thread(server.stop)

    again = KafkaServer(server.folder)
    try:
        await asyncio.to_thread(again.start)
        listed, second_address = await _topics(again), again.bootstrap_servers
    finally:
        await asyncio.to_thread(again.stop)

    assert "kept-too" in listed
    assert second_address == address


def test_paused_broker_is_silent_until_resumed(server: KafkaServer) -> None:
    server.pause()
    answered_while_paused = kafka_answers(server.bootstrap_servers, timeout_seconds=0.5)
    server.resume()

    assert not answered_while_paused
    assert kafka_answers(server.bootstrap_servers, timeout_seconds=60)


async def test_reading_a_topic_does_not_create_it(server: KafkaServer) -> None:
    await asyncio.to_thread(
        run_kafka_tool,
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
        *("--bootstrap-server", server.bootstrap_servers, "--topic", "never-created", "--timeout-ms", "1500"),
    )

    assert "never-created" not in await _topics(server)
