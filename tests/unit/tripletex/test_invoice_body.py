"""A new invoice as it is sent: nothing left to Tripletex that could double, mail, discount or reorder it."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.remote.encode import json_bytes
from bridge.tripletex.invoice_body import ExistingOrder, InvoiceLine, InvoiceRequest, NewOrder, invoice_body

_LINE = InvoiceLine("Frakt pall", Decimal(1), Decimal("1250.00"), 3)
_ORDER = NewOrder("0050302", "2026-11-03", "2026-11-05", customer_id=7, currency_id=1, lines=(_LINE,))
_INVOICE = InvoiceRequest(10302, "2026-11-10", "2026-11-24", _ORDER, "7000103023")
_DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**15), max_value=10**15)


def _sent_order(order: NewOrder) -> dict[str, object]:
    orders = invoice_body(replace(_INVOICE, order=order))["orders"]
    assert isinstance(orders, list)
    assert len(orders) == 1
    sent: dict[str, object] = orders[0]
    return sent


def test_every_value_is_named_and_every_choice_of_tripletexs_own_is_taken() -> None:
    order = replace(_ORDER, department_id=44, project_id=70)

    assert invoice_body(replace(_INVOICE, order=order)) == {
        "invoiceNumber": 10302,
        "invoiceDate": "2026-11-10",
        "invoiceDueDate": "2026-11-24",
        "kid": "7000103023",
        "orders": [
            {
                "number": "0050302",
                "orderDate": "2026-11-03",
                "deliveryDate": "2026-11-05",
                "customer": {"id": 7},
                "department": {"id": 44},
                "project": {"id": 70},
                "currency": {"id": 1},
                "isPrioritizeAmountsIncludingVat": False,
                "discountPercentage": 0,
                "orderLineSorting": "CUSTOM",
                "deliveryComment": "(OC2 10302)",
                "orderLines": [
                    {
                        "description": "Frakt pall",
                        "count": Decimal(1),
                        "unitPriceExcludingVatCurrency": Decimal("1250.00"),
                        "discount": 0,
                        "vatType": {"id": 3},
                        "sortIndex": 1,
                    }
                ],
            }
        ],
    }


def test_what_an_invoice_does_not_have_is_not_sent() -> None:
    body = invoice_body(replace(_INVOICE, kid=None))

    assert "kid" not in body
    assert not {"department", "project", "reference"} & set(_sent_order(_ORDER))


@pytest.mark.parametrize("number", [0, -1, 2**31], ids=str)
def test_no_invoice_goes_without_a_number_of_ours(number: int) -> None:
    with pytest.raises(ValueError, match="our own number"):
        replace(_INVOICE, number=number)


def test_no_invoice_of_nothing_and_no_line_without_a_text_goes() -> None:
    with pytest.raises(ValueError, match="without lines"):
        replace(_ORDER, lines=())
    with pytest.raises(ValueError, match="without a description"):
        replace(_LINE, description="")
    with pytest.raises(ValueError, match="order number"):
        replace(_ORDER, number="")


def test_an_order_that_stands_there_is_named_and_not_described() -> None:
    assert invoice_body(replace(_INVOICE, order=ExistingOrder(81)))["orders"] == [{"id": 81}]


def test_a_later_part_delivery_has_a_reference_instead_of_a_number() -> None:
    sent = _sent_order(replace(_ORDER, number=None, reference="50302"))

    assert "number" not in sent
    assert sent["reference"] == "50302"


def test_d01_the_order_of_lines_and_a_negative_quantity_are_kept() -> None:
    lines = (
        InvoiceLine("Å", Decimal(2), Decimal("10.5"), 3),
        InvoiceLine("A", Decimal(-1), Decimal("99.00"), 31),
        InvoiceLine("M", Decimal("0.5"), Decimal(1), 5),
    )

    sent = _sent_order(replace(_ORDER, lines=lines))["orderLines"]

    assert isinstance(sent, list)
    assert [(line["sortIndex"], line["description"], line["count"], line["vatType"]) for line in sent] == [
        (1, "Å", 2, {"id": 3}),
        (2, "A", -1, {"id": 31}),
        (3, "M", Decimal("0.5"), {"id": 5}),
    ]


@given(count=_DECIMALS, price=_DECIMALS)
def test_prices_and_quantities_leave_to_the_last_digit(count: Decimal, price: Decimal) -> None:
    order = replace(_ORDER, lines=(InvoiceLine("Vare", count, price, 3),))

    sent = json.loads(json_bytes(invoice_body(replace(_INVOICE, order=order))), parse_float=Decimal)

    (line,) = sent["orders"][0]["orderLines"]
    assert (Decimal(line["count"]), Decimal(line["unitPriceExcludingVatCurrency"])) == (count, price)


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25", "2028-02-29"])
def test_a03_a_date_leaves_as_the_ten_characters_it_came_as(day: str) -> None:
    order = replace(_ORDER, order_date=day, delivery_date=day)
    sent = json_bytes(invoice_body(InvoiceRequest(1, day, day, order)))

    assert sent.count(f'"{day}"'.encode()) == 4
