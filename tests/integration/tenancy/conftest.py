"""A database with the schema `control`, and tenant files in a few words."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from bridge.durable.database import Database
from bridge.durable.migrate import MigrationSet, migrate
from bridge.testkit.databases import settings_for

CONTROL = MigrationSet("control", "bridge.tenancy.sql")


@pytest.fixture
async def db(database: str) -> AsyncIterator[Database]:
    await migrate(SecretStr(database), [CONTROL])
    async with Database(settings_for(database), application_name="tests") as opened:
        yield opened
