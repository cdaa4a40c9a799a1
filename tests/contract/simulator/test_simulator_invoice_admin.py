"""The typed calls of the launcher about books and batches, against the simulators as a process."""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bridge.testkit.simulator_answers import Json, JsonObject, SimulatorError, as_object, integer, text
from bridge.testkit.simulators import SimulatorAdmin, SimulatorProcess

DOCUMENTS = Path(__file__).parents[1] / "documents"


@pytest.fixture(scope="module")
def process() -> Iterator[SimulatorProcess]:
    """The simulators for all tests of this file."""
    with SimulatorProcess(documents=DOCUMENTS) as simulators:
        yield simulators


@pytest.fixture
def admin(process: SimulatorProcess) -> SimulatorAdmin:
    """The admin door of an emptied world with one company, one customer and one tenant."""
    process.admin.reset()
    process.admin.put_company(501, name="A", consumer_token="c", employee_token="e")
    process.admin.put_tenant("nord", api_key="k")
    return process.admin


def send(url: str, body: Json, headers: JsonObject) -> tuple[int, JsonObject]:
    """POST a body; status and JSON of the answer."""
    sent = {"Content-Type": "application/json", **{name: str(value) for name, value in headers.items()}}
    request = urllib.request.Request(url, json.dumps(body).encode(), sent)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            raw = answer.read()
            return answer.status, json.loads(raw) if raw else {}
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.loads(refused.read())


def tripletex(admin: SimulatorAdmin, path: str, body: Json) -> tuple[int, JsonObject]:
    """A POST to Tripletex in a new session."""
    credentials = {"consumerToken": "c", "employeeToken": "e", "expirationDate": "2099-01-01"}
    _, session = send(f"{admin.tripletex_url}/token/session/:create", credentials, {})
    token = text(as_object(session["value"]), "token")
    basic = base64.b64encode(f"0:{token}".encode()).decode()
    return send(f"{admin.tripletex_url}{path}", body, {"Authorization": f"Basic {basic}"})


def order_of(admin: SimulatorAdmin, *descriptions: str) -> JsonObject:
    """A new order for a new customer, one line of 2 x 99.99 for each description."""
    customer = admin.write_customers(501, [{"name": "Kunde"}])[0]
    lines: list[Json] = [
        {"description": name, "count": 2, "unitPriceExcludingVatCurrency": 99.99, "vatType": {"id": 3}}
        for name in descriptions
    ]
    return {
        "customer": {"id": customer.id},
        "orderDate": "2026-11-03",
        "deliveryDate": "2026-11-05",
        "orderLines": lines,
    }


def invoice_of(order: JsonObject, number: int) -> JsonObject:
    """An invoice of that order."""
    return {
        "invoiceNumber": number,
        "invoiceDate": "2026-11-10",
        "invoiceDueDate": "2026-11-24",
        "orders": [order],
    }


def test_books_show_every_invoice_and_order_as_values(admin: SimulatorAdmin) -> None:
    department, *_ = admin.books(501).add_departments("44")
    project, *_ = admin.books(501).add_projects("7")
    order = {**order_of(admin, "b", "a"), "department": {"id": department}, "project": {"id": project}}

    status, answer = tripletex(admin, "/invoice", invoice_of({**order, "number": "50302"}, 10302))
    tripletex(admin, "/order", order_of(admin, "left"))

    [stored] = admin.books(501).invoices()
    assert (status, stored.id) == (201, integer(as_object(answer["value"]), "id"))
    assert (stored.number, stored.order_number, stored.mails, stored.due_date) == (10302, "50302", 1, "2026-11-24")
    assert (stored.net, stored.gross, stored.roundoff) == (Decimal("399.96"), Decimal("499.96"), Decimal(0))
    assert [line.description for line in stored.lines] == ["a", "b"]
    assert {line.unit_price for line in stored.lines} == {Decimal("99.99")}
    first, second = admin.books(501).orders()
    assert (first.number, first.department_number, first.project_number) == ("50302", "44", "7")
    assert (first.invoice_numbers, second.invoice_numbers) == ((10302,), ())
    assert [line.is_charged for line in (*first.lines, *second.lines)] == [True, True, False]


