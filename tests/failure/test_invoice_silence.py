"""Tripletex and OC2 stay silent, answer too late, or say what is not so, to services as they run in production.

Tripletex takes a number as often as it is sent, so nothing but the settle time and the look after it protects the
books. The same faults with a settle time of 0 double an invoice, which shows that these tests can fail.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from bridge.contracts.identity import Flow
from bridge.testkit.system import System
from bridge.testkit.system_invoices import invoices, net_of
from bridge.testkit.system_settings import HTTP_TOTAL_SECONDS, SETTLE_SECONDS
from bridge.testkit.system_tenant import SystemTenant, customers

if TYPE_CHECKING:
    from failure.conftest import AllIsWell

pytestmark = pytest.mark.asyncio(loop_scope="module")

HASTY = Path(__file__).parents[1] / "e2e" / "hasty_publisher.py"
LATE_SECONDS = HTTP_TOTAL_SECONDS + 1.5
"""After the call was given up, and before it must have settled."""

ROWS = invoices(10)
NUMBERS = [70_001 + n for n in range(10)]
UNKNOWN = 99_001


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def running(system: System) -> None:
    """All three services run before each test."""
    system.simulators.clear_faults()
    for service in ("poller", "transformer", "publisher"):
        if service not in system.services or not system.services[service].running:
            system.start(service)
    await system.ready("poller", "transformer", "publisher")


async def test_whatever_tripletex_says_or_does_not_say_each_invoice_is_there_once(
    system: System, all_is_well: AllIsWell
) -> None:
    assert HTTP_TOTAL_SECONDS < LATE_SECONDS < SETTLE_SECONDS
    tenant = await system.declare("silent", flows=[Flow.INVOICES])
    lost, late, html, denied, orphan, half, pseudo, *_ = NUMBERS
    tenant.invoices.fault("lost", "answer_lost", lost)
    tenant.invoices.fault("late", "effect_after", late, seconds=LATE_SECONDS)
    tenant.invoices.fault("html", "stored_although", html, then="html500")
    tenant.invoices.fault("denied", "stored_although", denied, then="422")
    tenant.invoices.fault("orphan", "order_left", orphan, then="lost")
    tenant.invoices.fault("half", "half_answer", half)
    tenant.invoices.fault("pseudo", "stored_although", pseudo, then="pseudo_json500")

    tenant.begin(*ROWS)
    await all_is_well(tenant)

    assert {fault.hits for fault in system.simulators.faults().values()} == {1}
    assert tenant.invoices.times_stored() == dict.fromkeys(NUMBERS, 1)
    # Only the order that was left without its invoice needed a second request.
    assert len(tenant.invoices.posts()) == len(NUMBERS) + 1


async def test_receipts_that_are_lost_or_take_effect_late_leave_transferred_standing(
    system: System, all_is_well: AllIsWell
) -> None:
    tenant = await system.declare("receipts", flows=[Flow.INVOICES])
    system.simulators.add_fault(
        "late-rejection", system="oc2", kind="effect_after", scope=tenant.id, method="POST", path="/receipts$",
        match={"bodyContains": "REJECTED"}, times=1, seconds=LATE_SECONDS,
    )  # fmt: skip
    batch = tenant.begin(*invoices(3), *invoices(1, first=UNKNOWN, customerNumber=19_999))
    await system.until(lambda: _late_rejection_met(system), "the rejection to be on its way")
    assert tenant.invoices.told(UNKNOWN) == []

    # While it is on its way the customer is created, and OC2 corrects the invoice.
    tenant.write(*customers(1, first=19_999))
    system.simulators.add_fault(
        "lost-receipts", system="oc2", kind="answer_lost", scope=tenant.id, method="POST", path="/receipts$",
        match={"bodyContains": "TRANSFERRED"}, times=1,
    )  # fmt: skip
    tenant.invoices.batches.correct(batch, invoices(1, first=UNKNOWN, price="900.00", customerNumber=19_999)[0])
    await all_is_well(tenant)

    assert {name: count.hits for name, count in system.simulators.faults().items()} == {
        "late-rejection": 1,
        "lost-receipts": 1,
    }
    said = tenant.invoices.told(UNKNOWN)
    assert said[0] == "REJECTED"
    assert set(said[1:]) == {"TRANSFERRED"}


async def test_without_the_settle_time_an_effect_that_comes_late_doubles_the_invoice(
    system: System, tmp_path: Path
) -> None:
    tenant = await system.declare("hasty", flows=[Flow.INVOICES])
    await system.leave("publisher")
    system.start("publisher", name="hasty", command=[sys.executable, str(HASTY)], supervised=False)
    late = NUMBERS[0]
    tenant.invoices.fault("late", "effect_after", late, seconds=LATE_SECONDS)

    tenant.begin(*invoices(1))
    await system.until(lambda: _doubled(tenant, late), "the late effect to double the invoice")

    assert [invoice.net for invoice in tenant.invoices.books.invoices()] == [net_of(invoices(1)[0])] * 2
    await system.leave("hasty")


async def _late_rejection_met(system: System) -> bool:
    return system.simulators.faults()["late-rejection"].hits == 1


async def _doubled(tenant: SystemTenant, number: int) -> bool:
    return tenant.invoices.times_stored()[number] == 2
