"""Is progress made? Knows what was taken, what was done, and how far behind the source says we are."""

from typing import Final

from bridge.runtime.clock import Clock

_NOT_JOINED: Final = "The consumer group has not yet given this process its share of the partitions."


class Progress:
    """Answers the readiness probe; told by the loops, asked at any time."""

    def __init__(self, clock: Clock, *, limit_seconds: float) -> None:
        self._clock = clock
        self._limit_seconds = limit_seconds
        self._last = clock.boot()
        self._in_hand = 0
        self._behind: int | None = None

    def took(self, records: int) -> None:
        """Say that a batch was taken up."""
        self._in_hand = records

    def done(self) -> None:
        """Say that the batch in hand is mapped, delivered and committed."""
        self._in_hand = 0
        self._last = self._clock.boot()

    def behind(self, records: int | None) -> None:
        """Say how many records wait in the log; None while there are no partitions of ours."""
        self._behind = records
        if not records and not self._in_hand:
            self._last = self._clock.boot()

    def problem(self) -> str | None:
        """Return why this process is not ready, or None if it idles or makes progress."""
        if self._behind is None:
            return _NOT_JOINED
        waiting = self._behind + self._in_hand
        still = self._clock.boot() - self._last
        if waiting and still > self._limit_seconds:
            return f"{waiting} records wait and none was mapped for {still:.0f} s (limit {self._limit_seconds:.0f} s)."
        return None
