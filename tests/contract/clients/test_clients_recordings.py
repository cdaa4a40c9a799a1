"""Our models against what Tripletex really answered."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from bridge.remote.classify import CallKind, classify
from bridge.remote.http import HttpAnswer
from bridge.remote.outcome import Applied, Outcome, Refused, Unknown
from bridge.tripletex.customer import CustomerRow, parse_customer
from bridge.tripletex.invoices import read_invoice

_RECORDINGS = Path(__file__).parents[1] / "documents" / "recordings"


def _exchanges(name: str) -> list[dict[str, object]]:
    document = json.loads((_RECORDINGS / name).read_text(encoding="utf-8"))
    found: list[dict[str, object]] = document["exchanges"] if isinstance(document, dict) else document
    return found


def _outcome(exchange: dict[str, object]) -> Outcome:
    text = exchange.get("body_text")
    body = text.encode() if isinstance(text, str) else json.dumps(exchange["body"]).encode()
    status, method = exchange["status"], exchange["method"]
    assert isinstance(status, int)
    kind = CallKind.GET if method == "GET" else CallKind.POST_CREATE
    return classify(kind, HttpAnswer(status, {"content-type": "application/json"}, body))


def test_every_recorded_customer_is_readable() -> None:
    listed = _exchanges("customers.json")[0]["response"]
    created = _exchanges("create-customer.json")[0]["response"]
    assert isinstance(listed, dict)
    assert isinstance(created, dict)

    rows = [parse_customer(raw) for raw in [*listed["values"], created["value"]]]

    assert [row.customer_number for row in rows] == [10001, 10002, 10003, 10004, 10004]
    for row in rows:
        assert isinstance(row, CustomerRow)
        assert row.snapshot is not None
        # Stubs are all that an unexpanded answer gives: no code and no address, which is not an error.
        assert (row.snapshot.currency_code, row.snapshot.postal_address) == (None, None)
        assert (row.snapshot.invoices_due_in, row.snapshot.invoices_due_in_type) == (14, "DAYS")
        assert row.snapshot.organization_number is None


@pytest.mark.parametrize("exchange", _exchanges("server-errors.json"), ids=["pseudo-json", "html", "json"])
def test_every_recorded_server_error_is_unknown(exchange: dict[str, object]) -> None:
    assert isinstance(_outcome(exchange), Unknown)


def test_every_recorded_refusal_is_refused_with_its_code() -> None:
    exchanges = [
        exchange
        for name in ("errors-misc.json", "bank-account-invalid.json", "duplicate-number-project.json")
        for exchange in _exchanges(name)
    ]
    outcomes = [_outcome(exchange) for exchange in exchanges if exchange["status"] != 200]

    # 400/4000 is a wrong method, which only a write would report as an address that is not served.
    assert len(outcomes) >= 6
    for outcome in outcomes:
        assert isinstance(outcome, Refused), outcome
        assert outcome.code in {4000, 12000, 18000, 21000, 23000}
        assert outcome.detail


def test_the_fields_of_a_recorded_duplicate_are_kept_named_and_unnamed() -> None:
    outcome = next(
        found for found in map(_outcome, _exchanges("duplicate-number-project.json")) if isinstance(found, Refused)
    )

    assert {complaint.field for complaint in outcome.fields} == {None, "number"}


def test_every_recorded_invoice_is_readable_with_exact_amounts() -> None:
    for exchange in _exchanges("invoice-list-by-number.json"):
        answer = HttpAnswer(200, {"content-type": "application/json"}, json.dumps(exchange["body"]).encode())
        listed = classify(CallKind.GET, answer, decimals=True)
        assert isinstance(listed, Applied)
        assert isinstance(listed.body, dict)
        for row in listed.body["values"]:
            invoice = read_invoice(row)
            assert (invoice.id, invoice.number) == (row["id"], row["invoiceNumber"])
            assert (invoice.net, invoice.gross) == (row["amountExcludingVatCurrency"], row["amountCurrency"])
            assert isinstance(invoice.gross, Decimal)
            # Stubs are all that an unexpanded answer gives.
            assert (invoice.customer_number, invoice.order_number, invoice.kid) == (None, None, None)
            assert invoice.order_id == row["orders"][0]["id"]


def test_the_recorded_answer_to_a_new_invoice_is_readable() -> None:
    (exchange,) = _exchanges("create-invoice.json")
    response = exchange["response"]
    assert isinstance(response, dict)

    invoice = read_invoice(response["value"])

    assert (invoice.id, invoice.number, invoice.order_id) == (1945373711, 2, 210311957)
    assert (invoice.invoice_date, invoice.due_date) == ("2026-07-28", "2026-08-28")
    assert {invoice.net, invoice.gross, invoice.roundoff} == {Decimal(0)}
