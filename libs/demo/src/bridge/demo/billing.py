"""Realistic invoices of OC2 out of a seeded generator.

Owns the data and its look: prices with the decimals that calculations leave behind, quantities in parts, deductions,
every VAT code that a company uses for sales, references with either check digit. No invoice is like another, and its
lines are in no order that a sort would give. Everything is as the OC2 contract wants it.
"""

import random
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from bridge.demo.kid import mod10, mod11
from bridge.testkit.simulator_answers import Json, JsonObject

ACTIVE_VAT_CODES: Final = ("3", "31", "33", "5", "52", "6")
"""What every company of the demo uses for sales; of the other codes none is active."""
DEPARTMENTS: Final = ("10", "20")
PROJECTS: Final = ("9001", "9002")

_GOODS: Final = (
    "Frakt pall",
    "Tørrfisk, førsteklasse",
    "Ørretfilet 2 kg",
    "Isolasjon 150 mm",
    "Leie av lift, døgn",
    "Betong B30 m³",
    "Håndverkertime",
    "Vedovn, støpejern",
    "Kaffe, mørkbrent",
    "Duodji: komse, bjørk",
    "Boazobiergu, røkt",
    "Årsavtale service",
)
_PRICES: Final = ("1250.00", "42.608696", "0.333333", "89.9", "15200", "749.50", "31.25", "4.005", "199")
_QUANTITIES: Final = ("1", "2", "12", "2.5", "0.75", "144", "6", "37.125")
_DEDUCTIONS: Final = ("-10", "-25.50", "-0.01")
_CURRENCIES: Final = ("NOK", "NOK", "NOK", "NOK", "NOK", "EUR", "SEK")
_DUE_DAYS: Final = (0, 10, 14, 30)
_OERE: Final = Decimal("0.01")


class Billing:
    """Makes invoices; the same seed and day make the same ones."""

    def __init__(self, seed: int, today: date) -> None:
        self._rng = random.Random(seed)  # noqa: S311 (the same data again, nothing secret)
        self._today = today

    def invoices(self, numbers: Sequence[int], *, customers: Sequence[int]) -> list[dict[str, Json]]:
        """Return an invoice for each number, to these customers in turn."""
        return [self._invoice(number, customers[index % len(customers)], index) for index, number in enumerate(numbers)]

    def _invoice(self, number: int, customer: int, index: int) -> dict[str, Json]:
        day = self._today - timedelta(days=self._rng.randrange(1, 20))
        ordered = day - timedelta(days=self._rng.randrange(1, 15))
        lines = [self._line(place, index) for place in range(self._rng.randrange(1, 5))]
        if len(lines) > 2:
            lines.append(self._deduction(lines[0]))
        return {
            "invoiceNumber": number,
            "invoiceDate": day.isoformat(),
            "dueDate": (day + timedelta(days=self._rng.choice(_DUE_DAYS))).isoformat(),
            "kid": kid_of(number, index),
            "orderNumber": f"SO-{number}",
            "orderDate": ordered.isoformat(),
            "customerNumber": customer,
            "departmentNumber": self._rng.choice((None, *DEPARTMENTS)),
            "projectNumber": self._rng.choice((None, None, *PROJECTS)),
            "currency": self._rng.choice(_CURRENCIES),
            "deliveryDate": self._rng.choice((None, ordered.isoformat(), day.isoformat())),
            "totalExcludingVat": total_of(lines) if self._rng.random() < 0.5 else None,
            "lines": lines,
        }

    def _line(self, place: int, index: int) -> JsonObject:
        return {
            "description": f"{self._rng.choice(_GOODS)} ({place + 1})",
            "unitPrice": self._rng.choice(_PRICES),
            "quantity": self._rng.choice(_QUANTITIES),
            "vatCode": ACTIVE_VAT_CODES[(index + place) % len(ACTIVE_VAT_CODES)],
        }

    def _deduction(self, line: JsonObject) -> JsonObject:
        """Return less than any line costs, so the invoice stays above zero."""
        return {
            "description": f"Fradrag: {line['description']}",
            "unitPrice": "0.10",
            "quantity": self._rng.choice(_DEDUCTIONS),
            "vatCode": line["vatCode"],
        }


def kid_of(number: int, index: int) -> str | None:
    """Return a payment reference for the number: by MOD10, by MOD11, or none, in turn."""
    digits = f"{number:07d}"
    return (digits + mod10(digits), digits + mod11(digits), None)[index % 3]


def total_of(lines: Sequence[JsonObject]) -> str:
    """Return the sum of unit price times quantity, rounded half up to two decimals."""
    exact = sum((amount_of(line) for line in lines), Decimal(0))
    return format(exact.quantize(_OERE, ROUND_HALF_UP), "f")


def amount_of(line: JsonObject) -> Decimal:
    """Return unit price times quantity, exactly."""
    return Decimal(str(line["unitPrice"])) * Decimal(str(line["quantity"]))
