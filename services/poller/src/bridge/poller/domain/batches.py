"""Which batches must be read now, and when a read of one is complete.

Pure. `changedAt` is compared with the source's own clock; how long ago a batch was read, with the store's.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

SETTLE: Final = timedelta(minutes=2)
"""How long a batch goes on being read after `changedAt`.

The time is in whole seconds and is stamped before the change is stored, so a read within it may have come too early
for a correction of the same second.
"""


@dataclass(frozen=True, slots=True)
class ListedBatch:
    """A generated batch as the source lists it now; None for what cannot be read there.

    `left`: it is listed no more, and is read once to see whether something was taken out of it as it went.
    """

    number: int
    changed_at: datetime | None
    invoice_count: int | None
    left: bool = False


@dataclass(frozen=True, slots=True)
class KnownBatch:
    """Memory of a batch: its `changedAt` at its last complete read, whether that had settled, when it was read.

    `missing_since`: since when the source lists it no more.
    """

    changed_at: datetime | None
    settled: bool
    read_at: datetime
    missing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class BatchRead:
    """A complete read that is to be remembered."""

    number: int
    changed_at: datetime | None
    settled: bool


def is_due(batch: ListedBatch, known: KnownBatch | None, *, as_of: datetime, reread_every: timedelta) -> bool:
    """Return whether a batch must be read: new, moved, not settled when it was read, or read long ago.

    Args:
        batch: As it is listed now.
        known: Its memory, None if it was never read completely.
        as_of: Now, by the store's clock.
        reread_every: After how long it is read once more although nothing seems to have moved.
    """
    if known is None or known.changed_at != batch.changed_at or not known.settled:
        return True
    return as_of - known.read_at >= reread_every


def is_to_be_read_once_more(known: KnownBatch) -> bool:
    """Return whether a batch has left the list since it was read.

    The last open invoice of a batch may have been taken out of it, and then the batch goes with it.
    """
    return known.missing_since is not None and known.read_at < known.missing_since


def is_settled(batch: ListedBatch, *, server_date: datetime, settle: timedelta) -> bool:
    """Return whether nothing more can come that belongs to this `changedAt`, by the `Date` of the list it was on."""
    return batch.changed_at is not None and server_date - batch.changed_at >= settle


def is_complete(batch: ListedBatch, *, totals: set[int | None], numbers: int) -> bool:
    """Return whether a read saw the whole batch: every page's total, the count listed, and the numbers read agree.

    Of a batch that has left the list no count is listed. An empty one may have been cleared away, so it tells nothing.
    """
    if batch.left:
        return totals == {numbers} and numbers > 0
    return totals == {numbers} and batch.invoice_count == numbers
