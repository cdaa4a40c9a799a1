"""Is progress made? Three sentences for the readiness probe; None where all is well."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Readiness:
    """The limits, in seconds, beyond which the process counts as not ready."""

    ingest_stuck_seconds: float
    oldest_due_seconds: float

    def leases(self, held: int) -> str | None:
        """Whether this replica has work that is its own."""
        return None if held else "This replica holds no lease: it has just started, or the database does not answer."

    def ingest(self, stuck_seconds: float) -> str | None:
        """Whether records are taken in while some wait."""
        if stuck_seconds <= self.ingest_stuck_seconds:
            return None
        return f"Records wait, and none was taken in for {stuck_seconds:.0f} s; look at the log for the partition."

    def dispatch(self, oldest: timedelta) -> str | None:
        """Whether due work goes out where no gate and no pause holds it back."""
        seconds = oldest.total_seconds()
        if seconds <= self.oldest_due_seconds:
            return None
        return f"A delivery has been due for {seconds:.0f} s with its gates open; look at 'bridge status'."
