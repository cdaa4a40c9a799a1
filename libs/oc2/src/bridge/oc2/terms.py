"""OC2's register of payment terms.

Pure. Of several terms with the same number of days the one with the lowest id is meant, on every replica and replay.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PaymentTerm:
    """One entry of the register."""

    id: int
    name: str
    days: int


def read_term(body: object) -> PaymentTerm | None:
    """Read one entry; None if it is not one."""
    if not isinstance(body, Mapping):
        return None
    term_id, name, days = _whole(body.get("id")), body.get("name"), _whole(body.get("days"))
    if term_id is None or days is None or not isinstance(name, str):
        return None
    return PaymentTerm(term_id, name, days)


def chosen_term(terms: Iterable[PaymentTerm], days: int) -> PaymentTerm | None:
    """Return the term to use for that number of days: the one with the lowest id, None if there is none."""
    return min((term for term in terms if term.days == days), key=lambda term: term.id, default=None)


def term_name(days: int) -> str:
    """Return the name given to a term that is created here."""
    return f"{days} dager"


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
