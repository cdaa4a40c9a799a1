"""What the flows differ in when rows are compared: who holds a number, and what is said about it.

`change.decide` is the one rule of the door; it asks these rules and knows neither customers nor invoices.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

from bridge.contracts.envelope import EventType
from bridge.contracts.identity import EntityNumber, SourceId
from bridge.poller.domain.memory import Because, Content, Entity, Event, Record


class ClaimRules(Protocol):
    """The rules of one flow; pure.

    Attributes:
        changed, unreadable, withdrawn: Types of the flow's events.
        rows_stand_alone: Whether a row can be read by its id. Then a row in the way of a decision is read alone before
            anything is decided, and rows that wait keep their content, since their turn comes without another read.
        rank_is_of_content: Whether a row's time moves with its content only, since it says which of several rows of
            one number is the newest.
        told_anew_by_holder: Whether another holder is news although the content is the same.
    """

    changed: EventType
    unreadable: EventType
    withdrawn: EventType
    rows_stand_alone: bool
    rank_is_of_content: bool
    told_anew_by_holder: bool

    def choose_holder(
        self, entity: Entity | None, claimants: Sequence[Record], former: Record | None, fresh: Collection[SourceId]
    ) -> SourceId | None:
        """Return the row that holds a number, None if nobody does, which withdraws it.

        Args:
            entity: The number's memory, None if it was never heard of.
            claimants: The rows that ask for it after this look.
            former: The row that held it so far as it is now, None if nothing is remembered of it.
            fresh: The rows that are new, or whose content changed, in this look.
        """
        ...

    def withdraw(self, entity: Entity, former: Record | None) -> tuple[Because, Content]:
        """Return why nobody holds the number any more, and the body that says so."""
        ...

    def left_by(self, entity: Entity) -> SourceId | None:
        """Return what is remembered as the holder of a withdrawn number."""
        ...

    def waiting_letter(self, record: Record, content: Content, holder: SourceId) -> Event | None:
        """Return the letter about a row that begins to wait for a number, None if it needs none."""
        ...


def number_order(number: EntityNumber) -> tuple[int, str]:
    """Order numbers as numbers, without reading them as such."""
    return (len(number), number)
