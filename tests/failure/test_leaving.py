"""Services leave: asked by SIGTERM under load, or by kill -9 while another one stands by."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from bridge.contracts.identity import Flow
from bridge.testkit.system import System
from bridge.testkit.system_settings import DRAIN_SECONDS, LEASE_SECONDS
from bridge.testkit.system_tenant import SystemTenant, customers

if TYPE_CHECKING:
    from failure.conftest import AllIsWell, UnderLoad

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVICES = ("poller", "transformer", "publisher")


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def running(system: System) -> None:
    """All three services run before each test."""
    for service in SERVICES:
        if service not in system.services or not system.services[service].running:
            system.start(service)
    await system.ready(*SERVICES)


@pytest.mark.parametrize("service", SERVICES)
async def test_told_to_stop_under_load_a_service_leaves_with_code_0_in_time_and_loses_nothing(
    system: System, all_is_well: AllIsWell, under_load: UnderLoad, service: str
) -> None:
    tenant = await system.declare(f"sigterm-{service}", flows=list(Flow))
    # Each answer takes a while, so that something is always on its way.
    system.simulators.add_fault(f"slow-{service}", system="oc2", kind="latency", scope=tenant.id, seconds=0.3)
    tenant.write(*customers(60))
    await system.until(lambda: _has_begun(tenant), "the first customers to arrive")

    async with under_load(tenant):
        begun = time.monotonic()
        codes = await system.leave(service, within=DRAIN_SECONDS + 5)
        took = time.monotonic() - begun
        system.start(service)
        await system.ready(service)

    assert codes == {service: 0}
    assert took < DRAIN_SECONDS
    await all_is_well(tenant, counted=False)


async def test_the_tenants_of_a_killed_poller_are_read_by_the_other_within_twice_the_lease_time(
    system: System, all_is_well: AllIsWell
) -> None:
    tenant = await system.declare("orphaned")
    tenant.write(*customers(5))
    await tenant.settled(confirmed=5)
    other = system.start("poller", name="poller-2")
    await system.until(lambda: _shares(system), "two pollers to share the shards")
    owner = await _owner(system, tenant)
    dead = "poller-2" if f":{other.pid}:" in owner else "poller"

    system.kill(dead)
    killed = time.monotonic()
    tenant.edit(10_001)
    await system.until(lambda: _is_told(tenant, 6), "the edit to be told")
    took = time.monotonic() - killed

    assert took <= 2 * LEASE_SECONDS
    assert await _owner(system, tenant) != owner
    await all_is_well(tenant)
    await system.leave("poller-2" if dead == "poller" else "poller")


async def _has_begun(tenant: SystemTenant) -> bool:
    return len(tenant.sent_to_oc2()) > 0


async def _is_told(tenant: SystemTenant, changes: int) -> bool:
    query = "SELECT emitted AS n FROM poller.source_cursor WHERE tenant = %(t)s"
    return (await tenant.system.rows(query, t=tenant.id))[0].number("n") == changes


async def _shares(system: System) -> bool:
    query = (
        "SELECT owner FROM poller.lease WHERE name LIKE 'shard/%%' AND expires_at > now()"
        " GROUP BY owner HAVING count(*) = 128"
    )
    return len(await system.rows(query)) == 2


async def _owner(system: System, tenant: SystemTenant) -> str:
    query = (
        "SELECT owner FROM poller.lease l JOIN control.tenant t ON l.name = 'shard/' || t.shard WHERE t.tenant = %(t)s"
        " AND expires_at > now()"
    )
    return (await system.rows(query, t=tenant.id))[0].text("owner")
