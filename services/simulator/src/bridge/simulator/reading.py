"""Reads admin bodies: typed values out of JSON objects, with a sentence for each mistake.

Owns nothing but the reading; a key that nobody asked for is a mistake, since a mistyped switch in a test
must not be ignored.
"""

from enum import StrEnum
from typing import TypeVar

from bridge.simulator.exchange import Json, JsonObject

E = TypeVar("E", bound=StrEnum)


class AdminError(Exception):
    """The admin request cannot be understood; the text says what to change."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Reader:
    """Takes keys out of one object; `finish` complains about what is left."""

    def __init__(self, document: Json, what: str) -> None:
        if not isinstance(document, dict):
            raise AdminError(f"{what}: send a JSON object")
        self._left: JsonObject = dict(document)
        self._what = what

    def take(self, name: str) -> Json:
        """The value as it is, None if it was not given."""
        return self._left.pop(name, None)

    def text(self, name: str, default: str | None = None) -> str:
        """A text; required unless there is a default."""
        value = self.take(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise AdminError(f"{self._what}: {name} must be a text")
        return value

    def optional_text(self, name: str) -> str | None:
        """A text or None."""
        return None if self._left.get(name) is None and self.take(name) is None else self.text(name)

    def integer(self, name: str, default: int | None = None) -> int:
        """An integer; required unless there is a default."""
        value = self.take(name)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            raise AdminError(f"{self._what}: {name} must be an integer")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """A number; required unless there is a default."""
        value = self.take(name)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise AdminError(f"{self._what}: {name} must be a number")
        return float(value)

    def boolean(self, name: str, default: bool = False) -> bool:
        """True or false."""
        value = self.take(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise AdminError(f"{self._what}: {name} must be true or false")
        return value

    def choice(self, name: str, kind: type[E], default: E | None = None) -> E:
        """One of a closed set; required unless there is a default."""
        value = self.take(name)
        if value is None and default is not None:
            return default
        try:
            return kind(str(value))
        except ValueError as cause:
            known = ", ".join(member.value for member in kind)
            raise AdminError(f"{self._what}: {name} must be one of {known}") from cause

    def objects(self, name: str) -> list[JsonObject]:
        """A list of objects; empty if it was not given."""
        value = self.take(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise AdminError(f"{self._what}: {name} must be a list")
        return [item for item in value if isinstance(item, dict)]

    def integers(self, name: str) -> frozenset[int]:
        """A list of integers; empty if it was not given."""
        value = self.take(name)
        if value is None:
            return frozenset()
        if not isinstance(value, list):
            raise AdminError(f"{self._what}: {name} must be a list")
        return frozenset(item for item in value if isinstance(item, int))

    def rest(self) -> JsonObject:
        """Everything not taken so far; nothing is left afterwards."""
        left, self._left = self._left, {}
        return left

    def finish(self) -> None:
        """Refuse unknown keys."""
        if self._left:
            raise AdminError(f"{self._what}: unknown key(s) {', '.join(sorted(self._left))}")
