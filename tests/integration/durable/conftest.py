"""A database with the shared tables in the schema `poller`."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bridge.durable.database import Database
from bridge.durable.migrate import MigrationSet, migrate
from bridge.runtime.settings import PostgresSettings
from bridge.testkit.databases import SHARED_TABLES, migration_package, settings_for


@pytest.fixture
def shared_set(tmp_path: Path) -> Iterator[MigrationSet]:
    with migration_package(tmp_path, "poller", SHARED_TABLES) as migrations:
        yield migrations


@pytest.fixture
async def settings(database: str, shared_set: MigrationSet) -> PostgresSettings:
    settings = settings_for(database)
    await migrate(settings.dsn, [shared_set])
    return settings


@pytest.fixture
async def db(settings: PostgresSettings) -> AsyncIterator[Database]:
    async with Database(settings, application_name="tests") as opened:
        yield opened