def test_invoices_and_orders_made_by_hand_are_there_without_mail_or_log(admin: SimulatorAdmin) -> None:
    books = admin.books(501)
    order = order_of(admin, "a")

    invoice_id = books.make_invoice(invoice_of({**order, "number": "8"}, 7))
    order_id = books.make_order({**order, "number": "9"})

    assert [(row.id, row.number, row.mails) for row in books.invoices()] == [(invoice_id, 7, 0)]
    assert [(row.number, row.invoice_numbers) for row in books.orders()] == [("8", (7,)), ("9", ())]
    assert books.orders()[1].id == order_id
    assert admin.requests() == []
    with pytest.raises(SimulatorError, match="invoiceNumber"):
        books.make_invoice(invoice_of(order, 7))


def test_books_can_be_closed_and_opened_again(admin: SimulatorAdmin) -> None:
    books = admin.books(501)
    order = order_of(admin, "a")
    number = iter(range(1, 100))

    def status() -> int:
        return tripletex(admin, "/invoice", invoice_of(order, next(number)))[0]

    books.set_bank_account(None)
    without_account = status()
    books.set_bank_account("12345678903")
    books.close_periods("2026-11")
    in_closed_period = status()
    books.open_periods("2026-11")
    books.set_vat_code("3", active=False)
    without_code = status()
    books.set_vat_code("3", active=True)
    books.set_vat_status("VAT_NOT_REGISTERED")
    not_registered = status()
    books.set_vat_status("VAT_REGISTERED")
    books.set_rules(missingRights=["POST /invoice"])
    without_right = status()
    books.set_rules(missingRights=[])

    assert [without_account, in_closed_period, without_code, not_registered, without_right] == [422, 422, 422, 422, 403]
    assert status() == 201


def test_company_that_is_put_again_has_the_switches_of_a_new_one(admin: SimulatorAdmin) -> None:
    admin.put_company(501, name="A", consumer_token="c", employee_token="e", missingRights=["/invoice"])
    order = order_of(admin, "a")
    before, _ = tripletex(admin, "/invoice", invoice_of(order, 1))
    admin.put_company(501, name="A", consumer_token="c", employee_token="e")

    assert (before, tripletex(admin, "/invoice", invoice_of(order, 1))[0]) == (403, 201)


def test_batches_show_rows_and_receipts_as_values(admin: SimulatorAdmin) -> None:
    batches = admin.batches("nord")
    early = batches.begin([{"invoiceNumber": 1}, "broken"], visible=False)
    late = batches.begin([{"invoiceNumber": 2}, {"invoiceNumber": 3}], generatedAt="2026-11-10T06:00:00Z")
    batches.show(early)
    batches.correct(late, {"invoiceNumber": 2, "kid": "26"}, same_second=True)
    batches.take_back(late, 3)

    url = f"{admin.oc2_url('nord')}/v1/invoice-batches/{late}/receipts"
    for status in ("REJECTED", "TRANSFERRED"):
        send(url, {"receipts": [{"invoiceNumber": 2, "status": status, "reason": "x"}]}, {"X-Api-Key": "k"})
    batches.archive(early)

    first, second = batches.all()
    assert (first.number, first.visible, first.archived, first.invoices[1]) == (early, True, True, "broken")
    assert (second.invoices, second.state, second.statuses) == (
        ({"invoiceNumber": 2, "kid": "26"},),
        "TRANSFERRED",
        {2: "TRANSFERRED"},
    )
    assert [(row.seq, row.status, row.batch_number) for row in batches.receipts()] == [
        (1, "REJECTED", late),
        (2, "TRANSFERRED", late),
    ]
