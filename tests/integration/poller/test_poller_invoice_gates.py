"""A refused key at OC2, a missing right, a pause, an outage: what holds up the reading of invoices, and only that."""

import pytest

from bridge.contracts.identity import Flow
from bridge.testkit.simulator_answers import JsonObject
from bridge.testkit.source_cell import SourceCell, SourceTenant

POLL = {"batch_settle_seconds": 30.0}

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("poller")]


def invoice(number: int) -> JsonObject:
    """Return an invoice as OC2 shows it."""
    return {
        "invoiceNumber": number,
        "invoiceDate": "2026-11-10",
        "dueDate": "2026-11-24",
        "orderNumber": f"5{number}",
        "orderDate": "2026-11-03",
        "customerNumber": 10002,
        "currency": "NOK",
        "lines": [{"description": "Frakt pall", "unitPrice": "1250.00", "quantity": "1", "vatCode": "3"}],
    }


async def declare(cell: SourceCell, name: str) -> SourceTenant:
    """Declare a tenant that carries both flows."""
    return await cell.declare(name, flows=[Flow.CUSTOMERS, Flow.INVOICES])


async def test_a_refused_key_closes_the_gate_of_oc2_and_a_new_one_opens_it_while_customers_go_on(
    cell: SourceCell,
) -> None:
    tenant = await declare(cell, "oc2-key")
    tenant.batches.begin([invoice(10400)])
    await tenant.hear(1)
    cell.simulators.put_tenant(tenant.id, api_key="another")
    await tenant.gated("credentials_refused")

    tenant.batches.begin([invoice(10401)])
    tenant.write({"customerNumber": 10001, "name": "Fjord AS"})
    await tenant.hear(2)
    assert await tenant.gate() == ("system", "credentials_refused")
    assert set(await tenant.said()) == {("10400", "generated"), ("10001", "changed")}

    cell.simulators.put_tenant(tenant.id, api_key=tenant.secret.read_text())
    await tenant.hear(3)
    assert await tenant.gate() is None


async def test_a_key_without_the_right_to_read_batches_holds_up_invoices_alone(cell: SourceCell) -> None:
    tenant = await declare(cell, "oc2-right")
    cell.simulators.add_fault(
        "right", system="oc2", scope=tenant.id, kind="status", status=403, path="/invoice-batches"
    )

    await tenant.gated("rights_missing")
    assert await tenant.gate() == ("source", "rights_missing")

    cell.simulators.remove_fault("right")
    tenant.batches.begin([invoice(10410)])
    await tenant.hear(1)
    assert await tenant.gate() is None


async def test_a_pause_is_kept_without_a_gate_and_the_same_page_follows(cell: SourceCell) -> None:
    tenant = await declare(cell, "oc2-pause")
    cell.simulators.add_fault(
        "pause", system="oc2", scope=tenant.id, kind="rate_limited", retryAfter=1, times=2, path="/invoice-batches"
    )
    tenant.batches.begin([invoice(10420)])

    await tenant.hear(1)

    assert cell.simulators.faults()["pause"].hits == 2
    assert await tenant.gate() is None


async def test_an_outage_closes_the_gate_of_this_source_and_a_good_probe_opens_it(cell: SourceCell) -> None:
    tenant = await declare(cell, "oc2-down")
    cell.simulators.add_fault("down", system="oc2", scope=tenant.id, kind="html500")
    await tenant.gated("source_down")
    assert await tenant.gate() == ("source", "source_down")

    cell.simulators.remove_fault("down")
    tenant.batches.begin([invoice(10430)])
    await tenant.hear(1)
