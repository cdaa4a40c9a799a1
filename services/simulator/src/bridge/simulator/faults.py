"""Switchable misbehaviour: which fault meets which request, and how often.

Owns the rules and their counters. What a kind does is in `misbehaviour`; this module must not know either
system.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from bridge.simulator.exchange import Json, JsonObject, Request
from bridge.simulator.reading import AdminError, Reader


class System(StrEnum):
    """The two simulated systems."""

    TRIPLETEX = "tripletex"
    OC2 = "oc2"


class Kind(StrEnum):
    """What goes wrong. The first group waits, the second has no effect, the third has one, the rest lie."""

    LATENCY = "latency"

    STATUS = "status"
    ALWAYS_500_FOR = "always_500_for"
    HTML500 = "html500"
    PSEUDO_JSON500 = "pseudo_json500"
    RATE_LIMITED = "rate_limited"
    RESET_BEFORE = "reset_before"
    HANG = "hang"

    ANSWER_LOST = "answer_lost"
    EFFECT_AFTER = "effect_after"
    HALF_ANSWER = "half_answer"
    MALFORMED_2XX = "malformed_2xx"

    STALE_PAGE = "stale_page"
    MISSING_ROWS = "missing_rows"
    PAGE_SHIFT = "page_shift"

    CHARSET_LATIN1 = "charset_latin1"
    INVALID_UTF8 = "invalid_utf8"
    NULL_FIELDS = "null_fields"
    EXTRA_FIELDS = "extra_fields"

    BULK_PARTIAL = "bulk_partial"


NO_EFFECT = frozenset(
    {
        Kind.STATUS,
        Kind.ALWAYS_500_FOR,
        Kind.HTML500,
        Kind.PSEUDO_JSON500,
        Kind.RATE_LIMITED,
        Kind.RESET_BEFORE,
        Kind.HANG,
    }
)
WITH_EFFECT = frozenset({Kind.ANSWER_LOST, Kind.EFFECT_AFTER, Kind.HALF_ANSWER, Kind.MALFORMED_2XX})
ENDINGS = NO_EFFECT | WITH_EFFECT

_PARAMS: Mapping[Kind, frozenset[str]] = {
    Kind.LATENCY: frozenset({"seconds"}),
    Kind.STATUS: frozenset({"status", "body", "contentType", "headers"}),
    Kind.ALWAYS_500_FOR: frozenset({"body", "contentType", "headers"}),
    Kind.RATE_LIMITED: frozenset({"retryAfter"}),
    Kind.HANG: frozenset({"seconds"}),
    Kind.EFFECT_AFTER: frozenset({"seconds", "answerSeconds"}),
    Kind.STALE_PAGE: frozenset({"changes", "numbers"}),
    Kind.MISSING_ROWS: frozenset({"ids", "numbers"}),
    Kind.PAGE_SHIFT: frozenset({"at_page", "rows"}),
    Kind.NULL_FIELDS: frozenset({"fields", "numbers"}),
    Kind.EXTRA_FIELDS: frozenset({"fields", "count"}),
    Kind.BULK_PARTIAL: frozenset({"errors"}),
}
_NUMERIC = frozenset({"seconds", "answerSeconds", "status", "changes", "at_page", "count"})
_REQUIRED: Mapping[Kind, frozenset[str]] = {
    Kind.LATENCY: frozenset({"seconds"}),
    Kind.STATUS: frozenset({"status"}),
    Kind.HANG: frozenset({"seconds"}),
    Kind.EFFECT_AFTER: frozenset({"seconds"}),
    Kind.PAGE_SHIFT: frozenset({"at_page", "rows"}),
    Kind.BULK_PARTIAL: frozenset({"errors"}),
}


@dataclass(frozen=True, slots=True)
class Match:
    """Which requests a fault meets; None means any.

    `path` is searched for in the path after the system's base URL. A customer number matches if the
    request names it in path, query or body; of a list, if the list contains it.
    """

    system: System
    scope: str | None = None
    method: str | None = None
    path: re.Pattern[str] | None = None
    customer_number: int | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    body_contains: str | None = None

    def meets(self, system: System, scope: str | None, request: Request, numbers: Callable[[], frozenset[int]]) -> bool:
        """Whether the request is one of them; `numbers` is asked only if a number matters."""
        if system is not self.system or (self.scope is not None and self.scope != scope):
            return False
        if self.method is not None and self.method != request.method:
            return False
        if self.path is not None and self.path.search(request.path) is None:
            return False
        if any(request.param(name) != value for name, value in self.query.items()):
            return False
        if self.body_contains is not None and self.body_contains.encode() not in request.body:
            return False
        return self.customer_number is None or self.customer_number in numbers()


@dataclass(slots=True)
class Fault:
    """One rule and how often it has met a request (`seen`) and acted (`hits`)."""

    name: str
    match: Match
    kind: Kind
    params: JsonObject
    times: int | None = None
    after: int = 0
    seen: int = 0
    hits: int = 0

    def due(self) -> bool:
        """Count one meeting; whether the fault acts on it."""
        self.seen += 1
        if self.seen <= self.after or (self.times is not None and self.hits >= self.times):
            return False
        self.hits += 1
        return True

    def concerns_page(self, request: Request) -> bool:
        """For a page shift: whether this page of the read is one that it spoils."""
        if self.kind is not Kind.PAGE_SHIFT:
            return True
        page, wanted = page_index(request), self.params.get("at_page")
        if not isinstance(wanted, int):
            return False
        return page >= wanted if isinstance(self.params.get("rows"), int) else page == wanted


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to happen to one request.

    Attributes:
        faults: All that act on it, in the order they were added.
        ending: The one that decides how the exchange ends, if any.
    """

    faults: tuple[Fault, ...] = ()
    ending: Fault | None = None

    def of(self, *kinds: Kind) -> list[Fault]:
        """The acting faults of these kinds."""
        return [fault for fault in self.faults if fault.kind in kinds]

    @property
    def delay_seconds(self) -> float:
        """How long the request waits before anything happens."""
        return sum(number_param(fault.params, "seconds", 0.0) for fault in self.of(Kind.LATENCY))


