"""Switchable misbehaviour: which fault meets which request, and how often.

Owns the rules and their counters. What a kind does is in `misbehaviour`; this module must not know either
system.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.simulator.exchange import Json, JsonObject, Request


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
    STORED_ALTHOUGH = "stored_although"
    ORDER_LEFT = "order_left"

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
WITH_EFFECT = frozenset(
    {
        Kind.ANSWER_LOST,
        Kind.EFFECT_AFTER,
        Kind.HALF_ANSWER,
        Kind.MALFORMED_2XX,
        Kind.STORED_ALTHOUGH,
        Kind.ORDER_LEFT,
    }
)
ENDINGS = NO_EFFECT | WITH_EFFECT


class Then(StrEnum):
    """What the caller is told after an effect that it should not count on."""

    STATUS_422 = "422"
    STATUS_500 = "500"
    HTML500 = "html500"
    PSEUDO_JSON500 = "pseudo_json500"
    LOST = "lost"
    DONE = "done"


Numbers = Callable[[], frozenset[int]]


def no_numbers() -> frozenset[int]:
    """For a request that names none."""
    return frozenset()


@dataclass(frozen=True, slots=True)
class Match:
    """Which requests a fault meets; None means any.

    `path` is searched for in the path after the system's base URL. A customer or invoice number matches if
    the request names it in path, query or body; of a list, if the list contains it.
    """

    system: System
    scope: str | None = None
    method: str | None = None
    path: re.Pattern[str] | None = None
    customer_number: int | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    body_contains: str | None = None
    invoice_number: int | None = None

    def meets(
        self,
        system: System,
        scope: str | None,
        request: Request,
        numbers: Numbers,
        invoice_numbers: Numbers = no_numbers,
    ) -> bool:
        """Whether the request is one of them; numbers are asked for only if they matter."""
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
        if self.invoice_number is not None and self.invoice_number not in invoice_numbers():
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

    def plan(
        self,
        system: System,
        scope: str | None,
        request: Request,
        numbers: Numbers,
        invoice_numbers: Numbers = no_numbers,
    ) -> Plan:
        """What happens to this request; only the first ending acts, later ones are not counted."""
        acting: list[Fault] = []
        ending: Fault | None = None
        for fault in self.by_name.values():
            if fault.kind in ENDINGS and ending is not None:
                continue
            if not fault.concerns_page(request):
                continue
            if not fault.match.meets(system, scope, request, numbers, invoice_numbers) or not fault.due():
                continue
            acting.append(fault)
            if fault.kind in ENDINGS:
                ending = fault
        return Plan(tuple(acting), ending)


def page_index(request: Request) -> int:
    """Which page of a read this is, from 0, by `from` and `count` or `offset` and `limit`; pages may overlap."""
    by_offset = "offset" in request.query or "limit" in request.query
    names, default = (("offset", "limit"), 200) if by_offset else (("from", "count"), 1000)
    try:
        start, count = int(request.param(names[0]) or 0), int(request.param(names[1]) or default)
    except ValueError:
        return 0
    return math.ceil(start / count) if count > 0 else 0


def number_param(params: Mapping[str, Json], name: str, default: float) -> float:
    """A numeric parameter of a fault."""
    value = params.get(name)
    return float(value) if isinstance(value, int | float) else default
