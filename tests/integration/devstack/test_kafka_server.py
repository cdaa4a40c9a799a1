"""The development Kafka keeps its promises: data outlives every kind of end, the address stays."""

from collections.abc import Iterator

import pytest

from bridge.devstack.kafka import KafkaServer
from bridge.devstack.probe import kafka_answers
from bridge.devstack.tools import run_kafka_tool

_TOPIC_COMMAND = "org.apache.kafka.tools.TopicCommand"


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


def _topics(server: KafkaServer, *arguments: str) -> str:
    return run_kafka_tool(_TOPIC_COMMAND, "--bootstrap-server", server.bootstrap_servers, *arguments)


def test_topics_outlive_a_stop_and_a_kill_on_the_same_address(server: KafkaServer) -> None:
    _topics(server, "--create", "--topic", "kept", "--partitions", "3")
    address = server.bootstrap_servers

    server.stop()
    stopped = not server.running and not kafka_answers(address)
    server.start()
    server.kill()
    killed = not server.running and not kafka_answers(address)
    server.start()

    assert stopped
    assert killed
    assert server.bootstrap_servers == address
    assert "kept" in _topics(server, "--list").split()


def test_second_server_of_the_folder_finds_data_and_address(server: KafkaServer) -> None:
    _topics(server, "--create", "--topic", "kept-too")
    address = server.bootstrap_servers
    server.stop()

    with KafkaServer(server.folder) as again:
        listed, second_address = _topics(again, "--list").split(), again.bootstrap_servers

    assert "kept-too" in listed
    assert second_address == address


def test_paused_broker_is_silent_until_resumed(server: KafkaServer) -> None:
    server.pause()
    answered_while_paused = kafka_answers(server.bootstrap_servers, timeout_seconds=0.5)
    server.resume()

    assert not answered_while_paused
    assert kafka_answers(server.bootstrap_servers, timeout_seconds=10)


def test_reading_a_topic_does_not_create_it(server: KafkaServer) -> None:
    run_kafka_tool(
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
        *("--bootstrap-server", server.bootstrap_servers, "--topic", "never-created", "--timeout-ms", "1500"),
    )

    assert "never-created" not in _topics(server, "--list").split()
