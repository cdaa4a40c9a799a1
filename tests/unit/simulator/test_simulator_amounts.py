"""The simulated Tripletex's arithmetic, by the examples that have gone wrong between real systems."""

from decimal import Decimal

import pytest

from bridge.simulator.tripletex.amounts import (
    LineAmount,
    VatRounding,
    cut_price,
    decimal_of,
    json_number,
    line_amount,
    totals,
)


def line(price: str, count: str, rate: str = "25", *discounts: str, decimals: int = 10) -> LineAmount:
    """A line with a net price."""
    return line_amount(
        cut_price(Decimal(price), decimals=decimals),
        Decimal(count),
        rate=Decimal(rate),
        discounts=[Decimal(discount) for discount in discounts],
        price_has_vat=False,
    )


def sums(*lines: LineAmount, vat: VatRounding = VatRounding.LINE, kroner: bool = False) -> tuple[str, str, str]:
    """Net, gross and round-off as text."""
    found = totals(lines, vat_rounding=vat, whole_kroner=kroner)
    return str(found.net), str(found.gross), str(found.roundoff)


def test_each_line_is_rounded_half_away_from_zero_before_they_are_summed() -> None:
    lines = [line("4720.005", "1"), line("0.005", "-1")]

    assert [str(amount.net) for amount in lines] == ["4720.01", "-0.01"]
    assert sums(*lines)[0] == "4720.00"


@pytest.mark.parametrize(
    ("rounding", "gross"),
    [pytest.param(VatRounding.LINE, "374.97", id="line"), pytest.param(VatRounding.RATE, "374.96", id="rate")],
)
def test_vat_is_rounded_per_line_or_per_rate(rounding: VatRounding, gross: str) -> None:
    assert sums(*[line("99.99", "1")] * 3, vat=rounding)[1] == gross


@pytest.mark.parametrize(("decimals", "net"), [(2, "990.00"), (10, "1000.00")])
def test_unit_prices_keep_as_many_decimals_as_the_release(decimals: int, net: str) -> None:
    assert str(line("0.333333", "3000", decimals=decimals).net) == net


def test_gross_prices_cut_to_net_come_back_to_the_gross_total() -> None:
    assert sums(line("42.608696", "6", "15"))[:2] == ("255.65", "294.00")
    assert sums(line("15.92", "7"))[:2] == ("111.44", "139.30")


def test_whole_kroner_leave_the_difference_as_round_off() -> None:
    assert sums(line("999.70", "1"), kroner=True) == ("999.70", "1250", "0.37")


def test_discounts_of_line_and_order_act_one_after_the_other() -> None:
    assert str(line("1000", "1", "25", "10", "10").net) == "810.00"


def test_price_with_vat_keeps_its_gross() -> None:
    amount = line_amount(Decimal(49), Decimal(6), rate=Decimal(15), discounts=(), price_has_vat=True)

    assert (str(amount.net), str(amount.gross)) == ("255.65", "294.00")


@pytest.mark.parametrize("written", [4720.005, 0.1, 0.333333, 123456789.12])
def test_json_number_is_read_as_it_was_written(written: float) -> None:
    assert str(decimal_of(written)) == repr(written)


def test_zero_is_written_without_decimals() -> None:
    assert [repr(json_number(Decimal(text))) for text in ("0.00", "35375.00", "0.37")] == ["0", "35375.0", "0.37"]
