"""Which process is meant: a pid together with the moment at which it started.

Owns reading `/proc`. A pid alone is reused by the kernel after a while; the pair never is, so a note of
yesterday's server can never lead to a signal for today's stranger.
"""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

_AFTER_NAME_STATE = 0
_AFTER_NAME_PARENT = 1
_AFTER_NAME_START = 19


def _stat_after_name(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process of this machine, past or present; `start_ticks` counts clock ticks since boot."""

    pid: int
    start_ticks: int

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity | None":
        """Return the identity of the process that has this pid now, or None when there is none."""
        fields = _stat_after_name(pid)
        return None if fields is None else cls(pid, int(fields[_AFTER_NAME_START]))

    def is_alive(self) -> bool:
        """Tell whether this very process still runs; a zombie does not."""
        fields = _stat_after_name(self.pid)
        if fields is None or int(fields[_AFTER_NAME_START]) != self.start_ticks:
            return False
        return fields[_AFTER_NAME_STATE] not in {"Z", "X"}

    def send(self, signum: signal.Signals) -> None:
        """Send the signal if this very process still runs; otherwise do nothing."""
        if self.is_alive():
            try:
                os.kill(self.pid, signum)
            except ProcessLookupError:
                return

    def tree(self) -> "list[ProcessIdentity]":
        """Return this process and all its descendants, parents first.

        A Postgres backend is a session of its own, so a signal to the process group would miss it.
        """
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            fields = _stat_after_name(int(entry.name)) if entry.name.isdigit() else None
            if fields is not None:
                children.setdefault(int(fields[_AFTER_NAME_PARENT]), []).append(int(entry.name))
        found, queue = [self], [self.pid]
        while queue:
            for child in children.get(queue.pop(0), []):
                identity = ProcessIdentity.of(child)
                if identity is not None:
                    found.append(identity)
                    queue.append(child)
        return found
