"""A publisher with invoices in hand is frozen for longer than lease and settle, while another one takes its work over.

OC2 corrects the invoices meanwhile. Once the frozen one goes on it sends nothing: each invoice is at Tripletex once,
and only what was there before the correction has the older content. Nor does an older receipt come after a newer one.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from bridge.contracts.identity import Flow
from bridge.runtime.checkpoints import Checkpoint
from bridge.testkit.system import System
from bridge.testkit.system_invoices import invoices
from bridge.testkit.system_tenant import SystemTenant, customers

if TYPE_CHECKING:
    from failure.conftest import AllIsWell, Ambush, Awake, Outlasted

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBERS = [70_001 + n for n in range(5)]
NEWER = Decimal("900.00")
UNKNOWN_CUSTOMER = 19_999


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def upstream(system: System) -> None:
    """Poller and transformer run; publishers are each test's own."""
    for service in ("poller", "transformer"):
        if service not in system.services:
            system.start(service)
    await system.ready("poller", "transformer")


@pytest.mark.parametrize(
    ("point", "there"),
    [
        pytest.param(Checkpoint.AFTER_CLAIM_COMMIT_BEFORE_REQUEST, 0, id="claimed-and-not-sent"),
        pytest.param(Checkpoint.AFTER_ANSWER_BEFORE_DONE, 1, id="answered-and-not-written-down"),
    ],
)
async def test_no_invoice_is_made_twice_after_a_freeze_longer_than_lease_and_settle(
    system: System,
    ambush: Ambush,
    all_is_well: AllIsWell,
    outlasted: Outlasted,
    awake: Awake,
    point: Checkpoint,
    there: int,
) -> None:
    tenant = await system.declare(point.value.replace("_", "-")[:40], flows=[Flow.INVOICES])
    batch = tenant.begin(*invoices(len(NUMBERS)))
    await tenant.read()
    frozen = ambush("publisher", point, name=f"frozen-{point.value}", signal="STOP")
    await frozen.froze()
    older = tenant.invoices.amounts()
    assert len(older) == there
    over = await outlasted()

    for corrected in invoices(len(NUMBERS), price=str(NEWER)):
        tenant.invoices.batches.correct(batch, corrected)
    await tenant.read()
    other = system.start("publisher", name=f"other-{point.value}")
    await tenant.settled(confirmed=len(NUMBERS))
    await system.until(over, "lease and settle to be over")
    expected = dict.fromkeys(NUMBERS, NEWER) | older
    assert tenant.invoices.amounts() == expected
    posts_before = len(tenant.invoices.posts())

    frozen.process.thaw()
    await awake(frozen)

    assert len(tenant.invoices.posts()) == posts_before == len(NUMBERS)
    assert tenant.invoices.amounts() == expected
    await all_is_well(tenant)
    query = "SELECT entity, reason FROM publisher.dead_letter WHERE tenant = %(t)s AND closed_at IS NULL"
    letters = [(row.text("entity"), row.text("reason")) for row in await system.rows(query, t=tenant.id)]
    assert letters == [(str(number), "invoice_changed_after_transfer") for number in older]
    assert await system.leave(other.name, frozen.process.name) == {other.name: 0, frozen.process.name: 0}


@pytest.mark.slow
async def test_a_rejection_that_froze_before_it_was_told_is_not_told_after_the_transfer(
    system: System, ambush: Ambush, all_is_well: AllIsWell, outlasted: Outlasted, awake: Awake
) -> None:
    tenant = await system.declare("frozen-rejection", flows=[Flow.INVOICES])
    number = NUMBERS[0]
    batch = tenant.begin(*invoices(1, customerNumber=UNKNOWN_CUSTOMER))
    point = Checkpoint.AFTER_RECEIPT_CLAIM_BEFORE_REQUEST
    frozen = ambush("publisher", point, name=f"frozen-{point.value}", signal="STOP")
    assert (await frozen.froze())["entities"] == [str(number)]
    assert await tenant.states() == {"dead": 1}
    over = await outlasted()

    tenant.write(*customers(1, first=UNKNOWN_CUSTOMER))
    corrected = invoices(1, price=str(NEWER), customerNumber=UNKNOWN_CUSTOMER)[0]
    tenant.invoices.batches.correct(batch, corrected)
    other = system.start("publisher", name=f"other-{point.value}")
    await system.until(lambda: _is_transferred(tenant, number), "OC2 to be told of the transfer")
    await system.until(over, "lease and settle to be over")
    told = tenant.invoices.told(number)

    frozen.process.thaw()
    await awake(frozen)

    await all_is_well(tenant)
    assert tenant.invoices.told(number) == told
    assert await system.leave(other.name, frozen.process.name) == {other.name: 0, frozen.process.name: 0}


async def _is_transferred(tenant: SystemTenant, number: int) -> bool:
    return tenant.invoices.told(number)[-1:] == ["TRANSFERRED"]
