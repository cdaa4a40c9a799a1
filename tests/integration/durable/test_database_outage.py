"""A Postgres of its own that goes away and comes back: work fails as transient, then resumes by itself."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.devstack.postgres import PostgresServer
from bridge.durable.database import Database
from bridge.runtime.errors import StoreUnavailableError
from bridge.testkit.databases import settings_for
from bridge.testkit.waiting import eventually


@pytest.fixture
async def server(server_folder: Path) -> AsyncIterator[PostgresServer]:
    with PostgresServer(server_folder / "outage") as server:
        yield server


async def _works(db: Database) -> bool:
    try:
        async with db.transaction() as tx:
            await tx.one("SELECT 1")
    except StoreUnavailableError:
        return False
    return True


async def test_work_resumes_seconds_after_the_server_is_back_however_long_it_was_away(server: PostgresServer) -> None:
    loop = asyncio.get_running_loop()
    async with Database(settings_for(server.dsn, connect_timeout_seconds=1), application_name="tests") as db:
        assert await _works(db)
        await asyncio.to_thread(server.kill)
        gone = loop.time()
        await eventually(lambda: _failed_for(db, gone, seconds=17), timeout=90)

        await asyncio.to_thread(server.start)
        back = loop.time()
        await eventually(lambda: _works(db), timeout=60)

    # The driver's pool alone would not try again before the 31st second.
    assert loop.time() - back < 8


async def _failed_for(db: Database, since: float, *, seconds: float) -> bool:
    assert not await _works(db)
    return asyncio.get_running_loop().time() - since > seconds
