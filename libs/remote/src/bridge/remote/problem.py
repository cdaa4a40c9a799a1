"""What an error body says, in either of the two shapes we meet.

Owns reading Tripletex's error envelope (`code`, `message`, `validationMessages`) and RFC 9457 problems (`title`,
`detail`, `errors`) into one value. Texts are for people only: they follow the employee's language, so nothing decides
by them. A body in neither shape yields None, and nothing of it is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MAX_TEXT: Final = 500
MAX_FIELDS: Final = 50


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One complaint; `field` is None where the far side names none. `message` is cut to 500 characters."""

    field: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Problem:
    """An error body read; `code` is Tripletex's own, absent in the other shape."""

    code: int | None
    text: str
    fields: tuple[FieldProblem, ...]


def read_problem(body: object) -> Problem | None:
    """Return what the body says, or None if it is no error body."""
    if not isinstance(body, Mapping):
        return None
    code = body.get("code")
    shaped = isinstance(code, int) or isinstance(body.get("title"), str) or isinstance(body.get("status"), int)
    if not shaped:
        return None
    text = _text(body.get("message")) or _text(body.get("detail")) or _text(body.get("title"))
    return Problem(
        code=code if isinstance(code, int) and not isinstance(code, bool) else None,
        text=text,
        fields=_fields(body.get("validationMessages") or body.get("errors")),
    )


def _fields(entries: object) -> tuple[FieldProblem, ...]:
    if not isinstance(entries, list):
        return ()
    return tuple(_field(entry) for entry in entries[:MAX_FIELDS] if isinstance(entry, Mapping))


def _field(entry: Mapping[object, object]) -> FieldProblem:
    name = entry.get("field")
    return FieldProblem(name[:MAX_TEXT] if isinstance(name, str) else None, _text(entry.get("message")))


def _text(value: object) -> str:
    return value[:MAX_TEXT] if isinstance(value, str) else ""
