"""A request's body as JSON bytes.

Owns the writing of numbers: a decimal leaves as exactly the digits it holds, without an exponent. A float is refused,
since it may have lost digits before it came here.
"""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal


def json_bytes(value: object) -> bytes:
    """Return the value as compact JSON in ASCII.

    Raises:
        TypeError: It holds a float, a key that is no text, or anything that JSON has no form for.
        ValueError: It holds a decimal that is no number.
    """
    return _text(value).encode()


def _text(value: object) -> str:
    match value:
        case None | bool() | int() | str():
            return json.dumps(value)
        case Decimal():
            return _number(value)
        case Mapping():
            return "{" + ",".join(f"{_name(key)}:{_text(inner)}" for key, inner in value.items()) + "}"
        case Sequence() if not isinstance(value, bytes | bytearray):
            return "[" + ",".join(map(_text, value)) + "]"
        case _:
            raise TypeError(f"JSON has no exact form for {type(value).__name__}")


def _number(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError("JSON has no form for a decimal that is no number")
    return format(value, "f")


def _name(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a name in JSON is a text, not {type(key).__name__}")
    return json.dumps(key)
