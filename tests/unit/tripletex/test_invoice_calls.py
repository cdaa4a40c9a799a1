"""Calls about invoices: what a success must show, what a deadline reaches, and what a broken list is."""

import asyncio
import json
from decimal import Decimal

import pytest

from bridge.remote.errors import CredentialsRefusedError
from bridge.remote.http import HttpAnswer
from bridge.remote.outcome import NotSent, Refused, Unauthorized, Unknown
from bridge.runtime.clock import SystemClock
from bridge.runtime.errors import SourceUnavailableError
from bridge.testkit.answers import json_answer, text_answer
from bridge.testkit.clock import ManualClock
from bridge.testkit.fake_tripletex import FakeTripletex, refused_token
from bridge.tripletex.access import TripletexTenant
from bridge.tripletex.calls import MAX_COUNT, MAX_ROWS
from bridge.tripletex.client import TripletexClient
from bridge.tripletex.invoice_body import ExistingOrder, InvoiceLine, InvoiceRequest, NewOrder
from bridge.tripletex.invoices import StoredInvoice

_REQUEST = InvoiceRequest(10302, "2026-11-10", "2026-11-24", ExistingOrder(81))
_LIMIT = {"x-rate-limit-limit": "10", "x-rate-limit-remaining": "0", "x-rate-limit-reset": "8"}


def _exactly(status: int, body: str) -> HttpAnswer:
    return HttpAnswer(status, {"content-type": "application/json"}, body.encode())


async def test_an_invoice_is_posted_with_its_number_and_mailed_to_nobody(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    tripletex.customers = json_answer(201, {"value": {"id": 5, "invoiceNumber": 10302}})

    made = await client.create_invoice(acme, _REQUEST, not_after=12.5)

    assert made == StoredInvoice(5, 10302)
    (request,) = tripletex.calls("/invoice")
    assert (request.method, list(request.query)) == ("POST", [("sendToCustomer", "false")])
    assert json.loads(request.body or b"")["invoiceNumber"] == 10302
    assert set(request.headers) == {"authorization", "content-type"}
    assert tripletex.deadlines[-1] == 12.5


async def test_amounts_are_read_to_the_last_digit(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    tripletex.customers = _exactly(
        201,
        '{"value": {"id": 5, "invoiceNumber": 10302, "kid": "", "amountCurrency": 4720.005,'
        ' "amountExcludingVatCurrency": 0.1, "amountRoundoffCurrency": 0}}',
    )

    made = await client.create_invoice(acme, _REQUEST)

    assert made == StoredInvoice(5, 10302, gross=Decimal("4720.005"), net=Decimal("0.1"), roundoff=Decimal(0))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(json_answer(201, {"value": {"id": 5, "invoiceNumber": 10303}}), id="another-number"),
        pytest.param(json_answer(201, {"value": {"id": 5, "invoiceNumber": "10302"}}), id="a-text"),
        pytest.param(json_answer(201, {"value": {"id": 5}}), id="no-number"),
        pytest.param(json_answer(201, {"value": {"invoiceNumber": 10302}}), id="no-id"),
        pytest.param(json_answer(201, {"value": None}), id="no-value"),
        pytest.param(json_answer(200, []), id="no-envelope"),
        pytest.param(json_answer(202, {"status": "queued"}), id="queued"),
        pytest.param(HttpAnswer(204, {}, b""), id="no-content"),
        pytest.param(text_answer(201, "<html>"), id="html"),
    ],
)
async def test_a_success_that_does_not_show_our_invoice_is_unknown(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant, answer: HttpAnswer
) -> None:
    tripletex.customers = answer

    assert isinstance(await client.create_invoice(acme, _REQUEST), Unknown)


