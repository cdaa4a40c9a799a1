"""What OC2 holds for one tenant: customers, payment terms, invoice batches, and a ledger of every effect in order.

Owns storage. The ledger is what doubled, lost and out-of-order effects are counted in, so it keeps repeated
identical effects too. It must not know HTTP.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from bridge.simulator.exchange import JsonObject
from bridge.simulator.oc2.batches import Batches
from bridge.simulator.rate import RateWindow

UNLIMITED = 100_000


class Outcome(StrEnum):
    """What one write did."""

    CREATED = "CREATED"
    REPLACED = "REPLACED"
    UNCHANGED = "UNCHANGED"


@dataclass(frozen=True, slots=True)
class Write:
    """One effect on one customer; `how` is put, bulk or, for an edit by hand, admin."""

    seq: int
    at: float
    customer_number: int
    content: JsonObject
    how: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Term:
    """A payment term; `created_at` in epoch seconds."""

    id: int
    name: str
    days: int
    created_at: float

    def as_json(self) -> JsonObject:
        """The term as OC2 writes it."""
        return {"id": self.id, "name": self.name, "days": self.days}


@dataclass(slots=True)
class Tenant:
    """One tenant's OC2."""

    name: str
    api_key: str = field(repr=False)
    rate_limit: int = UNLIMITED
    customers: dict[int, JsonObject] = field(default_factory=dict)
    terms: list[Term] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    term_creates: int = 0
    window: RateWindow = field(default_factory=RateWindow)
    batches: Batches = field(default_factory=Batches)

    def put(self, number: int, content: JsonObject, *, at: float, how: str) -> Outcome:
        """Create or replace the customer; the last write wins, whatever it holds."""
        before = self.customers.get(number)
        outcome = Outcome.UNCHANGED if before == content else Outcome.REPLACED
        if before is None:
            outcome = Outcome.CREATED
        self.customers[number] = content
        self.writes.append(Write(len(self.writes) + 1, at, number, content, how, outcome))
        return outcome

    def term_by_days(self, days: int) -> Term | None:
        """The term with that number of days and the lowest id, None if there is none."""
        same = [term for term in self.terms if term.days == days]
        return min(same, key=lambda term: term.id, default=None)

    def has_term(self, term_id: int) -> bool:
        """Whether a term of this id exists."""
        return any(term.id == term_id for term in self.terms)

    def add_term(self, name: str, days: int, *, at: float, term_id: int | None = None) -> Term:
        """Store a new term under the given or the next free id; does not look for one of equal days."""
        next_id = max((term.id for term in self.terms), default=0) + 1
        term = Term(term_id if term_id is not None else next_id, name, days, at)
        self.terms.append(term)
        return term
