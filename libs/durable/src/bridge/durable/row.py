"""One row of an answer, with accessors that check the type they promise.

Owns the step from the driver's untyped values to typed ones, so that no `Any` leaves this library.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

import psycopg
from psycopg.types.json import Jsonb

_T = TypeVar("_T")

Params = Sequence[object] | dict[str, object]


class Row(dict[str, object]):
    """Column names to values. The accessors raise TypeError where the column holds something else."""

    def text(self, name: str) -> str:
        return self._typed(name, str)

    def text_or_none(self, name: str) -> str | None:
        return None if self[name] is None else self._typed(name, str)

    def number(self, name: str) -> int:
        return self._typed(name, int)

    def number_or_none(self, name: str) -> int | None:
        return None if self[name] is None else self._typed(name, int)

    def decimal(self, name: str) -> float:
        """A double precision column, such as seconds out of an interval."""
        return self._typed(name, float)

    def flag(self, name: str) -> bool:
        return self._typed(name, bool)

    def instant(self, name: str) -> datetime:
        """A timestamptz column, in UTC."""
        return self._typed(name, datetime)

    def instant_or_none(self, name: str) -> datetime | None:
        return None if self[name] is None else self._typed(name, datetime)

    def octets(self, name: str) -> bytes:
        return self._typed(name, bytes)

    def octets_or_none(self, name: str) -> bytes | None:
        return None if self[name] is None else self._typed(name, bytes)

    def document(self, name: str) -> dict[str, object]:
        """A jsonb column that holds an object."""
        return self._typed(name, dict)

    def items_of(self, name: str, kind: type[_T]) -> list[_T]:
        """An array column whose elements are all of `kind`."""
        values = self._typed(name, list)
        if not all(isinstance(value, kind) for value in values):
            raise TypeError(f"column {name} holds an element that is not {kind.__name__}")
        return values

    def _typed(self, name: str, kind: type[_T]) -> _T:
        value = self[name]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise TypeError(f"column {name} holds {type(value).__name__}, not {kind.__name__}")
        return value


def row_factory(cursor: psycopg.AsyncCursor[object]) -> Callable[[Sequence[object]], Row]:
    """Make `Row`s; the shape that psycopg asks of a row factory."""
    names = [column.name for column in cursor.description or ()]
    return lambda values: Row(zip(names, values, strict=True))


def jsonb(value: object) -> object:
    """Wrap a value so that it is sent as jsonb."""
    return Jsonb(value)
