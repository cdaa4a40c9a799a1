"""The command line against real Postgres and Kafka."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.devstack.endpoints import KafkaEndpoint
from bridge.durable.database import Database
from bridge.testkit.console_cell import ConsoleCell, Launch, Shell
from bridge.testkit.databases import settings_for

_OURS = ("BRIDGE_", "CONSOLE_", "DATABASE_URL", "KAFKA_BOOTSTRAP")


@pytest.fixture
def shell(kafka: KafkaEndpoint, database: str, topic_prefix: str, in_process: Launch) -> Shell:
    """`bridge` with an empty database and no topics yet."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    environ = {
        **kept,
        "DATABASE_URL": database,
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "CONSOLE_KAFKA__TOPIC_PREFIX": topic_prefix,
        "BRIDGE_ALLOW_LOOPBACK": "1",
    }
    return Shell(environ, in_process)


@pytest.fixture
async def cell(shell: Shell, database: str, topic_prefix: str, tmp_path: Path) -> AsyncIterator[ConsoleCell]:
    """A cell whose database `bridge migrate` has brought to its head."""
    await shell.ok("migrate")
    async with Database(settings_for(database), application_name="tests") as db:
        yield ConsoleCell(shell, db, topic_prefix, tmp_path)
