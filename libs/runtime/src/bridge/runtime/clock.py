"""The two clocks: what time it is for people, and how much time has passed for deadlines."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Time as everything but the composition root sees it."""

    def now(self) -> datetime:
        """Return the wall clock in UTC. For people and records; decides nothing."""
        ...

    def boot(self) -> float:
        """Return seconds since boot, suspended time included. For deadlines: it never jumps and never stands still."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def boot(self) -> float:
        # CLOCK_MONOTONIC stands still while the machine sleeps; a lease held through a suspend would look alive.
        return time.clock_gettime(time.CLOCK_BOOTTIME)
