"""How far to read: windows, trust in the filter, plausible absences."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.poller.domain.cursor import (
    OVERLAP,
    Cursor,
    FilterMode,
    is_implausible,
    judge_filter,
    next_bound,
    plan,
    probe_is_due,
)

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY = timedelta(days=1)
OSLO = ZoneInfo("Europe/Oslo")


def cursor(
    mode: FilterMode = FilterMode.FILTER,
    *,
    bound: datetime | None = NOON,
    crawled: datetime | None = NOON,
    checked: datetime | None = NOON,
    as_of: datetime = NOON,
) -> Cursor:
    return Cursor(0, mode, checked, bound, crawled, None, as_of)


def test_a_proven_filter_asks_for_changes_since_the_bound() -> None:
    assert plan(cursor(as_of=NOON + timedelta(minutes=1)), crawl_every=DAY).changed_since == NOON


@pytest.mark.parametrize(
    "at",
    [
        cursor(FilterMode.CRAWL),
        cursor(FilterMode.UNPROVEN),
        cursor(bound=None),
        cursor(crawled=None),
        cursor(crawled=NOON - DAY),
    ],
    ids=["filter ignored", "filter unproven", "first poll", "never crawled", "crawl is due"],
)
def test_anything_less_than_a_proven_filter_reads_everything(at: Cursor) -> None:
    assert plan(at, crawl_every=DAY).is_crawl


@given(
    # Around both changes of the Oslo clocks, and all through a year.
    polled=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(  # noqa: DTZ001 (made aware below)
        lambda moment: moment.replace(tzinfo=UTC, microsecond=0)
    ),
    fold=st.integers(0, 1),
)
def test_a_bound_read_as_utc_or_as_oslo_time_starts_before_the_previous_poll(polled: datetime, fold: int) -> None:
    sent = next_bound(polled).replace(tzinfo=None)

    read_as_utc = sent.replace(tzinfo=UTC)
    read_as_oslo = sent.replace(tzinfo=OSLO, fold=fold).astimezone(UTC)

    assert read_as_utc == polled - OVERLAP
    assert read_as_oslo < polled - OVERLAP


def test_a_change_stamped_ten_minutes_before_a_poll_and_committed_after_it_is_in_the_next_window() -> None:
    assert next_bound(NOON) <= NOON - timedelta(minutes=10)


@pytest.mark.parametrize("fold", [0, 1])
def test_the_hour_that_comes_twice_loses_nothing(fold: int) -> None:
    poll = datetime(2026, 10, 25, 0, 45, tzinfo=UTC)  # 02:45 in Oslo, for the first time
    sent = next_bound(poll).replace(tzinfo=None)

    for change in (datetime(2026, 10, 25, 0, 50, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)):
        assert sent.replace(tzinfo=UTC) < change
        assert sent.replace(tzinfo=OSLO, fold=fold).astimezone(UTC) < change


@pytest.mark.parametrize(
    ("rows_exist", "future_rows", "mode"),
    [
        (True, 0, FilterMode.FILTER),
        (True, 1, FilterMode.CRAWL),
        (False, 1, FilterMode.CRAWL),
        (False, 0, FilterMode.UNPROVEN),
    ],
)
def test_a_far_future_bound_proves_the_filter_only_while_rows_exist(
    rows_exist: bool, future_rows: int, mode: FilterMode
) -> None:
    assert judge_filter(rows_exist=rows_exist, future_rows=future_rows) is mode


@pytest.mark.parametrize(
    ("at", "due"),
    [
        (cursor(checked=NOON), False),
        (cursor(checked=NOON - DAY), True),
        (cursor(checked=None), True),
        (cursor(FilterMode.UNPROVEN), True),
    ],
)
def test_the_filter_is_tried_again_from_time_to_time(at: Cursor, due: bool) -> None:
    assert probe_is_due(at, every=DAY) is due


@pytest.mark.parametrize(
    ("missing", "known", "implausible"),
    [(20, 20, False), (21, 20, True), (21, 420, False), (500, 10_000, False), (501, 10_000, True)],
)
def test_more_than_twenty_and_more_than_a_share_missing_is_implausible(
    missing: int, known: int, implausible: bool
) -> None:
    assert is_implausible(missing=missing, known=known, floor=20, share=0.05) is implausible
