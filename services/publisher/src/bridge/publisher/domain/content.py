"""What a payload says: which fields differ between two of them, what the mapping noted, what people search by.

Works on the JSON bytes that travel, so that ingest and dispatch need no model of every flow.
"""

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bridge.publisher.domain.journal import Note

MAX_SEARCH_KEY_LENGTH: Final = 100
_NOT_CONTENT = frozenset({"notes"})


@dataclass(frozen=True, slots=True)
class SearchKeys:
    """What an invoice is looked for by, apart from its number; None where there is none, or one too long to be one."""

    kid: str | None = None
    order_number: str | None = None


def changed_fields(before: bytes | None, after: bytes) -> tuple[str, ...]:
    """Return the names of the fields that differ, sorted; nested ones with dots. Without a before, all that are set."""
    old = _flat(_object(before)) if before is not None else {}
    new = _flat(_object(after))
    return tuple(sorted(plain(name) for name in old.keys() | new.keys() if old.get(name) != new.get(name)))


def notes(payload: bytes) -> tuple[Note, ...]:
    """Return what the mapping changed or left out, as the payload tells."""
    found = _object(payload).get("notes")
    if not isinstance(found, list):
        return ()
    return tuple(_note(entry) for entry in found if isinstance(entry, dict))


def search_keys(payload: bytes) -> SearchKeys:
    """Return an invoice's search keys; of one that could not be mapped, those of the record that came."""
    content = _object(payload)
    raw = content.get("raw")
    if isinstance(raw, str):
        content = _original(raw)
    return SearchKeys(_search_key(content.get("kid")), _search_key(content.get("orderNumber")))


def plain(text: str) -> str:
    """Return text that a table and a JSON document can hold: NUL and halves of surrogate pairs become U+FFFD."""
    if text.isprintable():
        return text
    return "".join("\ufffd" if char == "\x00" or "\ud800" <= char <= "\udfff" else char for char in text)


def _search_key(value: object) -> str | None:
    return plain(value) if isinstance(value, str) and 0 < len(value) <= MAX_SEARCH_KEY_LENGTH else None


def _original(raw: str) -> Mapping[str, object]:
    try:
        return _object(b64decode(raw))
    except ValueError:
        return {}


def _note(entry: Mapping[str, object]) -> Note:
    now = entry.get("now")
    return Note(
        plain(str(entry.get("field", ""))),
        plain(str(entry.get("rule", ""))),
        plain(str(entry.get("was", ""))),
        None if now is None else plain(str(now)),
    )


def _object(payload: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _flat(content: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in content.items():
        if not prefix and name in _NOT_CONTENT:
            continue
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{name}."))
        elif value is not None:
            flat[f"{prefix}{name}"] = value
    return flat
