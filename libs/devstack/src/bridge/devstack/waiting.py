"""Waiting for a condition with a deadline.

Owns the only place of this package that lets time pass. Must not know what is waited for.
"""

import time
from collections.abc import Callable

_INTERVAL_SECONDS = 0.03


def holds_within(condition: Callable[[], bool], *, timeout_seconds: float) -> bool:
    """Ask `condition` until it holds or the time is over, at least once; tell which of the two it was."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_INTERVAL_SECONDS)
    return True
