"""The judgement on invoices can say no: each kind of wrong is found where it was planted."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from bridge.demo.counts import Seen, faults
from bridge.demo.evidence import InvoiceEvidence
from bridge.demo.invoice_expectation import Known
from bridge.demo.invoice_judge import see_invoices
from bridge.testkit.simulator_answers import Json, JsonObject
from bridge.testkit.simulator_invoice_answers import ReceiptShown, RowShown, StoredInvoice, StoredLine, StoredOrder

NUMBER = 10_472
BATCH = 88
INVOICE_ID = 501
ORDER_ID = 601


def row(**changed: Json) -> JsonObject:
    """The invoice as OC2 shows it."""
    return {
        "invoiceNumber": NUMBER,
        "invoiceDate": "2026-11-10",
        "dueDate": "2026-11-24",
        "kid": "602243",
        "orderNumber": "SO-1",
        "orderDate": "2026-11-03",
        "customerNumber": 10_002,
        "departmentNumber": None,
        "projectNumber": "9001",
        "currency": "NOK",
        "deliveryDate": None,
        "lines": [
            {"description": "Frakt", "unitPrice": "42.608696", "quantity": "6", "vatCode": "3"},
            {"description": "Avslag", "unitPrice": "-10", "quantity": "1", "vatCode": "6"},
        ],
        **changed,
    }


LINES = (
    StoredLine("Frakt", Decimal("42.608696"), Decimal(6), "3", Decimal("255.65"), Decimal("319.56"), True),
    StoredLine("Avslag", Decimal(-10), Decimal(1), "6", Decimal(-10), Decimal(-10), True),
)
STORED = StoredInvoice(
    seq=1,
    at=3.0,
    id=INVOICE_ID,
    number=NUMBER,
    invoice_date="2026-11-10",
    due_date="2026-11-24",
    kid="602243",
    customer_number=10_002,
    currency="NOK",
    order_id=ORDER_ID,
    order_number="SO-1",
    net=Decimal("245.65"),
    gross=Decimal("309.56"),
    roundoff=Decimal(0),
    lines=LINES,
    mails=0,
)
ORDER = StoredOrder(
    id=ORDER_ID,
    at=3.0,
    number="SO-1",
    order_date="2026-11-03",
    delivery_date="2026-11-10",
    customer_number=10_002,
    department_number=None,
    project_number="9001",
    internal_comment="",
    delivery_comment="",
    reference="",
    is_closed=True,
    invoice_numbers=(NUMBER,),
    lines=LINES,
)
TRANSFERRED = ReceiptShown(1, 4.0, BATCH, NUMBER, "TRANSFERRED", INVOICE_ID, None)
REJECTED = ReceiptShown(2, 5.0, BATCH, NUMBER, "REJECTED", None, "The KID is wrong.")


def shown(*rows: JsonObject | None) -> list[RowShown]:
    """States of the invoice in one batch, one second apart."""
    return [RowShown(index, float(index), BATCH, NUMBER, each) for index, each in enumerate(rows, start=1)]


def judged(
    history: Sequence[RowShown],
    invoices: Sequence[StoredInvoice] = (STORED,),
    *,
    orders: Sequence[StoredOrder] = (ORDER,),
    receipts: Sequence[ReceiptShown] = (TRANSFERRED,),
    posted_at: float = 2.5,
) -> Seen:
    known = Known(customers={10_002}, vat_codes={"3", "6"})
    return see_invoices(InvoiceEvidence("acme", history, known, invoices, orders, receipts, {NUMBER: posted_at}))


def test_what_arrived_as_it_was_is_confirmed_and_told() -> None:
    seen = judged(shown(row()))

    assert (seen.changes, seen.confirmed, seen.superseded, seen.receipts, seen.latencies) == (1, 1, 0, 1, (2.0,))
    assert faults(seen) == ()


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param(replace(STORED, kid=""), id="KID"),
        pytest.param(replace(STORED, due_date="2026-11-25"), id="due date"),
        pytest.param(replace(STORED, customer_number=10_003), id="customer"),
        pytest.param(replace(STORED, currency="EUR"), id="currency"),
        pytest.param(replace(STORED, lines=LINES[::-1]), id="order of lines"),
        pytest.param(replace(STORED, lines=LINES[:1]), id="a line missing"),
        pytest.param(replace(STORED, lines=(replace(LINES[0], unit_price=Decimal("42.61")), LINES[1])), id="price cut"),
        pytest.param(replace(STORED, lines=(replace(LINES[0], vat_number="33"), LINES[1])), id="VAT code"),
    ],
)
def test_an_invoice_with_another_content_than_oc2_shows_is_lost(stored: StoredInvoice) -> None:
    assert judged(shown(row()), [stored]).lost == (NUMBER,)


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(replace(ORDER, number="7"), id="order number"),
        pytest.param(replace(ORDER, order_date="2026-11-04"), id="order date"),
        pytest.param(replace(ORDER, delivery_date="2026-11-03"), id="delivery date"),
        pytest.param(replace(ORDER, project_number=None), id="project"),
        pytest.param(replace(ORDER, department_number="10"), id="department"),
    ],
)
def test_an_order_with_another_content_than_oc2_shows_is_lost(order: StoredOrder) -> None:
    assert judged(shown(row()), orders=[order]).lost == (NUMBER,)


def test_a_later_part_of_an_order_carries_its_number_as_a_reference() -> None:
    part = replace(ORDER, number="9003", reference="SO-1")

    assert faults(judged(shown(row()), orders=[part])) == ()


def test_an_invoice_that_never_came_is_lost() -> None:
    seen = judged(shown(row()), [], orders=[], receipts=[])

    assert seen.lost == (NUMBER,)
    assert "acme: Tripletex does not hold what OC2 shows for 10472." in faults(seen)


def test_an_invoice_that_is_there_twice_is_doubled() -> None:
    twice = [STORED, replace(STORED, seq=2, id=INVOICE_ID + 1)]

    assert faults(judged(shown(row()), twice)) == ("acme: more than once at Tripletex: invoice 10472.",)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        pytest.param({"kid": "602244"}, "invalid_kid", id="KID"),
        pytest.param({"customerNumber": 4}, "customer_unknown", id="customer"),
        pytest.param(
            {"lines": [{"description": "Innkjøp", "unitPrice": "1", "quantity": "1", "vatCode": "1"}]},
            "vat_code_not_for_sales",
            id="VAT code for purchases",
        ),
        pytest.param(
            {"lines": [{"description": "Bygg", "unitPrice": "1", "quantity": "1", "vatCode": "51"}]},
            "vat_code_inactive",
            id="VAT code that is not active",
        ),
        pytest.param(
            {"lines": [{"description": "Retur", "unitPrice": "1", "quantity": "-1", "vatCode": "3"}]},
            "invoice_negative",
            id="below zero",
        ),
    ],
)
def test_an_invoice_that_cannot_go_is_dead_with_its_reason_and_must_not_be_there(
    changed: JsonObject, reason: str
) -> None:
    rejected = judged(shown(row(**changed)), [], orders=[], receipts=[REJECTED])
    silent = judged(shown(row(**changed)), [], orders=[], receipts=[])
    there = judged(shown(row(**changed)), receipts=[TRANSFERRED])

    assert (dict(rejected.dead), rejected.receipts, faults(rejected)) == ({reason: 1}, 1, ())
    assert silent.receipts_missing == 1
    assert there.lost == (NUMBER,)


def test_a_correction_of_a_refused_invoice_supersedes_it() -> None:
    seen = judged(shown(row(kid="602244"), row()), receipts=[replace(REJECTED, seq=1), replace(TRANSFERRED, seq=2)])

    assert (seen.changes, seen.confirmed, seen.superseded, faults(seen)) == (2, 1, 1, ())


def test_a_change_after_the_transfer_leaves_what_is_there_and_is_a_letter() -> None:
    seen = judged(shown(row(), row(dueDate="2026-12-01")), posted_at=1.5)

    assert (seen.confirmed, dict(seen.with_letter)) == (1, {"invoice_changed_after_transfer": 1})
    assert faults(seen) == ()


def test_an_older_content_that_was_sent_after_a_newer_one_was_shown_is_out_of_order() -> None:
    seen = judged(shown(row(), row(dueDate="2026-12-01")), posted_at=2.5)

    assert seen.out_of_order == (NUMBER,)
    assert "acme: an older content was sent after OC2 showed a newer one of 10472." in faults(seen)


def test_an_invoice_taken_back_before_it_was_sent_is_discarded() -> None:
    seen = judged(shown(row(), None), [], orders=[], receipts=[])

    assert (seen.changes, seen.discarded, faults(seen)) == (2, 1, ())


@pytest.mark.parametrize(
    ("receipts", "sentence"),
    [
        pytest.param([], "OC2 was not told what became of 1 invoices", id="none"),
        pytest.param([REJECTED], "OC2 was not told what became of 1 invoices", id="a wrong one"),
        pytest.param(
            [replace(TRANSFERRED, tripletex_invoice_id=1)], "OC2 was not told what became of 1", id="another id"
        ),
        pytest.param([TRANSFERRED, REJECTED], "REJECTED for invoice 10472 after TRANSFERRED", id="a late rejection"),
    ],
)
def test_a_receipt_must_say_what_tripletex_holds(receipts: Sequence[ReceiptShown], sentence: str) -> None:
    assert any(sentence in fault for fault in faults(judged(shown(row()), receipts=receipts)))


@pytest.mark.parametrize(
    ("invoice", "order", "sentence"),
    [
        pytest.param(replace(STORED, mails=1), ORDER, "mailed invoice 10472", id="mailed"),
        pytest.param(STORED, replace(ORDER, is_closed=False), "order SO-1 is still open", id="open order"),
    ],
)
def test_nothing_is_mailed_and_no_order_stays_open(invoice: StoredInvoice, order: StoredOrder, sentence: str) -> None:
    (fault,) = faults(judged(shown(row()), [invoice], orders=[order]))

    assert sentence in fault


def test_an_order_without_an_invoice_and_an_invoice_from_nowhere_are_named() -> None:
    left = replace(ORDER, id=ORDER_ID + 1, number="SO-2", invoice_numbers=())
    stray = replace(STORED, number=7)

    found = faults(judged(shown(row()), [STORED, stray], orders=[ORDER, left]))

    assert any("order SO-2 was left at Tripletex without an invoice" in fault for fault in found)
    assert any("holds invoice 7, which OC2 never showed" in fault for fault in found)
