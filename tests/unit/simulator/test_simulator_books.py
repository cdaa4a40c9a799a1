"""Number series, VAT codes and batches of the simulators, without HTTP."""

from decimal import Decimal

import pytest

from bridge.simulator.exchange import Json, JsonObject
from bridge.simulator.oc2.batches import Batch, Batches, BatchState
from bridge.simulator.tripletex.books import Books, DuplicateForm, Order
from bridge.simulator.tripletex.errors import Message, validation
from bridge.simulator.tripletex.language import translated
from bridge.simulator.tripletex.order_rules import duplicate
from bridge.simulator.tripletex.references import is_bank_account
from bridge.simulator.tripletex.vat import by_id, vat_register


def order(number: str) -> Order:
    """An order that has nothing but its number."""
    return Order(id=int(number, 36), number=number, content={}, lines=[], at=0.0)


def receipt(number: int, status: str) -> JsonObject:
    """A receipt."""
    return {"invoiceNumber": number, "status": status}


def test_orders_and_projects_share_one_series_that_letters_do_not_move() -> None:
    books = Books()
    first = books.next_order_number()
    books.add_order(order("9"))
    books.add_order(order("A77"))
    books.projects = {3: {"id": 3, "number": "12"}}

    assert (first, books.next_order_number()) == ("1", "13")
    assert [books.is_order_number_taken(number) for number in ("9", "A77", "12", "13")] == [True, True, True, False]


@pytest.mark.parametrize(
    ("number", "vat_id", "rate"),
    [("3", 3, "25"), ("31", 31, "15"), ("32", 311, "11.11"), ("33", 32, "12"), ("12", 111, "11.11"), ("13", 12, "12")],
)
def test_vat_number_and_id_are_the_published_ones(number: str, vat_id: int, rate: str) -> None:
    codes = vat_register(registered=True)

    found = by_id(codes.values(), vat_id)

    assert found is codes[number]
    assert codes[number].percentage == Decimal(rate)


def test_id_33_means_nothing() -> None:
    assert by_id(vat_register(registered=True).values(), 33) is None


@pytest.mark.parametrize(
    ("registered", "fitting"),
    [(True, {"0", "3", "31", "33", "5", "52", "6"}), (False, {"0", "6"})],
)
def test_sales_take_the_codes_in_use_and_code_0(registered: bool, fitting: set[str]) -> None:
    codes = vat_register(registered=registered)

    assert {code.number for code in codes.values() if code.fits_sale} == fitting


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        (DuplicateForm.FIELD, ["number"]),
        (DuplicateForm.NO_FIELD, [None]),
        (DuplicateForm.BOTH, [None, "number"]),
    ],
)
def test_number_in_use_has_three_forms(form: DuplicateForm, fields: list[str | None]) -> None:
    assert [message.field for message in duplicate(form, "number", "text")] == fields


@pytest.mark.parametrize(
    ("text", "valid"),
    [("12345678903", True), ("12345678901", False), ("1234567890", False), ("1234567890x", False)],
)
def test_bank_account_needs_its_check_digit(text: str, valid: bool) -> None:
    assert is_bank_account(text) is valid


def test_sentence_without_a_translation_stays_norwegian() -> None:
    refusal = translated(validation((Message("x", "Noe annet."),)), "en")

    assert refusal.messages == (Message("x", "Noe annet."),)
    assert refusal.message == "Validation failed."


def test_batch_is_not_transferred_by_receipts_for_a_part_or_with_a_broken_row() -> None:
    batches = Batches()
    rows: list[Json] = [{"invoiceNumber": 1}, {"invoiceNumber": 2}]
    batch = Batch(1, 0.0, 0.0, rows=rows)
    broken = Batch(2, 0.0, 0.0, rows=[{"invoiceNumber": 3}, "broken"])

    batches.record(batch, [receipt(1, "TRANSFERRED"), receipt(2, "REJECTED")], at=1.0)
    partly = batch.state
    batches.record(batch, [receipt(2, "TRANSFERRED")], at=2.0)
    batches.record(broken, [receipt(3, "TRANSFERRED")], at=3.0)

    assert (partly, batch.state, broken.state) == (
        BatchState.GENERATED,
        BatchState.TRANSFERRED,
        BatchState.GENERATED,
    )


def test_later_rejection_does_not_take_a_transferred_batch_back() -> None:
    batches, batch = Batches(), Batch(1, 0.0, 0.0, rows=[{"invoiceNumber": 1}])

    batches.record(batch, [receipt(1, "TRANSFERRED")], at=1.0)
    batches.record(batch, [receipt(1, "REJECTED")], at=2.0)

    assert (batch.state, batch.newest[1].content["status"]) == (BatchState.TRANSFERRED, "REJECTED")


def test_empty_batch_is_not_transferred() -> None:
    batch = Batch(1, 0.0, 0.0)

    batch.settle_state()

    assert batch.state is BatchState.GENERATED
