"""One row of a batch: read by the contract's own types, or told with the field and the form expected."""

import json
import re

import pytest

from bridge.contracts.events.invoice import InvoiceSnapshot
from bridge.oc2.invoice import InvoiceRow, UnreadableInvoice, parse_invoice, source_hash

LINE = {"description": "Frakt pall", "unitPrice": "1250.00", "quantity": "1", "vatCode": "3"}
ROW: dict[str, object] = {
    "invoiceNumber": 10640,
    "invoiceDate": "2026-11-10",
    "dueDate": "2026-11-24",
    "kid": "01290865",
    "orderNumber": "50640",
    "orderDate": "2026-11-03",
    "customerNumber": 10002,
    "departmentNumber": None,
    "currency": "NOK",
    "lines": [LINE],
}


def read(**fields: object) -> InvoiceSnapshot:
    row = parse_invoice({**ROW, **fields}, 88)
    assert isinstance(row, InvoiceRow)
    return row.snapshot


def refuse(**fields: object) -> UnreadableInvoice:
    row = parse_invoice({**ROW, **fields}, 88)
    assert isinstance(row, UnreadableInvoice)
    return row


def line(**fields: object) -> list[dict[str, object]]:
    return [{**LINE, **fields}]


def test_a_row_of_the_contract_is_read_as_it_stands_and_knows_its_batch() -> None:
    snapshot = read()

    assert (snapshot.batch_number, snapshot.invoice_number, snapshot.kid) == (88, 10640, "01290865")
    assert (snapshot.lines[0].unit_price, snapshot.lines[0].quantity) == ("1250.00", "1")


def test_fields_of_a_future_contract_are_ignored_and_are_no_content() -> None:
    grown = read(discount="10", batch_number=7, lines=line(unit="stk"))

    assert source_hash(grown) == source_hash(read())


def test_the_same_invoice_has_the_same_hash_in_every_batch() -> None:
    other = parse_invoice(ROW, 89)

    assert isinstance(other, InvoiceRow)
    assert source_hash(other.snapshot) == source_hash(read())
    assert source_hash(read(dueDate="2026-11-25")) != source_hash(read())


@pytest.mark.parametrize(
    ("fields", "field", "expected"),
    [
        ({"kid": 1290865}, "kid", "is a number; expected is 2 to 25 digits in quotes"),
        ({"orderNumber": 12}, "orderNumber", "is a number; expected is a text in quotes"),
        ({"departmentNumber": 7.0}, "departmentNumber", "is a number with a point; expected is a text in quotes"),
        ({"lines": line(quantity="07.5")}, "lines[0].quantity", "no leading zeros"),
        ({"lines": line(unitPrice=1250.1)}, "lines[0].unitPrice", 'expected is a decimal in quotes such as "1250.00"'),
        ({"lines": line(unitPrice="1 250,00")}, "lines[0].unitPrice", "expected is a decimal in quotes"),
        ({"lines": line(unitPrice="5.jul")}, "lines[0].unitPrice", "expected is a decimal in quotes"),
    ],
)
def test_d07_a_value_that_went_through_a_spreadsheet_is_refused_with_field_and_form(
    fields: dict[str, object], field: str, expected: str
) -> None:
    row = refuse(**fields)

    assert (row.field, row.number) == (field, 10640)
    assert expected in row.detail
    assert "Also wrong" not in row.detail
    assert json.loads(row.raw) == {**ROW, **fields}


@pytest.mark.parametrize("blank", ["", "   ", "\t\r\n", None])
def test_d05_a_kid_of_nothing_but_blanks_is_no_kid(blank: str | None) -> None:
    assert read(kid=blank).kid is None


@pytest.mark.parametrize("padded", [" " * 18 + "0000531", "12344\r\n", "1234 5", "9" * 26, "4", "１２３４５"])
def test_d05_a_kid_with_blanks_or_of_another_length_is_refused(padded: str) -> None:
    row = refuse(kid=padded)

    assert row.field == "kid"
    assert "2 to 25 digits" in row.detail


@pytest.mark.parametrize(
    ("fields", "field", "limit"),
    [
        ({"orderNumber": "7" * 12_000}, "orderNumber", 50),
        ({"lines": line(vatCode="3" * 3_000)}, "lines[0].vatCode", 10),
        ({"lines": line(description="x" * 256)}, "lines[0].description", 255),
    ],
)
def test_k15_a_text_that_is_too_long_is_refused_with_field_and_limit(
    fields: dict[str, object], field: str, limit: int
) -> None:
    row = refuse(**fields)

    assert row.field == field
    assert re.search(rf"has \d+ characters; at most {limit} are allowed", row.detail)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"invoiceDate": "2026-02-30"}, "invoiceDate"),
        ({"dueDate": "10.11.2026"}, "dueDate"),
        ({"currency": "nok"}, "currency"),
        ({"customerNumber": 0}, "customerNumber"),
        ({"customerNumber": "10002"}, "customerNumber"),
        ({"lines": []}, "lines"),
        ({"lines": "Frakt"}, "lines"),
        ({"lines": [LINE, None]}, "lines[1]"),
        ({"orderDate": None}, "orderDate"),
        ({"totalExcludingVat": 1250}, "totalExcludingVat"),
        ({"orderNumber": "50\x00640"}, "orderNumber"),
        ({"lines": line(description="half \ud800")}, "lines[0].description"),
    ],
)
def test_every_other_breach_names_its_field_and_keeps_the_number(fields: dict[str, object], field: str) -> None:
    row = refuse(**fields)

    assert (row.field, row.number) == (field, 10640)
    assert row.detail.startswith(f"The field {field} ")


@pytest.mark.parametrize("number", [None, True, "10640", 10640.0, 0, -5, 10**18])
def test_a_number_that_is_none_names_no_invoice(number: object) -> None:
    row = refuse(invoiceNumber=number)

    assert (row.field, row.number) == ("invoiceNumber", None)


def test_a_row_that_is_no_object_is_still_a_row() -> None:
    row = parse_invoice(["nonsense"], 88)

    assert isinstance(row, UnreadableInvoice)
    assert (row.field, row.number, row.raw) == ("", None, b'["nonsense"]')


def test_several_breaches_are_told_at_once() -> None:
    row = refuse(dueDate="snart", currency="kr", lines=[{}, {}])

    assert row.field == "dueDate"
    assert "Also wrong: currency, lines[0].description" in row.detail
    assert row.detail.endswith("and 4 more.")
