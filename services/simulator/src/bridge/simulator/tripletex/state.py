"""What one simulated Tripletex company holds: settings, sessions, books, customers and every state they have had.

Owns storage and versions: each edit is a new immutable snapshot, so that "the list as it was three changes
ago" and "every content the source ever showed" can be answered. It must not know HTTP or validation.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from bridge.simulator.clock import OSLO
from bridge.simulator.exchange import Json, JsonObject
from bridge.simulator.rate import RateWindow
from bridge.simulator.tripletex.books import Books, InvoiceRules

UNLIMITED = 100_000
_ids = itertools.count(93_640_001)


class SessionStyle(StrEnum):
    """What the session tokens look like; a client must not care."""

    LETTERS = "letters"
    TEST_PREFIX = "test_prefix"
    BASE64 = "base64"
    LONG = "long"
    COLON = "colon"


class ChangedSinceMode(StrEnum):
    """What `changedSince` does. Which of these Tripletex does is not published."""

    WORKS = "works"
    IGNORED = "ignored"
    INCLUSIVE = "inclusive"
    EXCLUSIVE = "exclusive"
    LOCAL = "local"
    LOCAL_EXCLUSIVE = "local_exclusive"


class FullResultMode(StrEnum):
    """What `fullResultSize` says; it has meant different things over time."""

    PLUS_ONE = "plus_one"
    TRUE_TOTAL = "true_total"
    ZERO = "zero"


@dataclass(frozen=True, slots=True)
class Settings:
    """How one company behaves; set through the admin door."""

    name: str
    consumer_token: str = field(repr=False)
    employee_token: str = field(repr=False)
    session_style: SessionStyle = SessionStyle.LETTERS
    changed_since_mode: ChangedSinceMode = ChangedSinceMode.WORKS
    full_result_mode: FullResultMode = FullResultMode.PLUS_ONE
    rate_limit: int = UNLIMITED
    single_session: bool = False
    language: str = "no"
    rules: InvoiceRules = field(default_factory=InvoiceRules)


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of a customer's `changes`."""

    employee_id: int
    timestamp: str
    change_type: str

    def as_json(self) -> JsonObject:
        """The entry as Tripletex writes it."""
        return {
            "employeeId": self.employee_id,
            "timestamp": self.timestamp,
            "changeType": self.change_type,
        }


@dataclass(frozen=True, slots=True)
class Customer:
    """One state of one customer.

    `content` holds every field but id, version, url, changes and displayName; objects in full. `extra`
    holds fields of a future release, shown whatever `fields` asks for.
    """

    id: int
    version: int
    content: Mapping[str, Json]
    changes: tuple[Change, ...]
    extra: Mapping[str, Json] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """The customer number; 0 for a party that is only a supplier."""
        value = self.content.get("customerNumber")
        return value if isinstance(value, int) else 0

    def graph(self) -> JsonObject:
        """The customer with all its objects, ready to be cut down by a selection."""
        name = self.content.get("name")
        return {
            **self.content,
            "id": self.id,
            "version": self.version,
            "displayName": f"{name} ({self.number})" if self.number else name,
            "changes": [change.as_json() for change in self.changes],
        }

    def last_changed(self) -> datetime | None:
        """The newest timestamp of `changes`, None if there is none."""
        stamps = [datetime.fromisoformat(change.timestamp) for change in self.changes]
        return max((stamp.replace(tzinfo=stamp.tzinfo or OSLO) for stamp in stamps), default=None)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One entry of the history: what the source showed from epoch second `at` on."""

    seq: int
    at: float
    customer: Customer
    deleted: bool


@dataclass(frozen=True, slots=True)
class Session:
    """A session; it dies at Norwegian midnight at the start of `expires_on`."""

    token: str = field(repr=False)
    employee_token: str = field(repr=False)
    expires_on: date


@dataclass(slots=True)
class Company:
    """One company and its history."""

    id: int
    settings: Settings
    customers: dict[int, Customer] = field(default_factory=dict)
    history: list[Snapshot] = field(default_factory=list)
    sessions: dict[str, Session] = field(default_factory=dict, repr=False)
    sessions_created: int = 0
    revoked: set[str] = field(default_factory=set, repr=False)
    windows: dict[str, RateWindow] = field(default_factory=dict, repr=False)
    highest_number: int = 10_000
    books: Books = field(default_factory=Books)

    @property
    def employee_id(self) -> int:
        """The id of the employee whose token is used."""
        return self.id * 10 + 1

    def store(self, customer: Customer, *, at: float) -> Customer:
        """Make this the customer's newest state."""
        self.customers[customer.id] = customer
        self.highest_number = max(self.highest_number, customer.number)
        self._remember(customer, at=at, deleted=False)
        return customer

    def remove(self, customer_id: int, *, at: float) -> bool:
        """Delete the customer without a trace in the list; False if there is none."""
        customer = self.customers.pop(customer_id, None)
        if customer is None:
            return False
        self._remember(customer, at=at, deleted=True)
        return True

    def _remember(self, customer: Customer, *, at: float, deleted: bool) -> None:
        self.history.append(Snapshot(len(self.history) + 1, at, customer, deleted))

    def as_of(self, *, changes_ago: int) -> dict[int, Customer]:
        """The customers as they were before the last `changes_ago` changes."""
        return _replay(self.history[: max(0, len(self.history) - changes_ago)])

    def before_last_edit(self, numbers: frozenset[int]) -> dict[int, Customer]:
        """The customers with those numbers as they were before their own last edit, the rest as now."""
        rows = dict(self.customers)
        for customer in self.customers.values():
            if customer.number in numbers:
                states = [entry.customer for entry in self.history if entry.customer.id == customer.id]
                if len(states) > 1:
                    rows[customer.id] = states[-2]
                else:
                    del rows[customer.id]
        return rows

    def next_number(self) -> int:
        """The next number of the automatic series, which starts at 10001."""
        return self.highest_number + 1

    def window(self, employee_token: str) -> RateWindow:
        """The rate window of one employee token."""
        return self.windows.setdefault(employee_token, RateWindow())


def _replay(entries: list[Snapshot]) -> dict[int, Customer]:
    rows: dict[int, Customer] = {}
    for entry in entries:
        if entry.deleted:
            rows.pop(entry.customer.id, None)
        else:
            rows[entry.customer.id] = entry.customer
    return rows


def new_id() -> int:
    """An object id that no company of this process has used; ids are global at Tripletex."""
    return next(_ids)


def oslo_timestamp(moment: datetime) -> str:
    """A `changes` timestamp: the Oslo offset, second precision."""
    return moment.astimezone(OSLO).isoformat(timespec="seconds")


def numbered(customers: Iterator[Customer] | list[Customer], number: int) -> list[Customer]:
    """Those of the customers that carry the number; a number may be used twice."""
    return [customer for customer in customers if customer.number == number]
