"""Single values of a Tripletex row, read by type and never by guess.

Pure. null, "" and missing are absent; a whole-number float is an integer; a boolean is never a number, nor a text of
digits. What is none of these is a `FieldError` that names its path.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from bridge.tripletex.text import UnstorableTextError, normalise

Raw = Mapping[str, object]

_INT64: Final = 1 << 63
_SHOWN: Final = 80


class FieldError(ValueError):
    """One field breaks the source's contract. `path` is dotted from the row's root; `detail` is a clause."""

    def __init__(self, path: str, detail: str) -> None:
        self.path = path
        self.detail = detail
        super().__init__(f"{path} {detail}")


def whole(raw: Raw, name: str, path: str | None = None) -> int | None:
    """Return a whole number of at most 64 bits, None if absent."""
    value = raw.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not -_INT64 <= value < _INT64:
        raise FieldError(path or name, f"is not a whole number: {_show(value)}")
    return value


def need(raw: Raw, name: str, path: str | None = None, *, at_least: int = 1) -> int:
    """Return a whole number that must be there and not below `at_least`."""
    value = whole(raw, name, path)
    if value is None or value < at_least:
        raise FieldError(path or name, "is missing" if value is None else f"is too small: {value}")
    return value


def decimal(raw: Raw, name: str, path: str | None = None) -> Decimal | None:
    """Return a number as an exact decimal, None if absent; the answer must have been read with decimals."""
    value = raw.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, int | Decimal) or isinstance(value, bool):
        raise FieldError(path or name, f"is not an exact number: {_show(value)}")
    return Decimal(value)


def flag(raw: Raw, name: str) -> bool | None:
    """Return a boolean, None if absent."""
    value = raw.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, bool):
        raise FieldError(name, f"is neither true nor false: {_show(value)}")
    return value


def text(raw: Raw, name: str, path: str | None = None) -> str | None:
    """Return a normalised text, None if absent or blank."""
    value = raw.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise FieldError(path or name, f"is not a text: {_show(value)}")
    try:
        return normalise(value)
    except UnstorableTextError as cause:
        raise FieldError(path or name, str(cause)) from cause


def part(raw: Raw, name: str, path: str | None = None) -> Raw | None:
    """Return a sub-object, None if absent."""
    value = raw.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, Mapping):
        raise FieldError(path or name, f"is not an object: {_show(value)}")
    return value


def newest_change(raw: Raw) -> datetime | None:
    """Return the newest `changes[].timestamp` in UTC, None if there is none.

    A timestamp without a zone is refused: it would order changes wrongly for an hour or two.
    """
    changes = raw.get("changes")
    if changes is None:
        return None
    if not isinstance(changes, list):
        raise FieldError("changes", "is not a list")
    return max((_timestamp(entry) for entry in changes), default=None)


def _timestamp(entry: object) -> datetime:
    stamp = entry.get("timestamp") if isinstance(entry, Mapping) else None
    try:
        moment = datetime.fromisoformat(stamp) if isinstance(stamp, str) else None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        # Overflow: the first or last day of the calendar, which is what an unset date looks like in many systems.
        pass
    raise FieldError("changes.timestamp", f"is no timestamp with a zone: {_show(stamp)}")


def _show(value: object) -> str:
    return ascii(value)[:_SHOWN]
