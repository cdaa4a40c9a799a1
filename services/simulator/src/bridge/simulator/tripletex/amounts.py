"""Invoice amounts: lines, discounts, VAT and round-off, exact to the oere.

Owns the arithmetic and its switchable rounding. Pure: it must not know orders, storage or HTTP.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from bridge.simulator.exchange import Json

_OERE = Decimal("0.01")
_KRONE = Decimal(1)
_HUNDRED = Decimal(100)


class VatRounding(StrEnum):
    """Where VAT is rounded: on every line, or once for all lines of a rate."""

    LINE = "line"
    RATE = "rate"


@dataclass(frozen=True, slots=True)
class LineAmount:
    """One line: its VAT rate in percent and what it comes to, net and gross, in the invoice's currency."""

    rate: Decimal
    net: Decimal
    gross: Decimal


@dataclass(frozen=True, slots=True)
class Totals:
    """One invoice in its own currency; `gross` includes `roundoff`."""

    net: Decimal
    gross: Decimal
    roundoff: Decimal


def decimal_of(value: Json) -> Decimal:
    """A JSON number as the decimal that was written, 0 for anything else; exact up to 15 digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Decimal(0)
    return Decimal(str(value))


def json_number(value: Decimal) -> int | float:
    """The number as Tripletex writes it: zero without decimals."""
    return float(value) if value else 0


def rounded(value: Decimal) -> Decimal:
    """To two decimals, halves away from zero."""
    return value.quantize(_OERE, ROUND_HALF_UP)


def cut_price(price: Decimal, *, decimals: int) -> Decimal:
    """A unit price with as many decimals as the release keeps (2 before 2.71.16, then 10)."""
    return price.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def line_amount(
    price: Decimal, count: Decimal, *, rate: Decimal, discounts: Sequence[Decimal], price_has_vat: bool
) -> LineAmount:
    """What a line comes to, each discount (in percent) taken off what the one before left."""
    amount = price * count
    for discount in discounts:
        amount *= 1 - discount / _HUNDRED
    factor = 1 + rate / _HUNDRED
    if price_has_vat:
        return LineAmount(rate, rounded(amount / factor), rounded(amount))
    net = rounded(amount)
    return LineAmount(rate, net, net + rounded(net * rate / _HUNDRED))


def totals(lines: Sequence[LineAmount], *, vat_rounding: VatRounding, whole_kroner: bool) -> Totals:
    """The sums of an invoice; with `whole_kroner` the gross is rounded and the difference is the round-off."""
    net = sum((line.net for line in lines), Decimal(0))
    if vat_rounding is VatRounding.LINE:
        exact = sum((line.gross for line in lines), Decimal(0))
    else:
        rates = {line.rate for line in lines}
        exact = net + sum(
            (rounded(sum((x.net for x in lines if x.rate == rate), Decimal(0)) * rate / _HUNDRED) for rate in rates),
            Decimal(0),
        )
    gross = exact.quantize(_KRONE, ROUND_HALF_UP) if whole_kroner else exact
    return Totals(net, gross, gross - exact)
