"""A cell for the publisher alone, and the publisher to run in it."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from bridge.contracts.topics import TOPICS
from bridge.devstack.endpoints import KafkaEndpoint
from bridge.durable.database import Database
from bridge.durable.migrate import discover, migrate
from bridge.messaging.admin import TopicAdmin
from bridge.messaging.producer import BatchProducer
from bridge.publisher.main import compose_publisher
from bridge.publisher.settings import PublisherSettings
from bridge.runtime.checkpoints import Checkpoints, no_checkpoints
from bridge.runtime.settings import KafkaSettings, PostgresSettings
from bridge.testkit.mapped_cell import MappedCell, Runner
from bridge.testkit.simulators import SimulatorProcess

DOCUMENTS = Path(__file__).parents[2] / "contract" / "documents"
PARTITIONS = 2
SETTLE = timedelta(seconds=1)


@pytest.fixture(scope="session")
def simulator() -> Iterator[SimulatorProcess]:
    """The simulators; every test uses tenants of its own."""
    with SimulatorProcess(documents=DOCUMENTS) as process:
        yield process


@pytest.fixture
async def cell(
    kafka: KafkaEndpoint, database: str, topic_prefix: str, simulator: SimulatorProcess, tmp_path: Path
) -> AsyncIterator[MappedCell]:
    """A fresh cell: migrated database, own topics, own tenants at the simulator."""
    await migrate(SecretStr(database), discover())
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers, topic_prefix=topic_prefix)
    async with AsyncExitStack() as stack:
        async with TopicAdmin(settings) as admin:
            specs = [replace(spec, partitions=PARTITIONS) for spec in TOPICS]
            await admin.apply(specs, prefix=topic_prefix, replication=1)
        db = await stack.enter_async_context(
            Database(PostgresSettings(dsn=SecretStr(database)), application_name="test")
        )
        producer = await stack.enter_async_context(BatchProducer(settings, "test"))
        yield MappedCell(
            db, settings, producer, simulator.admin, database, f"{os.getpid()}{topic_prefix[1:7]}", tmp_path
        )
        simulator.admin.clear_faults()


def _settings(cell: MappedCell, groups: Mapping[str, Mapping[str, object]]) -> PublisherSettings:
    """Return settings that look often and are patient with a busy machine; `groups` change single fields."""
    values: dict[str, dict[str, object]] = {
        "http": {
            "connect_seconds": 10.0,
            "read_seconds": 20.0,
            "total_seconds": 20.0,
            "allow_loopback": True,
        },
        "lease": {"ttl_seconds": 15.0, "margin_seconds": 2.0},
        "relay": {"deadline_seconds": 5.0, "idle_seconds": 0.1},
        "ingest": {"wait_seconds": 0.05},
        "delivery": {
            "settle_seconds": 40.0,
            "backoff_seconds": 0.1,
            "backoff_cap_seconds": 0.5,
            "look_every_seconds": 0.05,
            "gate_probe_seconds": 0.3,
            "acts_every_seconds": 0.1,
            "errands_every_seconds": 0.1,
        },
    }
    for name, fields in groups.items():
        values.setdefault(name, {}).update(fields)
    return PublisherSettings.model_validate(
        {
            "kafka": cell.kafka,
            "postgres": PostgresSettings(dsn=SecretStr(cell.dsn)),
            **values,
        }
    )


@pytest.fixture
def publish(cell: MappedCell) -> Runner:
    """Runs publishers in this test's process.

    They settle soon, since nothing here takes effect late but where a test asks for it: it gives None then.
    """

    @asynccontextmanager
    async def run(
        *,
        checkpoints: Checkpoints = no_checkpoints,
        unsafe_settle: timedelta | None = SETTLE,
        **groups: Mapping[str, object],
    ) -> AsyncIterator[int]:
        settings = _settings(cell, groups)
        async with compose_publisher(settings, checkpoints=checkpoints, unsafe_settle=unsafe_settle) as publisher:
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as loops:
                for loop in publisher.loops:
                    loops.create_task(loop.run(stop), name=loop.name)
                try:
                    yield publisher.port
                finally:
                    stop.set()

    return run
