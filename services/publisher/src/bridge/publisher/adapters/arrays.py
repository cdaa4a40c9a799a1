"""Columns of values as Postgres array literals, one text each.

Owns the literal's syntax alone. The driver's own list adaptation costs more than the statement it feeds.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import NoneType
from typing import Any, Final


def array_of(values: Iterable[object]) -> str:
    """Return `{…}` for text, whole numbers, booleans, bytes, moments and None.

    Raises:
        TypeError: An element is of another type.
    """
    return "{" + ",".join([_literal(value) for value in values]) + "}"


def _literal(value: object) -> str:
    write = _WRITERS.get(type(value))
    if write is None:
        raise TypeError(f"an array cannot hold {type(value).__name__}")
    return write(value)


def _text(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


# Any: each writer is chosen by the very type that it takes.
_WRITERS: Final[Mapping[type, Callable[[Any], str]]] = {
    NoneType: lambda _: "NULL",
    str: _text,
    bytes: lambda value: '"\\\\x' + value.hex() + '"',
    bool: lambda value: "t" if value else "f",
    int: str,
    datetime: lambda value: '"' + value.isoformat() + '"',
}
