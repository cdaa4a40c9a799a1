"""Columns of values as Postgres array literals, one text each.

Owns the literal's syntax alone. The driver's own list adaptation costs more than the statement it feeds.
"""

from collections.abc import Iterable
from datetime import datetime


def array_of(values: Iterable[object]) -> str:
    """Return `{…}` for text, whole numbers, booleans, bytes, moments and None."""
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, bytes):
        return '"\\\\x' + value.hex() + '"'
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return '"' + value.isoformat() + '"'
    raise TypeError(f"an array cannot hold {type(value).__name__}")
