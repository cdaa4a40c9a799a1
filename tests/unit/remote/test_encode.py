"""Bodies as JSON: numbers leave digit by digit as they came."""

import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.remote.encode import json_bytes

_DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**15), max_value=10**15)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0.333333", "0.333333"),
        ("4720.005", "4720.005"),
        ("1250.00", "1250.00"),
        ("-7", "-7"),
        ("1E+3", "1000"),
        ("1E-6", "0.000001"),
        ("999999999999999.999999", "999999999999999.999999"),
    ],
)
def test_a_decimal_leaves_as_its_own_digits(value: str, text: str) -> None:
    assert json_bytes({"price": Decimal(value)}) == f'{{"price":{text}}}'.encode()


@given(_DECIMALS)
def test_a_decimal_read_back_exactly_is_the_same(value: Decimal) -> None:
    assert json.loads(json_bytes([value]), parse_float=Decimal) == [value]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_everything_else_is_what_the_standard_writer_writes(value: object) -> None:
    assert json_bytes(value) == json.dumps(value, separators=(",", ":")).encode()


@pytest.mark.parametrize("value", [0.1, b"text", date(2026, 7, 1), {1: "one"}, {"inside": [0.5]}, {1, 2}], ids=repr)
def test_what_has_no_exact_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        json_bytes(value)


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_a_decimal_that_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="no number"):
        json_bytes(Decimal(value))
