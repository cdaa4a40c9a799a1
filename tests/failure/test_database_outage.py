"""Postgres goes away under load, and connections break after COMMIT was sent and before its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from bridge.contracts.identity import Flow
from bridge.devstack.postgres import PostgresServer
from bridge.testkit.fault_proxy import FaultProxy
from bridge.testkit.system import System
from bridge.testkit.system_tenant import customers

if TYPE_CHECKING:
    from failure.conftest import AllIsWell, UnderLoad

pytestmark = pytest.mark.asyncio(loop_scope="module")

DATABASE_SERVICES = ("poller", "publisher")
LOST_ANSWERS = 25


@pytest.fixture(scope="module")
def postgres(server_folder: Path) -> Iterator[PostgresServer]:
    """A server of this module's own, which answers a COMMIT once it is on disk."""
    with PostgresServer(server_folder / "database-that-leaves") as server:
        yield server


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def running(system: System) -> None:
    """All three services run before each test."""
    for service in ("poller", "transformer", "publisher"):
        if service not in system.services or not system.services[service].running:
            system.start(service)
    await system.ready()


@pytest.mark.parametrize(
    "end",
    [pytest.param(PostgresServer.stop, id="stopped"), pytest.param(PostgresServer.kill, id="killed")],
)
async def test_services_outlive_the_database_and_nothing_is_lost(
    system: System,
    postgres: PostgresServer,
    all_is_well: AllIsWell,
    under_load: UnderLoad,
    end: Callable[[PostgresServer], None],
) -> None:
    tenant = await system.declare(f"database-{end.__name__}", flows=list(Flow))
    tenant.write(*customers(60))
    await tenant.settled(confirmed=60)

    async with under_load(tenant):
        await asyncio.to_thread(end, postgres)
        await system.until(lambda: _unready(system), "poller and publisher to say that they are not ready")
        await asyncio.to_thread(postgres.start)
        await system.ready(*DATABASE_SERVICES)

    await all_is_well(tenant, counted=False)
    assert [system.services[name].exits for name in DATABASE_SERVICES] == [[], []]


async def test_a_commit_whose_answer_is_lost_is_neither_lost_nor_done_twice(
    system: System, postgres: PostgresServer, all_is_well: AllIsWell, under_load: UnderLoad
) -> None:
    tenant = await system.declare("answer-lost", flows=list(Flow))
    await system.leave(*DATABASE_SERVICES)
    async with FaultProxy(postgres.port) as proxy:
        behind = system.dsn.replace(f":{postgres.port}/", f":{proxy.port}/")
        for service in DATABASE_SERVICES:
            system.start(service, dsn=behind)
        await system.ready(*DATABASE_SERVICES)

        proxy.lose_every = 4
        tenant.write(*customers(60))
        async with under_load(tenant):
            await system.until(lambda: _lost(proxy), f"{LOST_ANSWERS} answers to be lost")
        proxy.lose_every = 0

        await all_is_well(tenant, counted=False)
        assert [system.services[name].exits for name in DATABASE_SERVICES] == [[], []]
        await system.leave(*DATABASE_SERVICES)


async def _unready(system: System) -> bool:
    return not any([await asyncio.to_thread(system.services[name].is_ready) for name in DATABASE_SERVICES])


async def _lost(proxy: FaultProxy) -> bool:
    return proxy.lost >= LOST_ANSWERS
