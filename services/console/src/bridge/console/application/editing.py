"""A record's content, edited by a person: set fields by their path, compare, and hold it to its contract.

Pure. Nothing here sends anything; whoever takes the content checks it again.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ValidationError

from bridge.contracts.envelope import EventType
from bridge.contracts.events.customer import CustomerSnapshot, CustomerWanted
from bridge.contracts.events.invoice import InvoiceEdited, InvoiceWanted
from bridge.runtime.errors import BridgeError

_PROBLEMS_SHOWN: Final = 5
_NOTHING: Final = "null"
_Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Contract:
    """What a content must be: its model, and the field that holds the number of its entity."""

    model: type[BaseModel]
    number: str


CONTRACTS: Final[Mapping[str, Contract]] = {
    EventType.CUSTOMER_CHANGED.value: Contract(CustomerSnapshot, "customerNumber"),
    EventType.CUSTOMER_MAPPED.value: Contract(CustomerWanted, "customerNumber"),
    EventType.INVOICE_GENERATED.value: Contract(InvoiceEdited, "invoiceNumber"),
    EventType.INVOICE_MAPPED.value: Contract(InvoiceWanted, "invoiceNumber"),
}
"""The records that can be edited, by their event type."""


class EditRefusedError(BridgeError):
    """The edited content is not one that may be sent; nothing was asked for."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field by its path, before and after; None: not there."""

    path: str
    before: str | None
    after: str | None


def read_content(text: bytes | str, *, whose: str) -> dict[str, object]:
    """Return a JSON object.

    Raises:
        EditRefusedError: It is none; `whose` says which text is meant.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise EditRefusedError(f"{whose} is not JSON; nothing was asked for.") from error
    if not isinstance(found, dict):
        raise EditRefusedError(f"{whose} is no JSON object; nothing was asked for.")
    return found


def with_fields(content: Mapping[str, object], sets: Sequence[str], contract: Contract) -> dict[str, object]:
    """Return the content with `path=value` carried out in order.

    A value is text; where the contract wants no text there, it is read as JSON. `null` takes the field out. A path's
    parts are joined by dots, list places counted from 0: `lines.0.vatCode=3`.

    Raises:
        EditRefusedError: A part has no `=`, or its path leads nowhere.
    """
    edited = deepcopy(dict(content))
    for part in sets:
        name, equals, value = part.partition("=")
        path: _Path = tuple(int(step) if step.isascii() and step.isdigit() else step for step in name.split("."))
        if not equals or not name:
            raise EditRefusedError(f"'{part}' is not of the form field=value, such as lines.0.vatCode=3.")
        edited = _with(edited, path, value, contract)
    return edited


def checked(content: Mapping[str, object], contract: Contract, entity: str) -> bytes:
    """Return the content as it travels.

    Raises:
        EditRefusedError: It breaks its contract, field by field, or is about another number.
    """
    try:
        body = contract.model.model_validate(content)
    except ValidationError as error:
        problems = [_problem(each["loc"], each["msg"]) for each in error.errors()]
        more = f" and {len(problems) - _PROBLEMS_SHOWN} more" if len(problems) > _PROBLEMS_SHOWN else ""
        raise EditRefusedError(
            f"The content breaks its contract: {'; '.join(problems[:_PROBLEMS_SHOWN])}{more}. Correct these fields and "
            "run it again; nothing was asked for."
        ) from error
    number = body.model_dump(by_alias=True)[contract.number]
    if str(number) != entity:
        raise EditRefusedError(
            f"{contract.number} is {number}, and the letter is about {entity}: a number is never edited, since another "
            "number is another document. Correct it at the source; nothing was asked for."
        )
    return body.model_dump_json(by_alias=True, exclude_none=True).encode()


def changes(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[Change, ...]:
    """Return every field that differs, by path."""
    old, new = dict(_flat(before, "")), dict(_flat(after, ""))
    paths = sorted(old.keys() | new.keys())
    return tuple(Change(path, old.get(path), new.get(path)) for path in paths if old.get(path) != new.get(path))


def _problem(place: tuple[int | str, ...], said: str) -> str:
    return f"{'.'.join(map(str, place)) or 'the content'}: {said.removeprefix('Value error, ')}"


def _with(content: dict[str, object], path: _Path, value: str, contract: Contract) -> dict[str, object]:
    as_text = _set(content, path, value)
    if value == _NOTHING or not _wrong_at(as_text, path, contract):
        return as_text
    try:
        as_json = _set(content, path, json.loads(value))
    except ValueError:
        return as_text
    return as_text if _wrong_at(as_json, path, contract) else as_json


def _wrong_at(content: Mapping[str, object], path: _Path, contract: Contract) -> bool:
    try:
        contract.model.model_validate(content)
    except ValidationError as error:
        return any(each["loc"][: len(path)] == path for each in error.errors())
    return False


def _set(content: Mapping[str, object], path: _Path, value: object) -> dict[str, object]:
    edited = deepcopy(dict(content))
    holder: object = edited
    for step in path[:-1]:
        holder = _within(holder, step, path)
    last = path[-1]
    if isinstance(holder, dict) and isinstance(last, str):
        if value == _NOTHING:
            holder.pop(last, None)
        else:
            holder[last] = value
    elif isinstance(holder, list) and isinstance(last, int) and last < len(holder):
        holder[last] = value
    else:
        raise _leads_nowhere(path)
    return edited


def _within(holder: object, step: str | int, path: _Path) -> object:
    if isinstance(holder, dict) and isinstance(step, str) and step in holder:
        return holder[step]
    if isinstance(holder, list) and isinstance(step, int) and step < len(holder):
        return holder[step]
    raise _leads_nowhere(path)


def _leads_nowhere(path: _Path) -> EditRefusedError:
    return EditRefusedError(
        f"The content has no place {'.'.join(map(str, path))}; 'bridge dead-letters show' shows what it has. Nothing "
        "was asked for."
    )


def _flat(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from _flat(inner, f"{path}.{place}")
    elif value is not None:
        yield path, str(value)
