"""The aligned rate window that both systems use.

Owns the counting only; which headers tell the caller about it is each system's own affair.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grant:
    """What the window says about one call."""

    allowed: bool
    limit: int
    remaining: int
    reset_seconds: int


class RateWindow:
    """Fixed windows aligned to the wall clock: a new one begins at every multiple of the length."""

    def __init__(self, *, window_seconds: int = 10) -> None:
        self._window_seconds = window_seconds
        self._window = -1
        self._used = 0

    def take(self, *, limit: int, at: float) -> Grant:
        """Count one call at epoch second `at`; a refused call is not counted against the next window."""
        window = int(at // self._window_seconds)
        if window != self._window:
            self._window, self._used = window, 0
        left = math.floor((window + 1) * self._window_seconds - at)
        if self._used >= limit:
            return Grant(False, limit, 0, left)
        self._used += 1
        return Grant(True, limit, limit - self._used, left)
