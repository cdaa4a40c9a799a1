"""The simulators' clock: real time plus an offset that the admin door can move.

Owns what "now" means to both systems, in UTC and on the Norwegian calendar. Nothing else in this package
reads the wall clock.
"""

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

OSLO = ZoneInfo("Europe/Oslo")


class Clock:
    """Wall time that can be moved; moving it back is allowed."""

    def __init__(self) -> None:
        self._offset = timedelta()

    @property
    def offset_seconds(self) -> float:
        """How far the simulators are ahead of real time, in seconds."""
        return self._offset.total_seconds()

    def set_offset(self, seconds: float) -> None:
        """Run `seconds` ahead of real time (negative: behind)."""
        self._offset = timedelta(seconds=seconds)

    def set_now(self, now: datetime) -> None:
        """Make it `now` (zone required); time goes on from there at its normal pace."""
        self._offset = now - datetime.now(UTC)

    def epoch(self) -> float:
        """Seconds since 1970, by this clock."""
        return time.time() + self._offset.total_seconds()

    def now(self) -> datetime:
        """Now in UTC."""
        return datetime.fromtimestamp(self.epoch(), UTC)

    def oslo_date(self) -> date:
        """Today's date in Norway; the day begins at Norwegian midnight, also in summer."""
        return self.now().astimezone(OSLO).date()
