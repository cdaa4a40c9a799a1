"""Fixtures for every test that needs real servers.

One Kafka and one Postgres per test session, or those that KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL name. A server
that cannot be had fails the tests that need it: it never skips them. Tests that break a server start their own.
"""

import asyncio
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.devstack import sql
from bridge.devstack.endpoints import KafkaEndpoint, PostgresEndpoint, external_kafka, external_postgres
from bridge.devstack.kafka import KafkaServer
from bridge.devstack.postgres import PostgresServer


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
def topic_prefix() -> str:
    """A fresh prefix for the names of this test's topics and consumer groups."""
    return f"t{uuid.uuid4().hex[:12]}."
