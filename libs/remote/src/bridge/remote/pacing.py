"""When to call next: the rate window that a host announces, pauses it asks for, backoff.

Pure: time comes in as boot seconds, chance as a seeded generator. Must not know who calls, or wait for anything.
"""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, Self

POLLER_SHARE: Final = 0.3
PUBLISHER_SHARE: Final = 0.7
"""Poller and publisher use the same employee's window at Tripletex without knowing of each other."""

DEFAULT_PAUSE: Final = timedelta(seconds=10)
"""Length of the windows seen at Tripletex, whose 429 carries no reset header."""
MAX_PAUSE: Final = timedelta(hours=24)
_JITTER: Final = 0.3
_HEADER_STEP: Final = 1.0
"""The reset header counts whole seconds, so a window may last almost this much longer than it says."""


@dataclass(frozen=True, slots=True)
class RateReading:
    """The rate headers of one answer; None where a header is missing or makes no sense. `reset` is in seconds."""

    limit: int | None
    remaining: int | None
    reset: int | None


def read_rate(headers: Mapping[str, str]) -> RateReading:
    """Read Tripletex's `X-Rate-Limit-*` headers (names in lower case)."""
    return RateReading(
        _count(headers.get("x-rate-limit-limit")),
        _count(headers.get("x-rate-limit-remaining")),
        _count(headers.get("x-rate-limit-reset")),
    )


def read_retry_after(headers: Mapping[str, str], *, cap: timedelta = MAX_PAUSE) -> timedelta | None:
    """Return the pause that `Retry-After` asks for, at most `cap`; None if it is missing, not positive or nonsense.

    A date counts from the answer's own `Date`, so that no clock of ours decides; without one it says nothing.
    """
    text = headers.get("retry-after", "").strip()
    seconds = _count(text)
    if seconds is not None:
        return timedelta(seconds=min(seconds, cap.total_seconds())) if seconds else None
    until, since = http_date(text), http_date(headers.get("date", ""))
    if until is None or since is None or until <= since:
        return None
    return min(until - since, cap)


def http_date(text: str) -> datetime | None:
    """Read an HTTP date as UTC; None if it is not one."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None


def backoff(attempt: int, rng: random.Random, *, base: timedelta, cap: timedelta) -> timedelta:
    """Return the pause before the next try after `attempt` failed ones (1 or more).

    Doubles from `base` up to `cap`; half of it is chance, so that what failed together does not return together.
    """
    if attempt < 1:
        raise ValueError("backoff counts attempts from 1")
    seconds = min(cap.total_seconds(), base.total_seconds() * 2 ** min(attempt - 1, 60))
    return timedelta(seconds=seconds * (0.5 + rng.random() / 2))


@dataclass(frozen=True, slots=True)
class RateWindow:
    """One caller's view of a host's fixed window; each event returns the next view.

    In a window this caller begins at most `share` of the limit, and never has more on its way than its share of what
    the newest answer said remains. Callers whose shares add up to 1 therefore leave each other room without knowing of
    each other. Until the first answer nothing is known and nothing is held back. All times are boot seconds.
    """

    share: float
    limit: int | None = None
    remaining: int | None = None
    ends_at: float = 0.0
    begun: int = 0
    begun_late: int = 0
    unanswered: int = 0
    blocked_until: float = 0.0

    def delay(self, now: float) -> float:
        """Return the seconds until the next call may begin; 0 if it may now."""
        if now < self.blocked_until:
            return self.blocked_until - now
        current = self._at(now)
        return 0.0 if current.limit is None or current._free(current.limit) > 0 else current.ends_at - now

    def begin(self, now: float) -> Self:
        """Count a call that begins now."""
        current = self._at(now)
        # The header counts whole seconds, so calls of the last one may fall into the host's next window.
        late = current.limit is not None and now >= current.ends_at - _HEADER_STEP
        return replace(
            current,
            begun=current.begun + 1,
            begun_late=current.begun_late + late,
            unanswered=current.unanswered + 1,
        )

    def answered(self, reading: RateReading, now: float) -> Self:
        """Take in the headers of an answer that arrived now."""
        current = self.lost(now)
        if reading.limit is None or reading.remaining is None or reading.reset is None:
            return current
        ends_at = now + reading.reset + _HEADER_STEP
        if current.remaining is None:
            return replace(current, limit=reading.limit, remaining=reading.remaining, ends_at=ends_at)
        # Answers of one window may overtake each other: the lowest figure is the newest.
        return replace(
            current,
            limit=reading.limit,
            remaining=min(current.remaining, reading.remaining),
            ends_at=min(current.ends_at, ends_at),
        )

    def refused(self, headers: Mapping[str, str], now: float, rng: random.Random) -> Self:
        """Take in a 429: pause until the end that the host or an earlier answer named, else for about 10 s."""
        pause = self._pause(headers, now) * (1 + _JITTER * rng.random())
        return replace(self.lost(now), blocked_until=max(self.blocked_until, now + pause))

    def lost(self, now: float) -> Self:
        """Take in a call that ended without headers."""
        current = self._at(now)
        return replace(current, unanswered=max(0, current.unanswered - 1))

    def _pause(self, headers: Mapping[str, str], now: float) -> float:
        stated, reset = read_retry_after(headers), read_rate(headers).reset
        if stated is not None:
            return stated.total_seconds()
        if reset is not None:
            return reset + _HEADER_STEP
        if self.limit is not None and now < self.ends_at:
            return self.ends_at - now
        return DEFAULT_PAUSE.total_seconds()

    def _free(self, limit: int) -> int:
        by_share = max(1, math.floor(self.share * limit)) - self.begun
        if self.remaining is None:
            return by_share
        allowed = max(1, math.floor(self.share * self.remaining)) if self.remaining > 0 else 0
        return min(by_share, allowed - self.unanswered)

    def _at(self, now: float) -> Self:
        """Return this view while its window lasts, else one for the next window, whose end its first answer tells."""
        if self.limit is None or now < self.ends_at:
            return self
        return replace(
            self,
            remaining=None,
            ends_at=now + DEFAULT_PAUSE.total_seconds(),
            begun=max(self.unanswered, self.begun_late),
            begun_late=0,
        )


def _count(text: str | None) -> int | None:
    stripped = (text or "").strip()
    # Ten digits hold every sensible figure; more would only cost time to read.
    return int(stripped) if stripped.isascii() and stripped.isdigit() and len(stripped) <= 10 else None
