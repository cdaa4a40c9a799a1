"""A publisher frozen for longer than lease and settle, while another one confirms newer versions.

Frozen from within, at the worst two moments: the claim is durable and nothing has been sent; the answer is there and
not yet written down. Once it goes on, nothing older reaches OC2, and what the other one wrote stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from bridge.runtime.checkpoints import Checkpoint
from bridge.testkit.system import System
from bridge.testkit.system_tenant import SystemTenant, customers

if TYPE_CHECKING:
    from failure.conftest import AllIsWell, Ambush, Awake, Outlasted

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBERS = [10_001, 10_002, 10_003, 10_004, 10_005]


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def upstream(system: System) -> None:
    """Poller and transformer run; publishers are each test's own."""
    for service in ("poller", "transformer"):
        if service not in system.services:
            system.start(service)
    await system.ready("poller", "transformer")


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(Checkpoint.AFTER_CLAIM_COMMIT_BEFORE_REQUEST, id="claimed-and-not-sent"),
        pytest.param(Checkpoint.AFTER_ANSWER_BEFORE_DONE, id="answered-and-not-written-down"),
    ],
)
async def test_nothing_older_reaches_oc2_after_a_freeze_longer_than_lease_and_settle(
    system: System, ambush: Ambush, all_is_well: AllIsWell, outlasted: Outlasted, awake: Awake, point: Checkpoint
) -> None:
    tenant = await system.declare(point.value.replace("_", "-")[:40])
    tenant.write(*customers(len(NUMBERS)))
    frozen = ambush("publisher", point, name=f"frozen-{point.value}", signal="STOP")
    held = (await frozen.froze())["entities"]
    assert isinstance(held, list)
    assert set() < set(held) <= await _sending(system, tenant)
    over = await outlasted()

    await tenant.read()
    tenant.edit(*NUMBERS)
    other = system.start("publisher", name=f"other-{point.value}")
    await tenant.arrived()
    await system.until(over, "lease and settle to be over")
    newest = _contents(tenant)
    assert all("nr. 1" in name for name in newest.values())
    sent_before = len(tenant.sent_to_oc2())
    rows_before = await _rows(system, tenant)

    frozen.process.thaw()
    await awake(frozen)

    assert len(tenant.sent_to_oc2()) == sent_before
    assert _contents(tenant) == newest
    assert await _rows(system, tenant) == rows_before
    await all_is_well(tenant)
    assert await system.leave(other.name, frozen.process.name) == {other.name: 0, frozen.process.name: 0}


def _contents(tenant: SystemTenant) -> dict[int, str]:
    customers_there = tenant.system.simulators.ledger(tenant.id).customers
    return {number: str(content.get("name")) for number, content in customers_there.items()}


async def _rows(system: System, tenant: SystemTenant) -> list[tuple[object, ...]]:
    query = (
        "SELECT entity, state, revision, confirmed_revision, confirmed_at FROM publisher.delivery"
        " WHERE tenant = %(t)s ORDER BY entity"
    )
    return [tuple(row.values()) for row in await system.rows(query, t=tenant.id)]


async def _sending(system: System, tenant: SystemTenant) -> set[str]:
    query = "SELECT entity FROM publisher.delivery WHERE tenant = %(t)s AND state = 'sending'"
    return {row.text("entity") for row in await system.rows(query, t=tenant.id)}
