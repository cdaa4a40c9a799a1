"""One poll of a tenant's batches, as it stands between two turns.

Pure bookkeeping: which page of the list, which batch, which page of it, what was seen. Makes no call.
"""

from dataclasses import dataclass, field
from datetime import datetime

from bridge.contracts.identity import SourceId
from bridge.poller.application.ports import InvoicePage
from bridge.poller.domain.batches import ListedBatch, is_complete
from bridge.poller.domain.memory import Seen


@dataclass(slots=True)
class BatchRows:
    """One batch, read page by page; pages overlap by one row.

    A page that does not begin with the row the page before ended with shows that rows came or went meanwhile: the read
    is torn. What it shows is still taken in, and the batch is read again at the next poll.
    """

    batch: ListedBatch
    offset: int = 0
    done: bool = False
    torn: bool = False
    _border: SourceId | None = None
    _totals: set[int | None] = field(default_factory=set)
    _seen: set[SourceId] = field(default_factory=set)
    _numbers: set[str] = field(default_factory=set)

    def take(self, page: InvoicePage, *, asked: int) -> list[Seen]:
        """Take in a page and return the rows that this read had not shown before.

        Of two rows of one number the first counts, so that two rows that differ do not take turns for ever.
        """
        ids = [sight.source_id for sight in page.sights]
        self.torn |= self.offset > 0 and (not ids or ids[0] != self._border)
        self._totals.add(page.total)
        new = {sight.source_id: sight for sight in reversed(page.sights) if sight.source_id not in self._seen}
        self._seen |= new.keys()
        self._numbers |= {sight.number for sight in new.values() if sight.number is not None}
        # A far side that shows the same page for every offset must not keep us here.
        self.done = len(ids) < asked or not new
        self.offset += asked - 1
        self._border = ids[-1] if ids else None
        return [sight for sight in page.sights if new.get(sight.source_id) is sight]

    @property
    def complete(self) -> bool:
        """Whether the whole batch was seen, so that a row not seen is not in it."""
        return self.done and not self.torn and is_complete(self.batch, totals=self._totals, numbers=len(self._numbers))

    @property
    def numbers(self) -> int:
        """How many invoice numbers were read."""
        return len(self._numbers)

    def missing(self, standing: set[SourceId]) -> list[SourceId]:
        """Return the rows that should be there and were not seen."""
        return sorted(standing - self._seen)


@dataclass(slots=True)
class BatchPolling:
    """A poll in progress: first the list, then each batch that is due.

    `queue` is None until the list is read to its end. `unread` holds the errors of batches that could not be read.
    """

    epoch: int
    began_at: float
    after: int = 0
    first_date: datetime | None = None
    listed: dict[int, ListedBatch] = field(default_factory=dict)
    queue: list[ListedBatch] | None = None
    current: BatchRows | None = None
    read: int = 0
    unread: list[str] = field(default_factory=list)
    unread_in_a_row: int = 0
