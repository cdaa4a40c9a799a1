"""What the simulators' admin door answers, as values.

Owns the reading of its JSON: a missing or mistyped key is an error here, not a surprise in a test. It must
not know processes or connections.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
JsonObject = Mapping[str, Json]


class SimulatorError(Exception):
    """The simulators did not start, or their admin door refused; the text says why."""


@dataclass(frozen=True, slots=True)
class Written:
    """A customer written by hand at the source."""

    id: int
    customer_number: int
    version: int


@dataclass(frozen=True, slots=True)
class SourceState:
    """One state that the source showed from epoch second `at` on."""

    seq: int
    at: float
    id: int
    customer_number: int
    version: int
    content: JsonObject
    deleted: bool


@dataclass(frozen=True, slots=True)
class Effect:
    """One effect on a customer at OC2, at epoch second `at`; `how` is put or bulk."""

    seq: int
    at: float
    customer_number: int
    content: JsonObject
    how: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """What one tenant's OC2 was told and what it holds now."""

    writes: tuple[Effect, ...]
    customers: Mapping[int, JsonObject]
    terms: tuple[JsonObject, ...]
    term_creates: int


@dataclass(frozen=True, slots=True)
class FaultCount:
    """How often a fault met a request and how often it acted."""

    name: str
    seen: int
    hits: int


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request to either system, without anything secret; status None if no answer was sent."""

    seq: int
    at: float
    system: str
    scope: str | None
    method: str
    path: str
    query: JsonObject
    body: Json
    status: int | None
    traceparent: str | None
    faults: tuple[str, ...]


def read_effect(row: JsonObject) -> Effect:
    """One effect of the ledger."""
    return Effect(
        seq=integer(row, "seq"),
        at=number(row, "at"),
        customer_number=integer(row, "customerNumber"),
        content=as_object(row.get("content")),
        how=text(row, "how"),
        outcome=text(row, "outcome"),
    )


def read_request(row: JsonObject) -> LoggedRequest:
    """One entry of the request log."""
    faults = row.get("faults")
    return LoggedRequest(
        seq=integer(row, "seq"),
        at=number(row, "at"),
        system=text(row, "system"),
        scope=optional_text(row, "scope"),
        method=text(row, "method"),
        path=text(row, "path"),
        query=as_object(row.get("query")),
        body=row.get("body"),
        status=None if row.get("status") is None else integer(row, "status"),
        traceparent=optional_text(row, "traceparent"),
        faults=tuple(str(name) for name in faults) if isinstance(faults, list) else (),
    )


def as_object(document: Json) -> JsonObject:
    """The document, which must be an object."""
    if not isinstance(document, dict):
        raise SimulatorError(f"expected an object from the simulators, got {type(document).__name__}")
    return document


def as_rows(document: Json) -> list[JsonObject]:
    """The document, which must be a list of objects."""
    if not isinstance(document, list):
        raise SimulatorError(f"expected a list from the simulators, got {type(document).__name__}")
    return [as_object(row) for row in document]


def integer(row: JsonObject, name: str) -> int:
    """An integer of the row."""
    value = row.get(name)
    if not isinstance(value, int):
        raise SimulatorError(f"expected an integer {name} from the simulators")
    return value


def number(row: JsonObject, name: str) -> float:
    """A number of the row."""
    value = row.get(name)
    if not isinstance(value, int | float):
        raise SimulatorError(f"expected a number {name} from the simulators")
    return float(value)


def text(row: JsonObject, name: str) -> str:
    """A text of the row."""
    value = row.get(name)
    if not isinstance(value, str):
        raise SimulatorError(f"expected a text {name} from the simulators")
    return value


def optional_text(row: JsonObject, name: str) -> str | None:
    """A text of the row or None."""
    return None if row.get(name) is None else text(row, name)
