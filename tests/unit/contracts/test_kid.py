"""The check digit of a KID, by the examples that people quote and by search."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.contracts.kid import has_check_digit, mod10, mod11

DIGITS = st.text("0123456789", min_size=1, max_size=24)


@pytest.mark.parametrize(
    ("digits", "by_mod10", "by_mod11"),
    [
        ("60224", "3", "8"),
        ("10003", "2", "-"),
        ("12345678", "2", "5"),
        ("000343432321323", "9", "3"),
        ("0", "0", "0"),
        ("000000", "0", "0"),
    ],
)
def test_known_references_have_the_check_digits_that_people_quote(digits: str, by_mod10: str, by_mod11: str) -> None:
    assert (mod10(digits), mod11(digits)) == (by_mod10, by_mod11)


@pytest.mark.parametrize("kid", ["602243", "602248", "10003-", "0003434323213239", "7000104013", "00"])
def test_either_rule_will_do(kid: str) -> None:
    assert has_check_digit(kid)


@pytest.mark.parametrize("kid", ["0003434323213231", "602244", "60224-", "100030", "10003X", "01"])
def test_a_reference_that_fits_neither_rule_is_told(kid: str) -> None:
    assert not has_check_digit(kid)


@given(DIGITS)
def test_exactly_the_two_check_characters_pass(digits: str) -> None:
    passing = {last for last in "0123456789-" if has_check_digit(digits + last)}

    assert passing == {mod10(digits), mod11(digits)}


@given(DIGITS, st.data())
def test_one_wrong_digit_is_told_by_both_rules(digits: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(digits) - 1))
    wrong = data.draw(st.sampled_from("0123456789").filter(lambda digit: digit != digits[place]))
    changed = digits[:place] + wrong + digits[place + 1 :]

    assert mod10(changed) != mod10(digits)
    assert mod11(changed) != mod11(digits)


@given(DIGITS)
def test_adding_weighted_digits_and_the_check_digit_gives_a_multiple(digits: str) -> None:
    weighted = [int(digit) * (2, 3, 4, 5, 6, 7)[place % 6] for place, digit in enumerate(reversed(digits))]
    check = 10 if mod11(digits) == "-" else int(mod11(digits))

    assert (sum(weighted) + check) % 11 == 0
