"""What an error body says, in either of the two shapes we meet.

Owns reading Tripletex's error envelope (`code`, `message`, `validationMessages`) and RFC 9457 problems (`title`,
`detail`, `errors`) into one value. Texts are for people only: they follow the employee's language, so nothing decides
by them. A body in neither shape yields None, and nothing of it is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bridge.runtime.redaction import redact_text

MAX_TEXT: Final = 500
MAX_FIELDS: Final = 50
_READ_TEXT: Final = 4 * MAX_TEXT
"""Cut later than it is masked, so that no half of a secret is left at the end."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One complaint; `field` is None where the far side names none. `message` is cut to 500 characters.

    Where the far side also tells the place (`orders[0].orderLines[2].vatType.id`), it stands at the message's end.
    """

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
    name, path = _text(entry.get("field")) or None, _text(entry.get("path"))
    message = _text(entry.get("message"))
    return FieldProblem(name, f"{message} ({path})".strip()[:MAX_TEXT] if path and path != name else message)


def _text(value: object) -> str:
    """Return the text cut to its limit, without secrets and what no table can hold: it ends in gates and letters.

    A far side that refuses a key may quote it.
    """
    if not isinstance(value, str):
        return ""
    return "".join(map(_storable, redact_text(value[:_READ_TEXT])[:MAX_TEXT]))


def _storable(char: str) -> str:
    return "\ufffd" if char == "\x00" or "\ud800" <= char <= "\udfff" else char
