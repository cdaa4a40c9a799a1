"""The demo's invoices: the same for the same seed, as the OC2 contract wants them, and every reference valid."""

import json
from datetime import date
from decimal import Decimal

import pytest

from bridge.contracts.events.invoice import InvoiceSnapshot
from bridge.demo.billing import Billing, amount_of, kid_of
from bridge.demo.kid import is_kid, mod10, mod11
from bridge.testkit.simulator_answers import as_rows

DAY = date(2026, 11, 10)
CUSTOMERS = range(10_001, 10_016)


def test_the_same_seed_and_day_make_the_same_invoices() -> None:
    first, second, other = (Billing(seed, DAY).invoices(range(1, 51), customers=CUSTOMERS) for seed in (1, 1, 2))

    assert first == second
    assert first != other


def test_every_invoice_keeps_the_contract_and_sums_to_more_than_zero() -> None:
    for row in Billing(3, DAY).invoices(range(1, 301), customers=CUSTOMERS):
        InvoiceSnapshot.model_validate_json(json.dumps({**row, "batchNumber": 1}))
        assert sum(map(amount_of, as_rows(row["lines"]))) > Decimal("0.1")


def test_no_two_invoices_are_alike_and_some_lines_are_in_no_sorted_order() -> None:
    rows = Billing(4, DAY).invoices(range(1, 301), customers=CUSTOMERS)
    texts = [[str(line["description"]) for line in as_rows(row["lines"])] for row in rows]

    assert len({json.dumps(row, sort_keys=True) for row in rows}) == 300
    assert sum(lines != sorted(lines) for lines in texts) > 50


def test_references_come_by_both_rules_with_a_dash_among_them_and_some_are_absent() -> None:
    kids = [kid_of(number, number) for number in range(1, 301)]
    given = [kid for kid in kids if kid]

    assert all(map(is_kid, given))
    assert any(kid.endswith("-") for kid in given)
    assert None in kids


@pytest.mark.parametrize(
    ("kid", "valid"),
    [
        pytest.param("602243", True, id="MOD10"),
        pytest.param("602248", True, id="MOD11"),
        pytest.param("10003-", True, id="MOD11 with a remainder of 10"),
        pytest.param("602244", False, id="neither"),
        pytest.param("6022-3", False, id="a dash elsewhere"),
        pytest.param("3", False, id="a check digit of nothing"),
    ],
)
def test_a_reference_is_valid_by_one_rule_or_the_other(kid: str, valid: bool) -> None:
    assert is_kid(kid) is valid


def test_the_check_digits_are_those_of_published_examples() -> None:
    assert (mod10("60224"), mod11("60224"), mod11("10003")) == ("3", "8", "-")
