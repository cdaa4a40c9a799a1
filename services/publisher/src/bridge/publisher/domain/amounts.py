"""Does the target's invoice sum to what its lines say? Exact decimals, in the invoice's own currency.

Pure. The stated rules:

- Net is the exact sum of price times quantity, rounded once, halves away from zero. Tripletex may round each line
  first, so 0.01 a line is rounding; more is another amount.
- VAT is the target's gross less its round-off less its net. Whoever rounds once a rate and whoever rounds each line are
  both right, so VAT must lie between the two.
- A company that rounds to whole kroner says by how much; that is at most half a krone.

What lies within the rules is noted and alarms nobody. What does not needs a person.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Final

from bridge.contracts.events.invoice import InvoiceLine
from bridge.contracts.line_sum import sum_of

_OERE: Final = Decimal("0.01")
_HUNDRED: Final = Decimal(100)
_DIGITS: Final = 80
"""More than a product of two texts of 21 digits with a rate needs, so that nothing is rounded but where it is said."""
_MOST_ROUNDOFF: Final = Decimal("0.50")
NOT_TOLD: Final = "amounts not told"


@dataclass(frozen=True, slots=True)
class Told:
    """The amounts that the target tells; one that it does not tell is None. `gross` has `roundoff` in it."""

    net: Decimal | None
    gross: Decimal | None
    roundoff: Decimal | None


@dataclass(frozen=True, slots=True)
class Compared:
    """How they differ, in words (None: not at all), and whether that is more than rounding."""

    note: str | None = None
    diverged: bool = False


@dataclass(frozen=True, slots=True)
class _Line:
    net: Decimal
    rate: Decimal


def compare(lines: Sequence[InvoiceLine], rates: Mapping[str, Decimal], told: Told) -> Compared:
    """Compare what the target tells with what the lines make.

    Args:
        lines: As they were sent.
        rates: VAT by code, 25 for 25 %. Without the rate of some line only the net is compared.
        told: The target's sums.
    """
    with localcontext(prec=_DIGITS):
        return _compare(lines, rates, told)


def _compare(lines: Sequence[InvoiceLine], rates: Mapping[str, Decimal], told: Told) -> Compared:
    if told.net is None or told.gross is None:
        return Compared(NOT_TOLD)
    net, roundoff = _rounded(sum_of(lines).exact), told.roundoff or Decimal(0)
    vats = _vats(lines, rates)
    vat = told.gross - roundoff - told.net
    fits = abs(told.net - net) <= _OERE * len(lines) and abs(roundoff) <= _MOST_ROUNDOFF
    if vats is not None:
        fits = fits and min(vats) <= vat <= max(vats)
    if not fits:
        return Compared(_in_words(told.net, told.gross, net, net + vats[0] if vats else None), diverged=True)
    off = _off(told.net - net, vat - vats[0] if vats else Decimal(0))
    notes = [f"rounding {_text(off)}"] if off else []
    notes += [f"roundoff {_text(roundoff)}"] if roundoff else []
    return Compared(", ".join(notes) or None)


def _off(net: Decimal, vat: Decimal) -> Decimal:
    """Return by how much the sum with VAT is off, or the net where its VAT makes up for it."""
    return abs(net + vat) or abs(net)


def _vats(lines: Sequence[InvoiceLine], rates: Mapping[str, Decimal]) -> tuple[Decimal, ...] | None:
    """Return what VAT may be, the one rounded once a rate first: from exact lines and from rounded ones."""
    if any(line.vat_code not in rates for line in lines):
        return None
    exact = [_Line(_net(line), rates[line.vat_code]) for line in lines]
    rounded = [_Line(_rounded(line.net), line.rate) for line in exact]
    return tuple(vat for some in (exact, rounded) for vat in (_vat_a_rate(some), _vat_a_line(some)))


def _vat_a_rate(lines: Iterable[_Line]) -> Decimal:
    nets: defaultdict[Decimal, Decimal] = defaultdict(Decimal)
    for line in lines:
        nets[line.rate] += line.net
    return sum((_rounded(net * rate / _HUNDRED) for rate, net in nets.items()), Decimal(0))


def _vat_a_line(lines: Iterable[_Line]) -> Decimal:
    return sum((_rounded(line.net * line.rate / _HUNDRED) for line in lines), Decimal(0))


def _net(line: InvoiceLine) -> Decimal:
    return Decimal(line.unit_price) * Decimal(line.quantity)


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(_OERE, ROUND_HALF_UP)


def _in_words(net: Decimal, gross: Decimal, wanted_net: Decimal, wanted_gross: Decimal | None) -> str:
    there = f"net {_text(net)} and {_text(gross)} with VAT"
    lines = f"net {_text(wanted_net)}" + ("" if wanted_gross is None else f" and {_text(wanted_gross)} with VAT")
    return f"{there} instead of {lines}"


def _text(amount: Decimal) -> str:
    return format(_rounded(amount), "f")
