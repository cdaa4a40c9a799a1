"""Is the process alive, is it ready? What the probes ask, answered from what the loops report.

Alive: each loop that is watched has turned within its limit. Ready: each check says that progress is made. The HTTP
door is in `health_server`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.runtime.clock import Clock, SystemClock
from bridge.runtime.metrics import Metric, count

DEFAULT_BEAT_LIMIT_SECONDS = 60.0


@dataclass(slots=True)
class _Beat:
    limit_seconds: float
    last: float


@dataclass(slots=True)
class Health:
    """The state of the process as its probes see it."""

    clock: Clock = field(default_factory=SystemClock)
    _beats: dict[str, _Beat] = field(default_factory=dict)
    _checks: dict[str, Callable[[], str | None]] = field(default_factory=dict)
    _starting: bool = False

    def starting(self) -> None:
        """Say that the process answers probes from now on; it is not ready before a loop is announced."""
        self._starting = not self._beats

    def expect(self, loop: str, *, within_seconds: float) -> None:
        """Watch a loop: from now on it must beat at least this often. Longer than its longest honest turn."""
        self._beats[loop] = _Beat(within_seconds, self.clock.boot())
        self._starting = False

    def forget(self, loop: str) -> None:
        """Watch a loop no longer: it has ended as it should."""
        self._beats.pop(loop, None)

    def beat(self, loop: str) -> None:
        """Say that a loop has turned. A loop that was never announced is watched from its first beat on."""
        beat = self._beats.setdefault(loop, _Beat(DEFAULT_BEAT_LIMIT_SECONDS, 0.0))
        beat.last = self.clock.boot()
        count(Metric.LOOP_BEATS, loop=loop)

    def set_check(self, name: str, check: Callable[[], str | None]) -> None:
        """Ask this whenever readiness is asked for: None is fine, a sentence says why not. It must return at once."""
        self._checks[name] = check

    def stalled(self) -> dict[str, str]:
        """Return the loops that have not turned within their limit, each with a sentence."""
        now = self.clock.boot()
        return {
            name: f"The loop has not turned for {now - beat.last:.0f} s; its limit is {beat.limit_seconds:.0f} s."
            for name, beat in self._beats.items()
            if now - beat.last > beat.limit_seconds
        }

    def loops(self) -> list[str]:
        """Return the names of the loops that are watched."""
        return sorted(self._beats)

    def readiness(self) -> dict[str, str | None]:
        """Return every check's answer: None is fine, else the reason why the process is not ready."""
        start = {"start": "The process is still starting."} if self._starting else {}
        return start | {name: check() for name, check in sorted(self._checks.items())}
