"""Which VAT codes a line of a sales invoice may carry.

The codes are those of the standard list for accounting files (SAF-T Financial) of the Norwegian tax authority, which
Tripletex numbers alike. A code is a text: "03" and "3.0" are other texts than "3" and nothing is guessed. The id that
Tripletex wants differs from the code (32, 33) and is looked up at delivery.
"""

from typing import Final

SALES: Final = frozenset({"0", "3", "31", "32", "33", "5", "51", "52", "6", "7"})
"""Outgoing VAT (3, 31, 32, 33), exempt or outside the act (5, 6), reverse charge and export (51, 52), no treatment (7).

0 is "no treatment" too. The list means it for purchases, but Tripletex takes it on order lines and it changes no
amount, so what OC2 says is sent.
"""
PURCHASES: Final = frozenset(
    {
        "1",
        "11",
        "12",
        "13",
        "14",
        "15",
        "20",
        "21",
        "22",
        "81",
        "82",
        "83",
        "84",
        "85",
        "86",
        "87",
        "88",
        "89",
        "91",
        "92",
    }
)
"""Incoming VAT, import, and reverse charge on purchases: Tripletex refuses them on order lines."""
