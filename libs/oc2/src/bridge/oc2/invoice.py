"""A row of a batch as values, the hash that tells whether its content changed, and where it breaks the contract.

Pure. One row is read at a time, so that one bad row stops no other. The contract's own types decide
(`InvoiceSnapshot`): nothing is turned into a text, no zero is guessed, no comma is read as a point. Unknown fields are
ignored, since contracts grow. The one thing that is put right here: a KID of nothing but blanks is no KID.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bridge.contracts.events.invoice import InvoiceLine, InvoiceSnapshot

MAX_NUMBER: Final = 10**18
"""An invoice number from here on belongs to no entity; Tripletex ends far below."""
_DATE: Final = "a date as YYYY-MM-DD"
_DECIMAL: Final = (
    'a decimal in quotes such as "1250.00": a point, at most 15 digits before it and 6 after it, no leading zeros'
)
_TEXT: Final = "a text in quotes"
_NUMBER: Final = "a whole number of at least 1"
_EXPECTED: Final[Mapping[str, str]] = {
    "batchNumber": _NUMBER,
    "invoiceNumber": _NUMBER,
    "customerNumber": _NUMBER,
    "invoiceDate": _DATE,
    "dueDate": _DATE,
    "orderDate": _DATE,
    "deliveryDate": _DATE,
    "kid": "2 to 25 digits in quotes, of which the last may be a dash, without blanks",
    "currency": "three capital letters in quotes",
    "unitPrice": _DECIMAL,
    "quantity": _DECIMAL,
    "totalExcludingVat": _DECIMAL,
    "lines": "a list of at least one line",
}
_MORE_SHOWN: Final = 5
_FIELD_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    """One readable invoice."""

    snapshot: InvoiceSnapshot


@dataclass(frozen=True, slots=True)
class UnreadableInvoice:
    """One row that breaks the contract in `field` (`lines[0].unitPrice`); `detail` says the form expected.

    `raw` is the row as JSON in ASCII, so that it can be carried and shown whatever it holds. `number` is None where
    the row names no invoice.
    """

    field: str
    detail: str
    raw: bytes = dataclasses.field(repr=False)
    number: int | None = None


def parse_invoice(raw: object, batch: int) -> InvoiceRow | UnreadableInvoice:
    """Read one element of `values[]`; never raises, whatever it holds."""
    if not isinstance(raw, dict):
        return UnreadableInvoice("", "The row is not an object.", _raw_bytes(raw))
    number = _number(raw)
    try:
        snapshot = InvoiceSnapshot.model_validate({**_known(raw), "batchNumber": batch})
    except ValidationError as error:
        return _unreadable(raw, number, error.errors(include_url=False))
    if number is None:
        detail = f"The field invoiceNumber is not below {MAX_NUMBER}."
        return UnreadableInvoice("invoiceNumber", detail, _raw_bytes(raw))
    if (path := _unstorable(snapshot.model_dump(by_alias=True))) is not None:
        detail = f"The field {path} holds the character U+0000, which no system can store."
        return UnreadableInvoice(path, detail, _raw_bytes(raw), number)
    return InvoiceRow(snapshot)


def source_hash(snapshot: InvoiceSnapshot) -> str:
    """Return the hex SHA-256 of the content: absent values left out, keys sorted, and no word of the batch."""
    content = snapshot.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"batch_number"})
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _known(raw: Mapping[str, object]) -> dict[str, object]:
    """Return the contract's own fields; a KID of blanks is none."""
    found = _fields_of(InvoiceSnapshot, raw)
    kid, lines = found.get("kid"), found.get("lines")
    if isinstance(kid, str) and not kid.strip():
        found["kid"] = None
    if isinstance(lines, list):
        found["lines"] = [_fields_of(InvoiceLine, line) if isinstance(line, dict) else line for line in lines]
    return found


def _fields_of(model: type[BaseModel], raw: Mapping[str, object]) -> dict[str, object]:
    names = [field.alias or name for name, field in model.model_fields.items()]
    return {name: raw[name] for name in names if name in raw}


def _number(raw: Mapping[str, object]) -> int | None:
    number = raw.get("invoiceNumber")
    return number if type(number) is int and 1 <= number < MAX_NUMBER else None


def _unreadable(raw: Mapping[str, object], number: int | None, errors: list[ErrorDetails]) -> UnreadableInvoice:
    # A list whose lines are all broken counts as too short besides: that is no complaint of its own.
    around = {error["loc"][:depth] for error in errors for depth in range(len(error["loc"]))}
    errors = [error for error in errors if error["loc"] not in around]
    paths = list(dict.fromkeys(_path(error["loc"]) for error in errors))
    detail = f"The field {paths[0]} {_complaint(errors[0])}."
    if others := paths[1 : 1 + _MORE_SHOWN]:
        more = len(paths) - 1 - len(others)
        detail += f" Also wrong: {', '.join(others)}{f' and {more} more' if more else ''}."
    return UnreadableInvoice(paths[0], detail, _raw_bytes(raw), number)


def _path(loc: tuple[int | str, ...]) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return path.removeprefix(".")[:_FIELD_SHOWN]


def _complaint(error: ErrorDetails) -> str:
    name = next((part for part in reversed(error["loc"]) if isinstance(part, str)), "")
    expected = _EXPECTED.get(name, _TEXT)
    value = error["input"]
    match error["type"]:
        case "missing":
            return f"is missing; expected is {expected}"
        case "string_too_long" if isinstance(value, str):
            return f"has {len(value)} characters; at most {error['ctx']['max_length']} are allowed"
        case "string_type" | "int_type":
            return f"is {_kind(value)}; expected is {expected}"
        case "value_error":
            return f"is no day of the calendar; expected is {expected}"
        case _:
            return f"does not have the form agreed; expected is {expected}"


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    kinds = {int: "a number", float: "a number with a point", str: "a text", list: "a list", dict: "an object"}
    return kinds.get(type(value), "of another kind")


def _unstorable(value: object, path: str = "") -> str | None:
    if isinstance(value, Mapping):
        parts = [(f"{path}.{name}".removeprefix("."), part) for name, part in value.items()]
    elif isinstance(value, tuple | list):
        parts = [(f"{path}[{index}]", part) for index, part in enumerate(value)]
    else:
        return path if isinstance(value, str) and "\x00" in value else None
    return next((found for name, part in parts if (found := _unstorable(part, name)) is not None), None)


def _raw_bytes(raw: object) -> bytes:
    # ASCII escapes keep lone surrogates and U+0000 readable without being invalid anywhere.
    return json.dumps(raw, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
