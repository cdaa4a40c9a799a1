"""A clock that a test moves by hand."""

from datetime import UTC, datetime, timedelta
from typing import Final

_START: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class ManualClock:
    """Stands still until it is moved; both clocks move together unless only the wall clock is set."""

    def __init__(self, now: datetime = _START, boot: float = 1_000.0) -> None:
        self._now = now
        self._boot = boot

    def now(self) -> datetime:
        """Return the wall clock in UTC."""
        return self._now

    def boot(self) -> float:
        """Return seconds since boot."""
        return self._boot

    def advance(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self._now += timedelta(seconds=seconds)
        self._boot += seconds

    def set_wall(self, now: datetime) -> None:
        """Set the wall clock alone, as an administrator or a bad time server would."""
        self._now = now
