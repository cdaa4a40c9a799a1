"""Fixtures for every test that needs real servers.

One Kafka and one Postgres per test session, or those that KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL name. A server
that cannot be had fails the tests that need it: it never skips them. Tests that break a server start their own.
"""

import asyncio
import os
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from typer.testing import CliRunner

from bridge.console.main import build_app
from bridge.devstack import sql
from bridge.devstack.endpoints import KafkaEndpoint, PostgresEndpoint, external_kafka, external_postgres
from bridge.devstack.kafka import KafkaServer
from bridge.devstack.postgres import PostgresServer
from bridge.testkit.console_cell import Launch, Ran

_OURS = ("BRIDGE_", "CONSOLE_", "DATABASE_URL", "KAFKA_BOOTSTRAP")


def pytest_configure() -> None:
    """Say that there is no event loop between tests.

    Otherwise looptime's look for one makes one before every plain test, which then ends as a ResourceWarning
    in whatever test runs when it is collected.
    """
    asyncio.set_event_loop(None)


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder for servers' data that Postgres' own user can enter, unlike pytest's temporary folders."""
    with tempfile.TemporaryDirectory(prefix="bridge-tests-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


@pytest.fixture(scope="session")
def kafka(server_folder: Path) -> Iterator[KafkaEndpoint]:
    """The session's Kafka; use `topic_prefix` to keep out of other tests' way."""
    external = external_kafka()
    if external is not None:
        yield external
        return
    with KafkaServer(server_folder / "kafka") as server:
        yield server


@pytest.fixture(scope="session")
def postgres(server_folder: Path) -> Iterator[PostgresEndpoint]:
    """The session's Postgres; use `database` to keep out of other tests' way."""
    external = external_postgres()
    if external is not None:
        yield external
        return
    with PostgresServer(server_folder / "postgres", relaxed=True) as server:
        yield server


@pytest.fixture
def database(postgres: PostgresEndpoint) -> Iterator[str]:
    """The superuser's DSN of a fresh, empty database, dropped after the test."""
    name = f"test_{uuid.uuid4().hex}"
    yield sql.create_database(postgres.dsn, name)
    sql.drop_database(postgres.dsn, name)


@pytest.fixture
def topic_prefix(request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh prefix for the names of this test's topics and consumer groups; its topics are deleted after the test."""
    prefix = f"t{uuid.uuid4().hex[:12]}."
    # Only if the test has a broker at all: a plain name must not start one.
    broker = request.getfixturevalue("kafka") if "kafka" in request.fixturenames else None
    yield prefix
    if broker is not None:
        delete_topics(broker.bootstrap_servers, prefix)


@pytest.fixture(scope="module")
def module_topic_prefix(kafka: KafkaEndpoint) -> Iterator[str]:
    """The same for a whole module."""
    prefix = f"t{uuid.uuid4().hex[:12]}."
    yield prefix
    delete_topics(kafka.bootstrap_servers, prefix)


def delete_topics(bootstrap_servers: str, prefix: str) -> None:
    """Delete the topics with this prefix, since a broker works harder for each that is there.

    A broker that the test has taken away keeps its topics.
    """
    with ThreadPoolExecutor(1) as apart, suppress(KafkaError):  # apart: the tests' own loop is between two runs
        apart.submit(asyncio.run, _delete(bootstrap_servers, prefix)).result()


async def _delete(bootstrap_servers: str, prefix: str) -> None:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        await client.start()
        names = [name for name in await client.list_topics() if name.startswith(prefix)]
        if names:
            await client.delete_topics(names)
    finally:
        await client.close()


@pytest.fixture(scope="session")
def in_process() -> Launch:
    """Runs `bridge` inside this process, which spares each command the seconds that starting one takes."""

    def launch(arguments: Sequence[str], environ: Mapping[str, str]) -> Ran:
        cleared: dict[str, str | None] = {name: None for name in os.environ if name.startswith(_OURS)}
        result = CliRunner().invoke(build_app(), list(arguments), env={**cleared, **environ}, catch_exceptions=False)
        return Ran(result.exit_code, result.stdout, result.stderr)

    return launch
