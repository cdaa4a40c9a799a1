"""The invoice mapping, rule by rule."""

import json
import unicodedata
from decimal import ROUND_DOWN, Context, localcontext

import pytest
from pydantic import ValidationError

from bridge.contracts.events.invoice import FIRST_DAY, LAST_DAY, MAX_INVOICE_NUMBER, InvoiceSnapshot, InvoiceWanted
from bridge.contracts.reasons import Reason
from bridge.testkit.invoice_events import invoice_body, invoice_line
from bridge.transformer.domain.mapping.invoice import map_invoice
from bridge.transformer.domain.unmapped import Unmapped

FULL = {
    "invoiceNumber": 10472,
    "invoiceDate": "2026-11-10",
    "dueDate": "2026-11-24",
    "kid": "602248",
    "orderNumber": "0050472-A",
    "orderDate": "2026-11-03",
    "customerNumber": 10002,
    "departmentNumber": "007",
    "projectNumber": "P 12",
    "currency": "EUR",
    "deliveryDate": "2026-11-05",
    "lines": [
        {"description": " Frakt\tpall ", "unitPrice": "1250.10", "quantity": "2.50", "vatCode": "33"},
        {"description": "Retur", "unitPrice": "0.100000", "quantity": "-1", "vatCode": "52"},
    ],
}


def _mapped(**changes: object) -> InvoiceWanted:
    wanted = map_invoice(InvoiceSnapshot.model_validate(invoice_body() | changes))
    assert isinstance(wanted, InvoiceWanted), wanted
    return wanted


def _refused(**changes: object) -> Unmapped:
    refused = map_invoice(InvoiceSnapshot.model_validate(invoice_body() | changes))
    assert isinstance(refused, Unmapped)
    return refused


def _lines(*pairs: tuple[str, str]) -> list[dict[str, object]]:
    return [invoice_line(unitPrice=price, quantity=quantity) for price, quantity in pairs]


def test_a_full_invoice_arrives_in_all_fifteen_values_character_by_character() -> None:
    wanted = _mapped(**FULL)

    assert json.loads(wanted.model_dump_json(by_alias=True)) == {**FULL, "notes": []}


@pytest.mark.parametrize("name", ["invoiceNumber", "customerNumber"])
def test_a_number_above_what_tripletex_stores_is_named(name: str) -> None:
    largest = _mapped(**{name: MAX_INVOICE_NUMBER})
    assert largest.model_dump(by_alias=True)[name] == MAX_INVOICE_NUMBER

    refused = _refused(**{name: MAX_INVOICE_NUMBER + 1})

    assert (refused.reason, refused.field) == (Reason.INVOICE_NUMBER_INVALID, name)
    assert str(MAX_INVOICE_NUMBER) in refused.detail


def test_a_due_date_before_the_invoice_date_is_refused_and_the_same_day_is_not() -> None:
    assert _mapped(invoiceDate="2026-11-10", dueDate="2026-11-10").due_date == "2026-11-10"

    refused = _refused(invoiceDate="2026-11-10", dueDate="2026-11-09")

    assert (refused.reason, refused.field) == (Reason.DATES_INVALID, "dueDate")
    assert "2026-11-10" in refused.detail
    assert "2026-11-09" in refused.detail


@pytest.mark.parametrize("name", ["invoiceDate", "orderDate"])
def test_a_day_on_which_tripletex_would_never_be_asked_for_the_invoice_again_is_refused(name: str) -> None:
    assert _mapped(**{name: FIRST_DAY}).model_dump(by_alias=True)[name] == FIRST_DAY
    assert _mapped(**{name: LAST_DAY, "dueDate": LAST_DAY}).model_dump(by_alias=True)[name] == LAST_DAY

    for day in ("1999-12-31", "2100-01-01"):
        refused = _refused(**{name: day, "dueDate": "2206-01-01"})
        assert (refused.reason, refused.field) == (Reason.DATES_INVALID, name)
        assert day in refused.detail
        with pytest.raises(ValidationError):
            InvoiceWanted.model_validate(_mapped().model_dump(by_alias=True) | {name: day, "dueDate": "2206-01-01"})


@pytest.mark.parametrize("blank", ["", "  ", "\t\n", "\u00a0"])
def test_a_blank_order_number_is_refused(blank: str) -> None:
    assert (_refused(orderNumber=blank).reason, _refused(orderNumber=blank).field) == (
        Reason.ORDER_NUMBER_MISSING,
        "orderNumber",
    )


@pytest.mark.parametrize("blank", ["", "   "])
def test_a_blank_department_or_project_is_none(blank: str) -> None:
    wanted = _mapped(departmentNumber=blank, projectNumber=blank)

    assert (wanted.department_number, wanted.project_number) == (None, None)
    assert wanted.notes == ()


def test_without_a_delivery_date_the_invoice_date_is_taken_and_noted() -> None:
    wanted = _mapped(deliveryDate=None, invoiceDate="2026-11-10")

    assert wanted.delivery_date == "2026-11-10"
    assert [(note.field, note.rule, note.was, note.now) for note in wanted.notes] == [
        ("deliveryDate", "delivery_date_default", "", "2026-11-10")
    ]


def test_lines_without_a_text_are_counted_from_one() -> None:
    lines = [invoice_line(), invoice_line(description=" "), invoice_line(), invoice_line(description="")]

    refused = _refused(lines=lines)

    assert (refused.reason, refused.field) == (Reason.LINE_TEXT_MISSING, "lines[1].description")
    assert "lines 2, 4" in refused.detail


