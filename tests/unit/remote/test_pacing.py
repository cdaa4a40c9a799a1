"""Rate windows, pauses and backoff."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.remote.pacing import (
    POLLER_SHARE,
    PUBLISHER_SHARE,
    RateReading,
    RateWindow,
    backoff,
    http_date,
    read_rate,
    read_retry_after,
)

_WINDOW = 10.0


def _reading(limit: int, remaining: int, reset: int) -> RateReading:
    return RateReading(limit, remaining, reset)


def test_nothing_is_held_back_before_the_first_answer() -> None:
    assert RateWindow(0.3).delay(5.0) == 0.0


def test_the_share_of_the_limit_is_kept_and_the_rest_waits_for_the_next_window() -> None:
    window = RateWindow(0.3).begin(0.0).answered(_reading(10, 9, 7), 0.0)
    assert window.delay(0.5) == 0.0

    window = window.begin(0.5).answered(_reading(10, 8, 7), 0.6).begin(0.7).answered(_reading(10, 7, 7), 0.8)

    assert window.delay(1.0) == pytest.approx(7.0, abs=0.81)
    assert window.delay(8.1) == 0.0


def test_an_empty_window_holds_back_whatever_the_own_share() -> None:
    window = RateWindow(0.7).begin(0.0).answered(_reading(100, 0, 4), 0.0)

    assert window.delay(1.0) == pytest.approx(4.0)


def test_calls_on_their_way_count_against_what_remains() -> None:
    window = RateWindow(0.5).begin(0.0).answered(_reading(100, 4, 9), 0.0).begin(0.1).begin(0.1)

    assert window.delay(0.2) > 0


def test_an_answer_that_was_overtaken_does_not_give_back_what_is_used() -> None:
    window = RateWindow(1.0).begin(0.0).begin(0.0).answered(_reading(3, 0, 5), 0.1).answered(_reading(3, 2, 5), 0.2)

    assert window.delay(0.3) > 0


def test_a_429_without_any_header_pauses_for_about_ten_seconds() -> None:
    window = RateWindow(0.3).begin(0.0).refused({}, 0.0, random.Random(1))

    assert 10.0 <= window.delay(0.0) <= 13.0


def test_a_429_without_a_reset_header_waits_for_the_end_an_earlier_answer_named() -> None:
    window = RateWindow(0.3).begin(0.0).answered(_reading(100, 50, 3), 0.0).begin(0.0)

    assert 4.0 <= window.refused({}, 0.0, random.Random(1)).delay(0.0) <= 5.2


@pytest.mark.parametrize(
    ("headers", "least"),
    [({"retry-after": "60"}, 60.0), ({"x-rate-limit-reset": "5"}, 6.0)],
    ids=["retry-after", "reset"],
)
def test_a_429_waits_as_long_as_its_headers_say(headers: dict[str, str], least: float) -> None:
    pause = RateWindow(0.3).begin(0.0).refused(headers, 0.0, random.Random(1)).delay(0.0)

    assert least <= pause <= least * 1.3


def test_a_shorter_pause_never_shortens_a_longer_one() -> None:
    window = RateWindow(0.3).refused({"retry-after": "600"}, 0.0, random.Random(1))

    assert window.refused({"retry-after": "1"}, 1.0, random.Random(1)).delay(1.0) >= 599


@pytest.mark.parametrize("text", ["", "-1", "1.5", "many", "٣", "9" * 5000], ids=range(6))
def test_rate_headers_that_make_no_sense_are_absent(text: str) -> None:
    assert read_rate({"x-rate-limit-remaining": text}) == RateReading(None, None, None)


@dataclass
class _Host:
    """A host that counts in windows aligned to its clock, as Tripletex does."""

    limit: int
    offset: float
    counts: dict[int, list[str]] = field(default_factory=dict)

    def call(self, who: str, now: float) -> RateReading | None:
        number = int((now + self.offset) // _WINDOW)
        calls = self.counts.setdefault(number, [])
        calls.append(who)
        left = (number + 1) * _WINDOW - (now + self.offset)
        remaining = self.limit - len(calls)
        return RateReading(self.limit, remaining, int(left)) if remaining >= 0 else None


def _moments(gaps: list[float]) -> Iterator[float]:
    now = 0.0
    for gap in gaps:
        now += gap
        yield now


@given(
    limit=st.integers(4, 60),
    offset=st.floats(0, 9.99),
    share=st.sampled_from([POLLER_SHARE, PUBLISHER_SHARE]),
    gaps=st.lists(st.floats(0, 0.4), min_size=10, max_size=150),
)
def test_no_window_sees_more_than_the_share(limit: int, offset: float, share: float, gaps: list[float]) -> None:
    host, window = _Host(limit, offset), RateWindow(share)

    for now in _moments(gaps):
        if window.delay(now) == 0:
            reading = host.call("me", now)
            assert reading is not None
            window = window.begin(now).answered(reading, now)

    assert all(len(calls) <= max(1, int(share * limit)) for calls in host.counts.values())


@given(
    limit=st.integers(4, 60),
    offset=st.floats(0, 9.99),
    turns=st.lists(st.tuples(st.floats(0, 0.4), st.booleans()), min_size=10, max_size=200),
)
def test_poller_and_publisher_never_exhaust_the_window_between_them(
    limit: int, offset: float, turns: list[tuple[float, bool]]
) -> None:
    host = _Host(limit, offset)
    windows = {True: RateWindow(POLLER_SHARE), False: RateWindow(PUBLISHER_SHARE)}

    for now, (_, poller) in zip(_moments([gap for gap, _ in turns]), turns, strict=True):
        if windows[poller].delay(now) == 0:
            reading = host.call("poller" if poller else "publisher", now)
            assert reading is not None, "the host would have answered 429"
            windows[poller] = windows[poller].begin(now).answered(reading, now)


@given(gaps=st.lists(st.floats(0, 3), min_size=30, max_size=60), limit=st.integers(4, 60))
def test_the_wait_always_ends(gaps: list[float], limit: int) -> None:
    host, window = _Host(limit, 0.0), RateWindow(POLLER_SHARE)

    for now in _moments(gaps):
        later = now + window.delay(now)
        assert later <= now + _WINDOW + 2
        assert window.delay(later + 1e-6) == 0
        if window.delay(now) == 0:
            reading = host.call("me", now)
            assert reading is not None
            window = window.begin(now).answered(reading, now)


@given(attempt=st.integers(1, 10_000), seed=st.integers())
def test_backoff_stays_between_half_and_whole_of_the_doubling_step(attempt: int, seed: int) -> None:
    base, cap = timedelta(seconds=1), timedelta(minutes=10)

    pause = backoff(attempt, random.Random(seed), base=base, cap=cap)

    whole = min(cap, base * 2 ** min(attempt - 1, 20))
    assert whole / 2 <= pause <= whole


def test_backoff_counts_from_one() -> None:
    with pytest.raises(ValueError, match="from 1"):
        backoff(0, random.Random(1), base=timedelta(seconds=1), cap=timedelta(seconds=2))


@pytest.mark.parametrize(
    "date", ["Mon, 01 Jan 2026 00:00:00 -99999999999999999999", "Fri, 31 Dec 9999 23:59:59 -1400", "-9" * 40]
)
def test_a_date_outside_of_the_calendar_is_no_date(date: str) -> None:
    assert http_date(date) is None
    assert read_retry_after({"retry-after": date, "date": date}) is None
