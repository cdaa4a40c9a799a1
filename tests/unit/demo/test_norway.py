"""The demo's data: the same for the same seed, valid, and no two alike."""

import json
from itertools import islice

from bridge.demo.norway import Register, check_digit


def test_the_same_seed_makes_the_same_customers() -> None:
    first, second, other = (Register(seed).customers(50, first_number=1) for seed in (1, 1, 2))

    assert first == second
    assert first != other


def test_the_check_digit_is_that_of_real_organisation_numbers() -> None:
    assert check_digit([9, 7, 4, 7, 6, 0, 6, 7]) == 3
    assert check_digit([8, 8, 9, 6, 4, 0, 7, 8]) == 2


def test_every_organisation_number_has_a_valid_check_digit() -> None:
    numbers = [row["organizationNumber"] for row in Register(3).customers(300, first_number=1)]
    given = [str(number) for number in numbers if number]

    assert len(given) > 200
    assert all(check_digit([int(digit) for digit in number[:8]]) == int(number[8]) for number in given)


def test_no_two_edits_and_no_two_customers_are_alike() -> None:
    register = Register(4)
    customers = [json.dumps(row, sort_keys=True) for row in register.customers(300, first_number=1)]
    edits = [json.dumps(row, sort_keys=True) for row in islice(register.edits(), 300)]

    assert len(set(customers)) == 300
    assert len(set(edits)) == 300


def test_the_names_hold_norwegian_and_sami_letters() -> None:
    letters = {letter for row in Register(5).customers(300, first_number=1) for letter in str(row["name"]).lower()}

    assert letters >= set("æøåáč")
