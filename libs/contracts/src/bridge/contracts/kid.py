"""The check digit of a KID, the Norwegian payment reference.

Owns the two rules that banks know. Which of the two a reference was made by is not told, so either will do.
"""

from typing import Final

_DASH: Final = "-"
"""Stands for the MOD11 remainder that would need two digits."""


def has_check_digit(kid: str) -> bool:
    """Tell whether the last character is the MOD10 or the MOD11 check digit of the digits before it.

    `kid` is two or more characters, all digits but for the last, which may be a dash.
    """
    return kid[-1] in (mod10(kid[:-1]), mod11(kid[:-1]))


def mod10(digits: str) -> str:
    """Return the check digit by MOD10: weights 2, 1, 2, ... from the right, the digits of each product added up."""
    products = (int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(digits)))
    return str(-sum(product // 10 + product % 10 for product in products) % 10)


def mod11(digits: str) -> str:
    """Return the check digit by MOD11: weights 2 to 7 from the right, over and over; a dash stands for 10."""
    total = sum(int(digit) * (2 + place % 6) for place, digit in enumerate(reversed(digits)))
    check = -total % 11
    return _DASH if check == 10 else str(check)
