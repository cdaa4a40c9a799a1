"""What Tripletex says an invoice sums to, against its lines: equal, rounding, round-off, or another amount."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.contracts.events.invoice import InvoiceLine
from bridge.publisher.domain.amounts import Compared, Told, compare

RATES = {"3": Decimal(25), "31": Decimal(15), "33": Decimal(12), "5": Decimal(0)}


def line(price: str, quantity: str = "1", code: str = "3") -> InvoiceLine:
    return InvoiceLine.model_validate(
        {"description": "Vare", "unitPrice": price, "quantity": quantity, "vatCode": code}
    )


def told(net: str, gross: str, roundoff: str | None = "0") -> Told:
    return Told(Decimal(net), Decimal(gross), None if roundoff is None else Decimal(roundoff))


THIRDS = [line("99.99")] * 3


@pytest.mark.parametrize(
    ("lines", "answer", "note"),
    [
        pytest.param([line("1000.00")], told("1000.00", "1250.00"), None, id="as it stands"),
        pytest.param([line("0.333333", "3000")], told("1000.00", "1250.00"), None, id="six decimals"),
        pytest.param([line("42.608696", "6", "31")], told("255.65", "294.00"), None, id="a gross price made net"),
        pytest.param([line("15.92", "7")], told("111.44", "139.30"), None, id="seven of 19.90"),
        pytest.param([line("4720.005"), line("0.005", "-1")], told("4720.00", "5900.00"), None, id="exact sum"),
        pytest.param(
            [line("4720.005"), line("0.005", "-1")], told("4720.01", "5900.01"), "rounding 0.01", id="an oere a line"
        ),
        pytest.param([line("0.005")] * 4, told("0.04", "0.05"), "rounding 0.02", id="two oere on four lines"),
        pytest.param(THIRDS, told("299.97", "374.96"), None, id="VAT once a rate"),
        pytest.param(THIRDS, told("299.97", "374.97"), "rounding 0.01", id="VAT a line"),
        pytest.param([line("999.70")], told("999.70", "1250.00", "0.37"), "roundoff 0.37", id="whole kroner"),
        pytest.param([line("999.70")], told("999.70", "1249.63", None), None, id="no roundoff told"),
        pytest.param(
            [
                line("1273.00"),
                line("3.96", "-1", "31"),
                line("2.48", "2", "31"),
                line("25.00", "-1", "5"),
                line("0.75", "250"),
            ],
            told("1436.50", "1801.78"),
            None,
            id="three rates and a line taken back",
        ),
        pytest.param([line("10.00", code="51")], told("10.00", "12.50"), None, id="a rate that is not known"),
        pytest.param([line("10.00")], Told(None, None, None), "amounts not told", id="nothing told"),
    ],
)
def test_a01_a02_a22_d01_d15_what_rounding_explains_is_kept_as_a_note_and_alarms_nobody(
    lines: list[InvoiceLine], answer: Told, note: str | None
) -> None:
    assert compare(lines, RATES, answer) == Compared(note, diverged=False)


@pytest.mark.parametrize(
    ("lines", "answer", "note"),
    [
        pytest.param(
            [line("1250.00")], told("0", "0"), "net 0.00 and 0.00 with VAT instead of net 1250.00 and 1562.50 with VAT",
            id="prices ignored",
        ),
        pytest.param(
            [line("1000.00")], told("900.00", "1125.00"),
            "net 900.00 and 1125.00 with VAT instead of net 1000.00 and 1250.00 with VAT", id="a discount",
        ),
        pytest.param(
            [line("0.333333", "3000")], told("990.00", "1237.50"),
            "net 990.00 and 1237.50 with VAT instead of net 1000.00 and 1250.00 with VAT", id="prices cut",
        ),
        pytest.param(
            THIRDS, told("299.97", "374.95"),
            "net 299.97 and 374.95 with VAT instead of net 299.97 and 374.96 with VAT", id="below both ways",
        ),
        pytest.param(
            THIRDS, told("299.97", "374.98"),
            "net 299.97 and 374.98 with VAT instead of net 299.97 and 374.96 with VAT", id="above both ways",
        ),
        pytest.param(
            [line("999.70")], told("999.70", "1250.00"),
            "net 999.70 and 1250.00 with VAT instead of net 999.70 and 1249.63 with VAT", id="roundoff not told",
        ),
        pytest.param(
            [line("999.70")], told("999.70", "1250.00", "0.30"),
            "net 999.70 and 1250.00 with VAT instead of net 999.70 and 1249.63 with VAT", id="another roundoff",
        ),
        pytest.param(
            [line("100.00")], told("100.00", "225.00", "100.00"),
            "net 100.00 and 225.00 with VAT instead of net 100.00 and 125.00 with VAT", id="no roundoff is that large",
        ),
        pytest.param(
            [line("10.00", code="51")], told("12.00", "15.00"), "net 12.00 and 15.00 with VAT instead of net 10.00",
            id="net alone",
        ),
    ],
)  # fmt: skip
def test_t03_t04_t16_a02_a22_what_rounding_does_not_explain_needs_a_person(
    lines: list[InvoiceLine], answer: Told, note: str
) -> None:
    assert compare(lines, RATES, answer) == Compared(note, diverged=True)


def test_the_largest_numbers_that_an_invoice_may_hold_are_exact() -> None:
    nines = "999999999999999.999999"

    with localcontext(prec=80):
        net = rounded(Decimal(10) ** 30 - 2 * Decimal(10) ** 9)
        answer = Told(net, net * 2, Decimal(0))
        assert compare([line(nines, nines)], {"3": Decimal(100)}, answer) == Compared(None)
        assert compare([line(nines, nines)], {"3": Decimal(100)}, Told(net + 1, net * 2 + 2, None)).diverged


_PRICES = st.decimals("-9999", "99999", places=4)
_LINES = st.lists(
    st.builds(
        lambda price, quantity, code: line(format(price, "f"), format(quantity, "f"), code),
        _PRICES,
        st.decimals("-50", "500", places=2),
        st.sampled_from(sorted(RATES)),
    ),
    min_size=1,
    max_size=8,
)


def rounded(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), "ROUND_HALF_UP")


@given(_LINES, st.booleans())
def test_whoever_rounds_each_line_or_once_a_rate_is_right_for_any_invoice(
    lines: list[InvoiceLine], a_line: bool
) -> None:
    nets = [(rounded(Decimal(one.unit_price) * Decimal(one.quantity)), RATES[one.vat_code]) for one in lines]
    net = sum((amount for amount, _ in nets), Decimal(0))
    by_rate = {rate: sum((amount for amount, of in nets if of == rate), Decimal(0)) for _, rate in nets}
    parts = nets if a_line else [(amount, rate) for rate, amount in by_rate.items()]
    vat = sum((rounded(amount * rate / 100) for amount, rate in parts), Decimal(0))

    assert not compare(lines, RATES, Told(net, net + vat, Decimal(0))).diverged
    beyond = Decimal("0.01") * (2 * len(lines) + 1)
    assert compare(lines, RATES, Told(net + beyond, net + beyond + vat, Decimal(0))).diverged
