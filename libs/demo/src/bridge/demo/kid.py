"""The check digits of a Norwegian payment reference (KID).

Owns both rules, written anew: the judgement must share no code with the services.
"""

from itertools import cycle


def mod10(digits: str) -> str:
    """Return the MOD10 check digit of a reference that has none yet."""
    products = [int(digit) * weight for digit, weight in zip(reversed(digits), cycle((2, 1)), strict=False)]
    return str(-sum(sum(divmod(product, 10)) for product in products) % 10)


def mod11(digits: str) -> str:
    """Return the MOD11 check digit of a reference that has none yet; a remainder of 10 is written as a dash."""
    products = [int(digit) * weight for digit, weight in zip(reversed(digits), cycle(range(2, 8)), strict=False)]
    check = -sum(products) % 11
    return "-" if check == 10 else str(check)


def is_kid(text: str) -> bool:
    """Tell whether the last character is the check digit by one of the two rules."""
    digits, check = text[:-1], text[-1:]
    return digits.isdecimal() and check in (mod10(digits), mod11(digits))
