"""The proof's arithmetic: every change told is somewhere, and the sums say so.

Owns what must hold between the counts of one tenant and flow. Knows no database.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FlowCounts:
    """What one tenant's flow comes to, all counted at one moment.

    `emitted` is the cursor's own count of changes, `changes` the sum of the entities' change numbers; the two are kept
    apart by different writes. From `in_flight` to `discarded` each source entity is counted once. The last three are
    deliveries that cannot be explained, and must be 0.
    """

    tenant: str
    flow: str
    emitted: int
    changes: int
    entities: int
    in_flight: int = 0
    """Told, and not yet taken in by the publisher in its newest version."""
    waiting: int = 0
    in_doubt: int = 0
    confirmed: int = 0
    dead: int = 0
    discarded: int = 0
    dead_by_reason: Mapping[str, int] = field(default_factory=dict)
    discarded_by_reason: Mapping[str, int] = field(default_factory=dict)
    confirmed_with_letter: Mapping[str, int] = field(default_factory=dict)
    """Of those confirmed, the ones that a person must look at, by reason."""
    diverged: int = 0
    """Invoices at the target with other amounts than their lines make."""
    receipts_outstanding: int = 0
    """Invoices of which the source is still to be told something."""
    letters_without_entity: int = 0
    outbox: int = 0
    """Changes that the poller's relay has not yet published."""
    strays: int = 0
    """Deliveries of entities that the poller never told of."""
    ahead: int = 0
    """Deliveries whose change number is above the poller's."""
    confirmed_other: int = 0
    """Deliveries that are confirmed in another version than the one wanted, and newer than it for an invoice."""

    @property
    def superseded(self) -> int:
        """Changes that a newer one of the same entity replaced."""
        return self.changes - self.entities

    @property
    def quiet(self) -> bool:
        """Whether nothing is on its way any more."""
        return self.in_flight == self.waiting == self.in_doubt == self.outbox == self.receipts_outstanding == 0

    @property
    def problems(self) -> tuple[str, ...]:
        """Every sum that does not match, as a sentence; empty when the proof holds."""
        return tuple(_problems(self))


def _problems(counts: FlowCounts) -> Iterator[str]:
    if counts.emitted != counts.changes:
        yield f"The cursor counted {counts.emitted} changes, the entities' change numbers add up to {counts.changes}."
    located = counts.in_flight + counts.waiting + counts.in_doubt + counts.confirmed + counts.dead + counts.discarded
    if located != counts.entities:
        yield f"{counts.entities} entities were told, {located} are accounted for."
    if counts.superseded < 0:
        yield f"{counts.entities} entities were told by only {counts.changes} changes."
    if counts.dead != sum(counts.dead_by_reason.values()):
        yield f"{counts.dead} deliveries are dead, {sum(counts.dead_by_reason.values())} of them with a reason."
    if counts.discarded != sum(counts.discarded_by_reason.values()):
        reasoned = sum(counts.discarded_by_reason.values())
        yield f"{counts.discarded} deliveries are discarded, {reasoned} of them with a reason."
    if counts.strays:
        yield f"{counts.strays} deliveries belong to entities that the poller never told of."
    if counts.ahead:
        yield f"{counts.ahead} deliveries are ahead of the poller; was a database restored?"
    if counts.confirmed_other:
        yield f"{counts.confirmed_other} deliveries are confirmed in another version than the one wanted."
