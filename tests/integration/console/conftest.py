"""The command line against real Postgres and Kafka."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.console.main import build_app
from bridge.devstack.endpoints import KafkaEndpoint
from bridge.durable.database import Database
from bridge.testkit.console_cell import ConsoleCell, Ran, Shell
from bridge.testkit.databases import settings_for

_OURS = ("BRIDGE_", "CONSOLE_", "DATABASE_URL", "KAFKA_BOOTSTRAP")


def in_process(arguments: Sequence[str], environ: Mapping[str, str]) -> Ran:
    """Run `bridge` inside this process, which spares each command the second that starting one takes."""
    cleared: dict[str, str | None] = {name: None for name in os.environ if name.startswith(_OURS)}
    result = CliRunner().invoke(build_app(), list(arguments), env={**cleared, **environ}, catch_exceptions=False)
    return Ran(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def shell(kafka: KafkaEndpoint, database: str, topic_prefix: str) -> Shell:
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
