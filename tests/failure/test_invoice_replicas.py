"""Two publishers share tenants with invoices; one is killed with requests on their way, the other does the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.contracts.identity import Flow
from bridge.testkit.service_process import ServiceProcess
from bridge.testkit.system import System
from bridge.testkit.system_invoices import invoices

if TYPE_CHECKING:
    from failure.conftest import AllIsWell

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUNT = 30
NAMES = ("shared-a", "shared-b", "shared-c", "shared-d", "shared-e", "shared-f")


async def test_a_publisher_is_killed_under_load_beside_another_and_every_invoice_is_made_once(
    system: System, all_is_well: AllIsWell
) -> None:
    for service in ("poller", "transformer"):
        system.start(service)
    doomed, other = (system.start("publisher", name=name) for name in ("publisher-1", "publisher-2"))
    tenants = [await system.declare(name, flows=[Flow.INVOICES]) for name in NAMES]
    await system.ready()
    await system.until(lambda: _both_serve(system, doomed, other), "two publishers to share the tenants")
    # Each answer takes a while after its effect, so that something is always on its way.
    system.simulators.add_fault(
        "slow", system="tripletex", kind="effect_after", method="POST", path="^/invoice$", seconds=0, answerSeconds=0.2
    )

    for tenant in tenants:
        tenant.begin(*invoices(COUNT))
    await system.until(lambda: _is_busy(system, doomed), "invoices of one publisher to be on their way")
    system.kill(doomed.name)
    system.simulators.clear_faults()

    await all_is_well(*tenants)
    assert [len(tenant.invoices.times_stored()) for tenant in tenants] == [COUNT] * len(tenants)
    left = "SELECT count(*) AS n FROM publisher.delivery_log WHERE step = 'taken_over'"
    assert await system.number(left) > 0
    assert other.exits == []


async def _both_serve(system: System, *publishers: ServiceProcess) -> bool:
    query = (
        "SELECT count(*) AS n FROM publisher.lease l JOIN control.tenant t ON l.name = 'shard/' || t.shard"
        " WHERE l.owner LIKE %(owner)s AND l.expires_at > now()"
    )
    held = [await system.number(query, owner=f"%:{each.pid}:%") for each in publishers]
    return min(held) > 0 and sum(held) == len(NAMES)


async def _is_busy(system: System, publisher: ServiceProcess) -> bool:
    """Whether some of its invoices are confirmed and some are out."""
    query = (
        "SELECT count(*) FILTER (WHERE d.state = 'sending') * count(*) FILTER (WHERE d.state = 'confirmed') AS n"
        " FROM publisher.delivery d JOIN control.tenant t USING (tenant)"
        " JOIN publisher.lease l ON l.name = 'shard/' || t.shard WHERE l.owner LIKE %(owner)s"
    )
    return await system.number(query, owner=f"%:{publisher.pid}:%") > 0
