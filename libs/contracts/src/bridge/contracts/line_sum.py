"""What an invoice's lines sum to, exactly, and how far a given total may be from it.

Nothing is rounded here: a result that would not be exact raises.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow, localcontext
from typing import Final, Protocol

_EXACT: Final = Context(prec=100, traps=[DivisionByZero, Inexact, InvalidOperation, Overflow])
"""A price times a quantity has 42 digits at most; the rest is room for the sum of more lines than fit into an event."""
HALF_OERE: Final = Decimal("0.005")
"""The most that rounding one amount to two decimals can change it."""


class Priced(Protocol):
    """A line with its price and its quantity as decimal text."""

    @property
    def unit_price(self) -> str:
        """Without VAT."""
        ...

    @property
    def quantity(self) -> str:
        """May be negative, as for goods that come back."""
        ...


@dataclass(frozen=True, slots=True)
class LineSum:
    """The exact sum of unit price times quantity over all lines, and the number of lines that are no whole øre."""

    exact: Decimal
    odd_lines: int

    @property
    def is_zero(self) -> bool:
        """Tell whether nothing is left of the sum in whole øre."""
        return self.exact.copy_abs() < HALF_OERE

    @property
    def is_negative(self) -> bool:
        """Tell whether the sum is below zero."""
        return self.exact < 0

    @property
    def tolerance(self) -> Decimal:
        """Return how far a total may be from the sum: half an øre for each line that is no whole number of øre.

        OC2 may have rounded line by line or the sum alone, so both pass; whole øre leave nothing to round.
        """
        return _EXACT.multiply(HALF_OERE, Decimal(self.odd_lines))

    def agrees_with(self, total: str) -> bool:
        """Tell whether a total as OC2 gives it lies within the tolerance."""
        return _EXACT.subtract(Decimal(total), self.exact).copy_abs() <= self.tolerance


def sum_of(lines: Sequence[Priced]) -> LineSum:
    """Return what the lines sum to."""
    with localcontext(_EXACT):
        amounts = [Decimal(line.unit_price) * Decimal(line.quantity) for line in lines]
        return LineSum(exact=sum(amounts, Decimal()), odd_lines=sum(amount * 100 % 1 != 0 for amount in amounts))


def plain(amount: Decimal) -> str:
    """Return an amount in plain digits, without needless zeros."""
    return f"{amount.normalize(_EXACT):f}"
