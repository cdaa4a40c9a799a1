"""An edit of a letter's content: what it may set, what it must keep, and how the difference is told."""

from typing import Any

import pytest

from bridge.console.application.editing import CONTRACTS, EditRefusedError, changes, checked, read_content, with_fields
from bridge.contracts.envelope import EventType

MAPPED = CONTRACTS[EventType.INVOICE_MAPPED.value]
GENERATED = CONTRACTS[EventType.INVOICE_GENERATED.value]
CUSTOMER = CONTRACTS[EventType.CUSTOMER_MAPPED.value]


def invoice(**content: object) -> dict[str, Any]:
    """Return a mapped invoice that is right."""
    line = {"description": "Hire of a trailer", "unitPrice": "100.50", "quantity": "2", "vatCode": "3"}
    return {
        "invoiceNumber": 10472,
        "invoiceDate": "2026-03-01",
        "dueDate": "2026-03-15",
        "orderNumber": "4711",
        "orderDate": "2026-03-01",
        "customerNumber": 10001,
        "currency": "NOK",
        "deliveryDate": "2026-03-01",
        "lines": [line, {**line, "quantity": "1"}],
        **content,
    }


def edited(*sets: str) -> dict[str, Any]:
    """Return the invoice with these fields set, as it would travel."""
    after = with_fields(invoice(kid="1234567897"), sets, MAPPED)
    return read_content(checked(after, MAPPED, "10472"), whose="it")


def test_text_stays_text_and_what_is_no_text_is_read_as_json() -> None:
    found = edited("kid=2345676", "customerNumber=10002", "lines.1.unitPrice=99.90", "departmentNumber=007")

    assert (found["kid"], found["customerNumber"], found["departmentNumber"]) == ("2345676", 10002, "007")
    assert [line["unitPrice"] for line in found["lines"]] == ["100.50", "99.90"]


def test_null_takes_a_field_out_and_a_whole_list_can_be_given() -> None:
    line = '{"description":"One","unitPrice":"1.00","quantity":"1","vatCode":"3"}'

    found = edited("kid=null", f"lines=[{line}]")

    assert "kid" not in found
    assert [each["description"] for each in found["lines"]] == ["One"]


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (("dueDate=15.03.2026",), "dueDate"),
        (("lines.0.unitPrice=1,5",), "lines.0.unitPrice"),
        (("lines.0.unitPrice=1e3",), "lines.0.unitPrice"),
        (("currency=kr",), "currency"),
        (("colour=red",), "colour"),
        (("orderNumber=null",), "orderNumber"),
        (("invoiceNumber=10473",), "a number is never edited"),
        (("lines.7.vatCode=3",), "no place lines.7.vatCode"),
        (("lines.first.vatCode=3",), "no place lines.first.vatCode"),
        (("lines.²=3",), "no place lines.²"),
        (("kid=1234567890",), "check digit"),
        (("lines.0.vatCode=1",), "none for sales"),
        (("dueDate=2026-02-01",), "the due date is before"),
        (("kid",), "not of the form field=value"),
        (("=3",), "not of the form field=value"),
    ],
    ids=lambda value: value[0][:30] if isinstance(value, tuple) else "",
)
def test_what_may_not_be_sent_is_refused_and_the_field_named(sets: tuple[str, ...], said: str) -> None:
    with pytest.raises(EditRefusedError) as refused:
        edited(*sets)

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_many_faults_are_told_in_one_sentence_of_bounded_length() -> None:
    broken = invoice(lines=[{"description": "x" * 300} for _ in range(500)])

    with pytest.raises(EditRefusedError) as refused:
        checked(broken, MAPPED, "10472")

    assert "and 1996 more" in str(refused.value)
    assert len(str(refused.value)) < 700


@pytest.mark.parametrize("text", [b"\xff\xfe", b"[1]", b"no json", b""], ids=repr)
def test_a_record_that_is_no_object_cannot_be_edited(text: bytes) -> None:
    with pytest.raises(EditRefusedError, match="JSON"):
        read_content(text, whose="The record")


def test_a_record_as_it_came_keeps_the_contract_of_the_source() -> None:
    came = {**invoice(batchNumber=88, kid="1234567890"), "totalExcludingVat": "301.50"}
    del came["deliveryDate"]

    mended = with_fields(came, ["kid=1234567897"], GENERATED)

    assert read_content(checked(mended, GENERATED, "10472"), whose="it")["kid"] == "1234567897"


def test_a_customer_is_edited_by_the_same_rules() -> None:
    customer = {"customerNumber": 10001, "name": "Fjord AS", "active": True, "currency": "NOK"}

    after = with_fields(customer, ["active=false", "paymentTermDays=14", "phone1=22 33 44 55"], CUSTOMER)

    found = read_content(checked(after, CUSTOMER, "10001"), whose="it")
    assert (found["active"], found["paymentTermDays"], found["phone1"]) == (False, 14, "22 33 44 55")


def test_the_difference_names_each_field_once_by_its_path() -> None:
    told = changes(invoice(kid="1"), with_fields(invoice(), ["lines.1.vatCode=31", "departmentNumber=7"], MAPPED))

    assert [(each.path, each.before, each.after) for each in told] == [
        ("departmentNumber", None, "7"),
        ("kid", "1", None),
        ("lines.1.vatCode", "3", "31"),
    ]


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        ("kid=00070218", "kid: the last character is neither"),
        ("lines.0.vatCode=1", "lines: line 1 has VAT code '1'"),
        ("lines.1.description= ", "lines: line 2 has no description"),
        ("lines.0.quantity=-9", "the lines must sum to more than zero"),
        ("dueDate=2026-02-01", "the due date is before the invoice date"),
        ("totalExcludingVat=1.00", "totalExcludingVat is not the sum of the lines"),
        ("orderNumber= ", "the order number is empty"),
        ("customerNumber=2147483648", "must not be above 2147483647"),
    ],
)
def test_an_edit_that_the_mapping_would_refuse_is_refused_at_once(sets: str, said: str) -> None:
    after = with_fields({**invoice(), "batchNumber": 88}, [sets], GENERATED)

    with pytest.raises(EditRefusedError, match=said):
        checked(after, GENERATED, "10472")
