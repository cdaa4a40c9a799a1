"""How far a source has been read, and what the next poll must ask for.

Owns the window arithmetic and the trust in the source's filter. Every instant comes from the source's own clock
(its `Date` header) or is handed in; knows no clock of ours.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

OVERLAP: Final = timedelta(minutes=15)
"""How far each window reaches back over the one before.

It covers changes that were stamped before but committed after our read, coarse seconds, and a filter that excludes
its bound. It need not cover a server that takes our zone-less UTC value for Oslo time: Oslo is ahead of UTC all
year, so such a server starts one or two hours earlier than asked, on both sides of a change of the clocks too.
"""
FAR_FUTURE: Final = datetime(2099, 1, 1, tzinfo=UTC)
"""No row can have changed after this, so a filter that works lets nothing through."""


class FilterMode(StrEnum):
    """What is known about the source's `changedSince`."""

    UNPROVEN = "unproven"
    FILTER = "filter"
    """A value in the far future returned nothing while rows exist: polls may ask for changes only."""
    CRAWL = "crawl"
    """A value in the far future returned rows: the filter is ignored, so every poll reads everything."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the reading of one tenant and flow stands."""

    era: int
    mode: FilterMode
    mode_checked_at: datetime | None
    changed_since_bound: datetime | None
    last_crawl_at: datetime | None
    missing_held: int | None
    """Rows that were missing when the gate `too_many_missing` closed; None while nothing is held back."""
    as_of: datetime
    """When this was read, by the store's clock: the one that `last_crawl_at` and `mode_checked_at` are taken from."""


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """What one poll asks for: changes since an instant, or everything, where absences are looked into too."""

    changed_since: datetime | None

    @property
    def is_crawl(self) -> bool:
        """Whether every row is read, so that a row not seen is absent."""
        return self.changed_since is None


def plan(cursor: Cursor, *, crawl_every: timedelta, forgotten: bool = False) -> ReadPlan:
    """Return a read of changes where the filter is proven and the last crawl recent, else a crawl.

    `forgotten` says that the last word on some number was forgotten on purpose: only a crawl surely sees it again.
    """
    trusted = cursor.mode is FilterMode.FILTER and cursor.changed_since_bound is not None
    crawled = cursor.last_crawl_at is not None and cursor.as_of - cursor.last_crawl_at < crawl_every
    return ReadPlan(cursor.changed_since_bound if trusted and crawled and not forgotten else None)


def next_bound(first_page_date: datetime) -> datetime:
    """Return the bound for the next poll from the server's `Date` of this poll's first page."""
    return first_page_date - OVERLAP


def probe_is_due(cursor: Cursor, *, every: timedelta) -> bool:
    """Return whether the filter must be tried again."""
    if cursor.mode is FilterMode.UNPROVEN or cursor.mode_checked_at is None:
        return True
    return cursor.as_of - cursor.mode_checked_at >= every


def judge_filter(*, rows_exist: bool, future_rows: int) -> FilterMode:
    """Say what an answer to a far-future bound proves: nothing at all while the source has no rows."""
    if future_rows:
        return FilterMode.CRAWL
    return FilterMode.FILTER if rows_exist else FilterMode.UNPROVEN


def is_implausible(*, missing: int, known: int, floor: int, share: float) -> bool:
    """Return whether so many rows are missing that a fault of the read is likelier than their deletion."""
    return missing > max(floor, known * share)
