"""Is progress made? Sentences for the readiness probe."""

from dataclasses import dataclass


@dataclass(slots=True)
class Readiness:
    """Judges what the loops report; limits in seconds."""

    oldest_limit_seconds: float
    stuck_seconds: float
    oldest_seconds: float = 0.0

    def leases(self, held: int) -> str | None:
        """Not ready while no lease is held: they have not been renewed in time, or never taken."""
        return None if held else "No lease is held; tenants of this replica move to another one."

    def polls(self, overdue_seconds: float) -> str | None:
        """Not ready while a due tenant waits too long for a turn."""
        if overdue_seconds <= self.stuck_seconds:
            return None
        limit = f"the limit is {self.stuck_seconds:.0f} s"
        return f"A tenant has been due for {overdue_seconds:.0f} s without a turn; {limit}."

    def outbox(self) -> str | None:
        """Not ready while the oldest unpublished change is too old."""
        if self.oldest_seconds <= self.oldest_limit_seconds:
            return None
        return (
            f"The oldest change in the outbox has waited {self.oldest_seconds:.0f} s; "
            f"the limit is {self.oldest_limit_seconds:.0f} s. Is the broker reachable?"
        )
