"""Ground for one started system per module: a fresh database that lasts as long."""

import uuid
from collections.abc import Iterator

import pytest

from bridge.devstack import sql
from bridge.devstack.endpoints import PostgresEndpoint


@pytest.fixture(scope="module")
def fresh_database(postgres: PostgresEndpoint) -> Iterator[str]:
    """The superuser's DSN of an empty database."""
    name = f"test_{uuid.uuid4().hex}"
    yield sql.create_database(postgres.dsn, name)
    sql.drop_database(postgres.dsn, name)
