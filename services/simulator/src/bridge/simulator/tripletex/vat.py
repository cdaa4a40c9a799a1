"""The Norwegian VAT codes: number, id, rate, and whether a company may use them on a sale.

Owns the register. Number and id differ on purpose for 32 and 33, as they do at Tripletex.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from bridge.simulator.exchange import JsonObject


@dataclass(frozen=True, slots=True)
class VatType:
    """One code; `percentage` in percent. `active` says whether the company shows it for sales."""

    id: int
    number: str
    name: str
    percentage: Decimal
    outgoing: bool
    active: bool = False

    @property
    def fits_sale(self) -> bool:
        """Whether an order line may carry it; code 0 always may, shown or not."""
        return self.number == "0" or (self.outgoing and self.active)

    def graph(self) -> JsonObject:
        """The code as Tripletex shows it."""
        percent = float(self.percentage) if self.percentage % 1 else int(self.percentage)
        return {
            "id": self.id,
            "version": 0,
            "name": self.name,
            "number": self.number,
            "displayName": f"{self.number}: ({percent}%) {self.name}",
            "percentage": percent,
            "deductionPercentage": 100.0,
            "parentType": {"id": 0, "version": 0},
        }


_REGISTERED = frozenset({"3", "31", "33", "5", "52", "6"})
_UNREGISTERED = frozenset({"6"})
_CODES: tuple[VatType, ...] = (
    VatType(0, "0", "Ingen avgiftsbehandling", Decimal(0), True),
    VatType(1, "1", "Fradrag inngående avgift, høy sats", Decimal(25), False),
    VatType(11, "11", "Fradrag inngående avgift, middels sats", Decimal(15), False),
    VatType(111, "12", "Fradrag inngående avgift, råfisk", Decimal("11.11"), False),
    VatType(12, "13", "Fradrag inngående avgift, lav sats", Decimal(12), False),
    VatType(3, "3", "Utgående avgift, høy sats", Decimal(25), True),
    VatType(31, "31", "Utgående avgift, middels sats", Decimal(15), True),
    VatType(311, "32", "Utgående avgift, råfisk", Decimal("11.11"), True),
    VatType(32, "33", "Utgående avgift, lav sats", Decimal(12), True),
    VatType(5, "5", "Ingen utgående avgift (innenfor mva-loven)", Decimal(0), True),
    VatType(6, "6", "Ingen utgående avgift (utenfor mva-loven)", Decimal(0), True),
    VatType(7, "7", "Ingen avgiftsbehandling (inntekter)", Decimal(0), True),
    VatType(51, "51", "Avgiftsfri innlands omsetning med omvendt avgiftsplikt", Decimal(0), True),
    VatType(52, "52", "Avgiftsfri utførsel av varer og tjenester", Decimal(0), True),
)


def vat_register(*, registered: bool) -> dict[str, VatType]:
    """All codes by number, those active that such a company was seen to have."""
    shown = _REGISTERED if registered else _UNREGISTERED
    return {code.number: replace(code, active=code.number in shown) for code in _CODES}


def by_id(codes: Iterable[VatType], vat_id: int) -> VatType | None:
    """The code with that id, None if there is none."""
    return next((code for code in codes if code.id == vat_id), None)