async def test_a_second_401_is_told_and_the_invoice_was_sent_twice_without_an_effect(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    tripletex.denied_paths = ("/v2/invoice",)

    outcome = await client.create_invoice(acme, _REQUEST, not_after=12.5)

    assert isinstance(outcome, Unauthorized)
    assert (tripletex.log_ins, len(tripletex.calls("/invoice"))) == (2, 2)
    sent_until = [
        deadline
        for request, deadline in zip(tripletex.requests, tripletex.deadlines, strict=True)
        if request.url.endswith("/invoice")
    ]
    assert sent_until == [12.5, 12.5]


async def test_a_log_in_that_another_process_ended_is_no_missing_right(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    tripletex.ends_sessions = True

    outcome = await client.create_invoice(acme, _REQUEST)

    assert isinstance(outcome, NotSent)
    assert "another log-in" in outcome.why
    with pytest.raises(SourceUnavailableError, match="another log-in"):
        await client.find_invoices(acme, 10302)


async def test_a_refused_log_in_raises_before_anything_is_sent(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    tripletex.log_in = refused_token()

    with pytest.raises(CredentialsRefusedError, match="refuses the tokens of acme"):
        await client.create_invoice(acme, _REQUEST)
    assert tripletex.calls("/invoice") == []


@pytest.mark.parametrize(
    "row",
    [
        {"invoiceNumber": 10302},
        {"id": 5, "invoiceNumber": "10302"},
        {"id": 5, "invoiceNumber": 10302, "amountCurrency": "1250"},
        {"id": 5, "invoiceNumber": 10302, "customer": {"id": "x"}},
        None,
    ],
    ids=str,
)
async def test_a_row_that_cannot_be_read_is_no_absence(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant, row: object
) -> None:
    tripletex.customers = json_answer(200, {"values": [row]})

    with pytest.raises(SourceUnavailableError, match="tenant acme, invoice 10302"):
        await client.find_invoices(acme, 10302)


async def test_rows_of_another_number_are_nobodys_answer(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    tripletex.customers = json_answer(200, {"values": [{"id": 5, "invoiceNumber": 1030}]})
    assert await client.find_invoices(acme, 10302) == ()

    other = {"id": 5, "version": 0, "number": "1", "isClosed": False, "orderLines": [], "deliveryComment": "(OC2 103)"}
    tripletex.customers = json_answer(200, {"values": [other]})
    assert await client.find_orders_by_number(acme, "11") == ()
    assert await client.find_orders_by_marker(acme, 10302) == ()
    assert [order.id for order in await client.find_orders_by_number(acme, "1")] == [5]


@pytest.mark.parametrize("lines", [None, "many", [{}], [{"isCharged": None}], [3]], ids=str)
async def test_an_order_whose_lines_do_not_tell_whether_they_are_invoiced_is_not_judged(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant, lines: object
) -> None:
    row = {"id": 5, "version": 0, "number": "1", "isClosed": False, "orderLines": lines}
    tripletex.customers = json_answer(200, {"values": [row], "value": row})

    with pytest.raises(SourceUnavailableError, match="orderLines"):
        await client.find_orders_by_number(acme, "1")
    with pytest.raises(SourceUnavailableError, match="orderLines"):
        await client.get_order(acme, 5)


async def test_pages_that_come_to_no_end_are_given_up(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    rows = [{"id": number, "departmentNumber": "9"} for number in range(1, MAX_COUNT + 1)]
    tripletex.customers = json_answer(200, {"values": rows})

    with pytest.raises(SourceUnavailableError, match="come to no end"):
        await client.departments(acme, "44")
    assert len(tripletex.calls("/department")) == MAX_ROWS // MAX_COUNT


@pytest.mark.parametrize("status", [404, 409])
async def test_an_order_that_cannot_be_closed_says_why(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant, status: int
) -> None:
    tripletex.customers = json_answer(status, {"status": status, "code": 8000, "message": "RevisionException"})

    outcome = await client.close_order(acme, 5, 3)

    assert isinstance(outcome, Refused if status == 409 else NotSent)
    assert json.loads(tripletex.calls("/order/5")[0].body or b"") == {"id": 5, "version": 3, "isClosed": True}


class _LoopClock(SystemClock):
    """Boot seconds by the event loop, so that time passes by waiting."""

    def boot(self) -> float:
        return asyncio.get_running_loop().time()


@pytest.mark.looptime
async def test_room_is_waited_for_as_long_as_the_deadline_lets(tripletex: FakeTripletex, acme: TripletexTenant) -> None:
    client, loop = TripletexClient(tripletex, _LoopClock()), asyncio.get_running_loop()
    begun = loop.time()
    assert await client.wait_for_room(acme.tenant, latest=begun + 1)
    assert loop.time() == begun

    tripletex.customers = json_answer(200, {"values": []}, _LIMIT)
    await client.find_invoices(acme, 10302)
    assert not await client.wait_for_room(acme.tenant, latest=begun + 8)
    assert loop.time() == begun
    assert await client.wait_for_room(acme.tenant, latest=begun + 10)
    assert loop.time() == pytest.approx(begun + 9)


def test_room_that_is_there_too_late_is_none(
    client: TripletexClient, acme: TripletexTenant, clock: ManualClock
) -> None:
    assert not asyncio.run(client.wait_for_room(acme.tenant, latest=clock.boot()))


_LINES = (InvoiceLine("Å ", Decimal(2), Decimal("10.50"), 0), InvoiceLine("A", Decimal(-1), Decimal("0.333333"), 3))
_NEW = NewOrder("1", "2026-11-03", "2026-11-05", 7, 1, _LINES, department_id=44, project_id=None)
_ROW: dict[str, object] = {
    "id": 5,
    "version": 0,
    "number": "1",
    "isClosed": False,
    "orderDate": "2026-11-03",
    "deliveryDate": "2026-11-05",
    "customer": {"id": 7},
    "department": {"id": 44},
    "project": None,
    "currency": {"id": 1},
    "deliveryComment": "(OC2 10302)",
    "orderLines": [
        {"isCharged": False, "sortIndex": 2, "description": "A", "count": -1.0, "vatType": {"id": 3},
         "unitPriceExcludingVatCurrency": 0.333333},
        {"isCharged": False, "sortIndex": 1, "description": "Å", "count": 2, "vatType": {"id": 0},
         "unitPriceExcludingVatCurrency": 10.5},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "same", "orphan"),
    [
        ({}, True, True),
        ({"number": "2", "reference": "1"}, True, True),
        ({"deliveryComment": "(OC2 1030)"}, True, False),
        ({"isClosed": True}, True, False),
        ({"orderDate": "2026-11-04"}, False, True),
        ({"deliveryDate": "2026-11-04"}, False, True),
        ({"customer": {"id": 8}}, False, True),
        ({"department": None}, False, True),
        ({"project": {"id": 1}}, False, True),
        ({"currency": {"id": 5}}, False, True),
        ({"orderLines": []}, False, False),
        ({"orderLines": [{"isCharged": False, "description": "A"}]}, False, True),
        ({"orderLines": [{"isCharged": True, "description": "A"}]}, False, False),
    ],
    ids=str,
)
async def test_an_order_that_stands_there_is_compared_in_everything_its_invoice_would_say(
    client: TripletexClient,
    tripletex: FakeTripletex,
    acme: TripletexTenant,
    change: dict[str, object],
    same: bool,
    orphan: bool,
) -> None:
    tripletex.customers = json_answer(200, {"value": {**_ROW, **change}})

    found = await client.get_order(acme, 5)

    assert found is not None
    assert found.is_made_of(_NEW) is same
    assert found.is_orphan_of(10302) is orphan
