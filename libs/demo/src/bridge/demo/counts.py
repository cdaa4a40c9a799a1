"""What came of one tenant's flow: as the simulators tell it, and as the bridge's own proof tells it.

Owns the counts and their comparison. Knows neither flow's rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

CUSTOMERS: Final = "customers"
INVOICES: Final = "invoices"


@dataclass(frozen=True, slots=True)
class Seen:
    """One tenant's flow as the simulators tell it. Latencies in seconds, from visible at the source to visible at the
    target.

    Attributes:
        discarded: Entities that were taken back before they were sent.
        with_letter: Of those confirmed, the ones that a person must look at, by reason.
        receipts: Entities of which the source holds the receipt that is due.
        receipts_missing: Entities of which it does not.
        wrong: Whatever else must not be, as sentences.
    """

    tenant: str
    flow: str
    changes: int
    entities: int
    confirmed: int
    dead: Mapping[str, int]
    lost: tuple[int, ...]
    doubled: tuple[str, ...]
    out_of_order: tuple[int, ...]
    latencies: tuple[float, ...]
    discarded: int = 0
    with_letter: Mapping[str, int] = field(default_factory=dict)
    receipts: int = 0
    receipts_missing: int = 0
    wrong: tuple[str, ...] = ()

    @property
    def superseded(self) -> int:
        """Changes that a newer one of the same number replaced."""
        return self.changes - self.entities


@dataclass(frozen=True, slots=True)
class Told:
    """One tenant's flow as `bridge proof` tells it."""

    tenant: str
    flow: str
    changes: int
    confirmed: int
    superseded: int
    waiting: int
    in_doubt: int
    dead: Mapping[str, int]
    discarded: int = 0
    with_letter: Mapping[str, int] = field(default_factory=dict)
    receipts_missing: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Words:
    lost: str
    doubled: str
    out_of_order: str


_WORDS: Final[Mapping[str, _Words]] = {
    CUSTOMERS: _Words(
        "OC2 does not hold what the source shows for", "twice at OC2:", "an older content overwrote a newer one of"
    ),
    INVOICES: _Words(
        "Tripletex does not hold what OC2 shows for",
        "more than once at Tripletex:",
        "an older content was sent after OC2 showed a newer one of",
    ),
}


def disagreements(seen: Seen, told: Told) -> tuple[str, ...]:
    """Return each count in which the simulators and the bridge's own proof differ, as a sentence."""
    pairs = {
        "changes": (seen.changes, told.changes),
        "confirmed": (seen.confirmed, told.confirmed),
        "superseded": (seen.superseded, told.superseded),
        "dead": (dict(seen.dead), dict(told.dead)),
        "discarded": (seen.discarded, told.discarded),
        "confirmed with a letter": (dict(seen.with_letter), dict(told.with_letter)),
        "waiting": (0, told.waiting),
        "in doubt": (0, told.in_doubt),
        "receipts still to be given": (seen.receipts_missing, told.receipts_missing),
    }
    found = [
        f"{seen.tenant}, {seen.flow}: {name} is {ours} at the simulators and {theirs} in the proof."
        for name, (ours, theirs) in pairs.items()
        if ours != theirs
    ]
    return (*found, *(f"{seen.tenant}, {seen.flow}: {problem}" for problem in told.problems))


def faults(seen: Seen) -> tuple[str, ...]:
    """Return everything that must not have happened, as sentences."""
    words = _WORDS[seen.flow]
    found: list[str] = []
    if seen.lost:
        found.append(f"{seen.tenant}: {words.lost} {_listed(seen.lost)}.")
    if seen.doubled:
        found.append(f"{seen.tenant}: {words.doubled} {', '.join(seen.doubled)}.")
    if seen.out_of_order:
        found.append(f"{seen.tenant}: {words.out_of_order} {_listed(seen.out_of_order)}.")
    if seen.receipts_missing:
        found.append(f"{seen.tenant}: OC2 was not told what became of {seen.receipts_missing} invoices.")
    return (*found, *(f"{seen.tenant}: {sentence}" for sentence in seen.wrong))


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the value below which `share` of all lie (nearest rank); None if there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:5]))
    return shown if len(numbers) <= 5 else f"{shown} and {len(numbers) - 5} more"
