"""Cells with one partition, bare Faust as a process, and what its group has committed."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from bridge.contracts.topics import TopicName, wire_name
from bridge.devstack.endpoints import KafkaEndpoint
from bridge.runtime.settings import KafkaSettings
from bridge.testkit.cell_log import CellLog, open_cell
from bridge.testkit.waiting import eventually
from bridge.transformer.settings import MappingSettings, TransformerSettings

BARE_APP = Path(__file__).with_name("bare_app.py")
START_SECONDS = 90.0


@pytest.fixture
def kafka_settings(kafka: KafkaEndpoint, topic_prefix: str) -> KafkaSettings:
    """How to reach this test's cell."""
    return KafkaSettings(bootstrap_servers=kafka.bootstrap_servers, topic_prefix=topic_prefix)


@pytest.fixture
def settings(kafka_settings: KafkaSettings) -> TransformerSettings:
    """A transformer of this test's cell that gives up soon."""
    return TransformerSettings(kafka=kafka_settings, mapping=MappingSettings(send_deadline_seconds=3))


@pytest.fixture
async def cell(kafka_settings: KafkaSettings) -> AsyncIterator[CellLog]:
    """The cell's topics with one partition each, empty."""
    async with open_cell(kafka_settings, partitions=1) as log:
        yield log


StartBareFaust = Callable[[str], "BareFaust"]
Unwritable = Callable[[], AbstractAsyncContextManager[None]]


class BareFaust:
    """A bare Faust app as a process; `web_port` is where its web server would listen."""

    def __init__(self, way: str, kafka: KafkaSettings, folder: Path) -> None:
        self.web_port = _free_port()
        command = [sys.executable, str(BARE_APP), way, kafka.bootstrap_servers, kafka.topic_prefix]
        # Its warnings would be errors here, and its log is not what is looked at.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
        with (folder / "output").open("wb") as output:
            self.process = subprocess.Popen(
                [*command, str(self.web_port), str(folder)], env=environment, stdout=output, stderr=output
            )
        self._folder = folder

    def is_handling(self) -> bool:
        """Tell whether the slow handler is in the middle of its work."""
        return (self._folder / "handling").exists()

    def terminate(self) -> None:
        """Ask it to stop and wait until it has."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(START_SECONDS)

    def kill(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.wait(START_SECONDS)


@pytest.fixture
def bare_faust(kafka_settings: KafkaSettings, tmp_path: Path) -> Iterator[StartBareFaust]:
    """Start a bare Faust app by its way of losing; killed at the end of the test."""
    started: list[BareFaust] = []

    def start(way: str) -> BareFaust:
        folder = tmp_path / f"bare-{len(started)}"
        folder.mkdir()
        started.append(BareFaust(way, kafka_settings, folder))
        return started[-1]

    yield start
    for app in started:
        app.kill()


class Committed:
    """What consumer groups of this cell have committed on `customer-changed`."""

    def __init__(self, kafka: KafkaSettings, admin: AIOKafkaAdminClient) -> None:
        self._prefix = kafka.topic_prefix
        self._admin = admin

    async def offset(self, group: str) -> int:
        """Return the next offset that the group would read, 0 if it has committed nothing."""
        found = await self._admin.list_consumer_group_offsets(f"{self._prefix}{group}")
        offsets: list[int] = [meta.offset for tp, meta in found.items() if tp.topic.endswith(".customer-changed")]
        return max(offsets, default=0)

    async def reaches(self, group: str, offset: int, *, within: float = START_SECONDS) -> None:
        """Wait until the group has committed this offset."""

        async def reached() -> bool:
            return await self.offset(group) == offset

        await eventually(reached, within, what=f"{group} has committed {offset}")

    async def topics(self) -> set[str]:
        """Return the names of the cell's topics, without its prefix."""
        names = await self._admin.list_topics()
        return {name.removeprefix(self._prefix) for name in names if name.startswith(self._prefix)}


@pytest.fixture
async def committed(kafka_settings: KafkaSettings) -> AsyncIterator[Committed]:
    """Looks at groups without joining them."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_settings.bootstrap_servers)
    await admin.start()
    yield Committed(kafka_settings, admin)
    await admin.close()


@pytest.fixture
def unwritable(kafka_settings: KafkaSettings) -> Unwritable:
    """Inside the context the broker refuses each write to `customer-mapped`: nothing is small enough for it."""
    topic = wire_name(TopicName.CUSTOMER_MAPPED, kafka_settings.topic_prefix)

    async def limit(size: int) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka_settings.bootstrap_servers)
        await admin.start()
        configs = {"max.message.bytes": str(size)}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=configs)])
        await admin.close()

    @asynccontextmanager
    async def demand() -> AsyncIterator[None]:
        await limit(1)
        yield
        await limit(1024 * 1024)

    return demand


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
