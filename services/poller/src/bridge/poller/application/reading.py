"""One poll of a tenant's customers, as it stands between two turns.

Pure bookkeeping: which list, which page, what was seen, what is missing. Makes no call and moves no cursor.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from bridge.contracts.identity import SourceId
from bridge.poller.application.ports import Page
from bridge.poller.domain.cursor import ReadPlan
from bridge.poller.domain.memory import Sight
from bridge.poller.domain.numbers import id_order

MAX_RESTARTS: Final = 5
"""How often one list may shift under the read before the poll ends early."""


@dataclass(slots=True)
class ListRead:
    """One list (active or inactive rows), read page by page; pages overlap by one row."""

    inactive: bool
    offset: int = 0
    border: SourceId | None = None
    seen: set[SourceId] = field(default_factory=set)
    restarts: int = 0
    done: bool = False

    def take(self, page: Page, *, asked: int) -> bool:
        """Take in a page; False if the list has shifted, so that it begins anew.

        Each page but the first begins with the row that the page before ended with. If it does not, rows came or
        went meanwhile and one may have slipped through between the pages.
        """
        if self.offset and (page.rows == 0 or page.first != self.border):
            self.offset, self.border, self.restarts = 0, None, self.restarts + 1
            self.seen.clear()
            return False
        self.seen.update(sight.source_id for sight in page.sights)
        self.done = page.rows < asked
        self.offset += asked - 1
        self.border = page.last
        return True


@dataclass(slots=True)
class Reading:
    """A poll in progress. `missing` is None until the lists are read to their ends.

    `alone` collects rows read by id for the look at hand, so that a pause asked for by the source loses none of them.
    """

    plan: ReadPlan
    epoch: int
    began_at: float
    lists: tuple[ListRead, ListRead] = field(default_factory=lambda: (ListRead(False), ListRead(True)))
    first_date: datetime | None = None
    pending: tuple[Page, str] | None = None
    """A page that was read and not yet observed, with the traceparent of its span."""
    alone: dict[SourceId, Sight] = field(default_factory=dict)
    missing: list[SourceId] | None = None
    held_back: int | None = None

    @property
    def current(self) -> ListRead | None:
        """The list to read on, None when both are read."""
        return next((each for each in self.lists if not each.done), None)

    @property
    def seen(self) -> set[SourceId]:
        """Every row seen in the lists as they were last read."""
        return self.lists[0].seen | self.lists[1].seen

    def find_missing(self, standing: Iterable[SourceId]) -> list[SourceId]:
        """Return the rows that should be there and were not seen, in order of their ids.

        Rows without a readable id are left out: nobody can ask for them.
        """
        absent = set(standing) - self.seen
        return sorted((key for key in absent if key.isascii() and key.isdigit()), key=id_order)