def test_of_many_lines_at_fault_the_first_few_are_named() -> None:
    refused = _refused(lines=[invoice_line(description="")] * 9000)

    assert "lines 1, 2, 3, 4, 5 and 8995 more" in refused.detail


def test_a_text_travels_in_normal_form_c_with_one_note_for_all_lines() -> None:
    other = unicodedata.normalize("NFD", "Kårtøy på Ås")
    wanted = _mapped(lines=[invoice_line(), invoice_line(description=other), invoice_line(description=other)])

    assert [line.description for line in wanted.lines] == ["Frakt pall", "Kårtøy på Ås", "Kårtøy på Ås"]
    assert [(note.field, note.rule, note.was) for note in wanted.notes] == [
        ("lines[1].description", "normal_form_c", other)
    ]


def test_a_letter_with_a_twin_of_one_code_point_travels_as_the_usual_one() -> None:
    wanted = _mapped(lines=[invoice_line(description="\u212bpen")])

    assert wanted.lines[0].description == "\u00c5pen"
    assert [note.rule for note in wanted.notes] == ["normal_form_c"]


def test_a_text_whose_normal_form_is_longer_stays_as_it_is() -> None:
    grows = "\u0958" * 255

    wanted = _mapped(lines=[invoice_line(description=grows)])

    assert wanted.lines[0].description == grows
    assert wanted.notes == ()


def test_a_wrong_check_digit_names_both_that_would_be_right() -> None:
    refused = _refused(kid="602240")

    assert (refused.reason, refused.field) == (Reason.INVALID_KID, "kid")
    assert "MOD10 asks for 3, MOD11 for 8" in refused.detail


@pytest.mark.parametrize("code", ["0", "3", "31", "32", "33", "5", "51", "52", "6", "7"])
def test_a_code_for_sales_stays_the_code(code: str) -> None:
    assert _mapped(lines=[invoice_line(vatCode=code)]).lines[0].vat_code == code


@pytest.mark.parametrize(
    ("lines", "total"),
    [
        ([("100.00", "3")], "300"),
        ([("100.00", "3")], "300.000000"),
        ([("0.333333", "3000")], "1000.00"),
        ([("0.333333", "3000")], "999.999"),
        ([("42.608696", "6")], "255.65"),
        ([("0.125", "1")] * 1000, "130.00"),
        ([("0.125", "1")] * 1000, "125"),
        ([("999999999999999.999999", "999999999999999.999999")], None),
        ([("-5", "-5")], "25"),
    ],
    ids=[
        "whole",
        "with zeros",
        "sum rounded",
        "exact",
        "cut to øre",
        "line by line",
        "sum",
        "largest",
        "both negative",
    ],
)
def test_a_total_that_the_lines_can_make_passes(lines: list[tuple[str, str]], total: str | None) -> None:
    wanted = _mapped(lines=_lines(*lines), totalExcludingVat=total)

    assert [(line.unit_price, line.quantity) for line in wanted.lines] == lines


@pytest.mark.parametrize(
    ("lines", "total", "shown"),
    [
        ([("100.00", "3")], "301.00", "300 NOK"),
        ([("100.00", "3")], "300.01", "300 NOK"),
        ([("100.00", "3")], "299.999999", "300 NOK"),
        ([("42.608696", "6")], "255.66", "255.652176 NOK"),
        ([("100.00", "1")] * 9000, "900001.00", "900000 NOK"),
        ([("10", "-1")], "10", "-10 NOK"),
    ],
    ids=["one krone", "one øre", "less than an øre", "beyond half an øre", "many whole lines", "other sign"],
)
def test_another_total_is_refused_with_both_numbers(lines: list[tuple[str, str]], total: str, shown: str) -> None:
    refused = _refused(lines=_lines(*lines), totalExcludingVat=total)

    assert (refused.reason, refused.field) == (Reason.TOTAL_DIFFERS_FROM_LINES, "totalExcludingVat")
    assert total in refused.detail
    assert shown in refused.detail


@pytest.mark.parametrize(
    "lines",
    [[("100.00", "0"), ("7", "-0")], [("0", "5")], [("10", "1"), ("2.5", "-4")], [("0.004", "1")], [("-0.004", "1")]],
    ids=["no quantity", "no price", "cancel out", "below half an øre", "the same below zero"],
)
def test_an_invoice_of_zero_is_refused(lines: list[tuple[str, str]]) -> None:
    refused = _refused(lines=_lines(*lines))

    assert (refused.reason, refused.field) == (Reason.INVOICE_OF_ZERO, "lines")


def test_sums_do_not_depend_on_the_context_of_the_caller() -> None:
    with localcontext(Context(prec=3, rounding=ROUND_DOWN)):
        assert _mapped(lines=_lines(("12345.67", "1"), ("0.004", "1")), totalExcludingVat="12345.67").notes == ()
        assert "12345.674 NOK" in _refused(lines=_lines(("12345.674", "1")), totalExcludingVat="12345").detail


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"dueDate": "2026-11-01", "kid": "602240"}, Reason.DATES_INVALID),
        ({"kid": "602240", "lines": [invoice_line(vatCode="1")]}, Reason.INVALID_KID),
        ({"lines": [invoice_line(vatCode="1", quantity="0")]}, Reason.VAT_CODE_NOT_FOR_SALES),
    ],
)
def test_of_several_faults_one_is_told(fields: dict[str, object], reason: Reason) -> None:
    assert _refused(**fields).reason is reason
