"""The broker goes away under load, in good order and by kill -9, and comes back: work waits, nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from bridge.contracts.identity import Flow
from bridge.devstack.kafka import KafkaServer
from bridge.testkit.system import System
from bridge.testkit.system_tenant import customers

if TYPE_CHECKING:
    from failure.conftest import AllIsWell, UnderLoad

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def kafka(server_folder: Path) -> Iterator[KafkaServer]:
    """A broker of this module's own."""
    with KafkaServer(server_folder / "broker-that-leaves") as server:
        yield server


@pytest_asyncio.fixture(autouse=True, loop_scope="module", scope="module")
async def running(system: System) -> None:
    """All three services run; one that ends is started again, as a platform would."""
    for service in ("poller", "transformer", "publisher"):
        system.start(service)
    await system.ready()


@pytest.mark.parametrize(
    "end",
    [pytest.param(KafkaServer.stop, id="stopped"), pytest.param(KafkaServer.kill, id="killed")],
)
async def test_changes_wait_in_the_outbox_while_the_broker_is_away_and_none_is_lost(
    system: System,
    kafka: KafkaServer,
    all_is_well: AllIsWell,
    under_load: UnderLoad,
    end: Callable[[KafkaServer], None],
) -> None:
    tenant = await system.declare(f"broker-{end.__name__}", flows=list(Flow))
    tenant.write(*customers(60))
    await tenant.settled(confirmed=60)

    async with under_load(tenant):
        await asyncio.to_thread(end, kafka)
        await system.until(lambda: _waits(system), "changes to wait in the outbox")
        confirmed = (await tenant.states()).get("confirmed", 0)
        await asyncio.to_thread(kafka.start)

    await all_is_well(tenant, counted=False)
    assert confirmed > 0
    assert system.services["poller"].exits == []
    assert system.services["publisher"].exits == []


async def _waits(system: System) -> bool:
    return await system.number("SELECT count(*) AS n FROM poller.outbox") >= 10