@dataclass(slots=True)
class Faults:
    """All rules, by name, in the order they were added."""

    by_name: dict[str, Fault] = field(default_factory=dict)

    def add(self, fault: Fault) -> None:
        """Add a rule; one of the same name is replaced and its counters begin anew."""
        self.by_name.pop(fault.name, None)
        self.by_name[fault.name] = fault

    def plan(self, system: System, scope: str | None, request: Request, numbers: Callable[[], frozenset[int]]) -> Plan:
        """What happens to this request; only the first ending acts, later ones are not counted."""
        acting: list[Fault] = []
        ending: Fault | None = None
        for fault in self.by_name.values():
            if fault.kind in ENDINGS and ending is not None:
                continue
            if not fault.concerns_page(request):
                continue
            if not fault.match.meets(system, scope, request, numbers) or not fault.due():
                continue
            acting.append(fault)
            if fault.kind in ENDINGS:
                ending = fault
        return Plan(tuple(acting), ending)


def page_index(request: Request) -> int:
    """Which page of a read this is, from 0; pages may overlap by some rows."""
    try:
        start, count = int(request.param("from") or 0), int(request.param("count") or 1000)
    except ValueError:
        return 0
    return math.ceil(start / count) if count > 0 else 0


def number_param(params: Mapping[str, Json], name: str, default: float) -> float:
    """A numeric parameter of a fault."""
    value = params.get(name)
    return float(value) if isinstance(value, int | float) else default


def parse_fault(document: Json) -> Fault:
    """The rule that an admin body describes.

    Raises:
        AdminError: A key is unknown, missing or of the wrong type.
    """
    reader = Reader(document, "fault")
    name = reader.text("name")
    scope = reader.take("scope")
    kind = reader.choice("kind", Kind)
    match = Match(
        system=reader.choice("system", System),
        scope=None if scope is None else str(scope),
        method=reader.optional_text("method"),
        path=_pattern(reader.optional_text("path")),
    )
    match = _with_details(match, reader.take("match"))
    times = reader.take("times")
    after = reader.integer("after", 0)
    params = reader.rest()
    unknown = sorted(set(params) - _PARAMS.get(kind, frozenset()))
    missing = sorted(_REQUIRED.get(kind, frozenset()) - set(params))
    if unknown or missing:
        raise AdminError(f"fault {name} ({kind}): unknown key(s) {unknown}, missing key(s) {missing}")
    _check_values(name, kind, params)
    if kind is Kind.ALWAYS_500_FOR and match.customer_number is None:
        raise AdminError(f"fault {name} ({kind}): match.customerNumber must be given")
    return Fault(name, match, kind, params, times if isinstance(times, int) else None, after)


def _check_values(name: str, kind: Kind, params: JsonObject) -> None:
    wrong = sorted(key for key in _NUMERIC & set(params) if not isinstance(params[key], int | float))
    if wrong:
        raise AdminError(f"fault {name} ({kind}): {', '.join(wrong)} must be a number")
    errors = params.get("errors", {})
    if not isinstance(errors, dict) or not all(number.isdigit() for number in errors):
        raise AdminError(f"fault {name} ({kind}): errors must be an object from customer number to messages")


def _pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return None if text is None else re.compile(text)
    except re.error as cause:
        raise AdminError(f"fault: path is not a regular expression: {cause}") from cause


def _with_details(match: Match, document: Json) -> Match:
    reader = Reader(document or {}, "fault match")
    number = reader.take("customerNumber")
    query = reader.take("query")
    contains = reader.optional_text("bodyContains")
    reader.finish()
    return replace(
        match,
        customer_number=number if isinstance(number, int) else None,
        query={key: str(value) for key, value in query.items()} if isinstance(query, dict) else {},
        body_contains=contains,
    )
