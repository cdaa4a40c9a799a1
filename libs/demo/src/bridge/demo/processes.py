"""The services as processes of their own: started, ready, alive, stopped.

Owns their environment and their end: they die with this program, even if it is killed. Knows of a service only its
name, its variables and its probes.
"""

import json
import os
import signal
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.contracts.identity import SHARDS
from bridge.demo.errors import DemoError
from bridge.demo.ground import Ground
from bridge.demo.values import variables
from bridge.devstack.process import ManagedProcess, tail
from bridge.devstack.waiting import holds_within

_READY_SECONDS: Final = 90.0
_STOP_SECONDS: Final = 10.0
_LONGEST_COMPLAINT: Final = 1000
_LEASES: Final = "bridge_leases_held"
_PROBE_SECONDS: Final = 2.0

Command = Sequence[str]


@dataclass(frozen=True, slots=True)
class Part:
    """One process to start: its service, its name in this demo, and the command if it is not the service's own."""

    service: str
    name: str
    command: Command | None = None

    @property
    def line(self) -> list[str]:
        """The command line."""
        return list(self.command or (sys.executable, "-m", f"bridge.{self.service}"))


PARTS: Final = (
    Part("poller", "poller-1"),
    Part("poller", "poller-2"),
    Part("transformer", "transformer"),
    Part("publisher", "publisher-1"),
    Part("publisher", "publisher-2"),
)


@dataclass(frozen=True, slots=True)
class Running:
    """A process that was started, and where it writes its port."""

    service: str
    process: ManagedProcess
    ready_file: Path

    @property
    def port(self) -> int | None:
        """Where it answers its probes; None while it does not listen."""
        if not self.ready_file.exists():
            return None
        port = json.loads(self.ready_file.read_text(encoding="utf-8"))["port"]
        return int(port)

    def is_ready(self) -> bool:
        """Tell whether its readiness probe says yes."""
        return self._get("/readyz") is not None

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that carry the labels; 0 if there are none."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        lines = [line for line in (self._get("/metrics") or "").splitlines() if line.startswith(f"{name}{{")]
        return sum(float(line.rpartition(" ")[2]) for line in lines if all(label in line for label in wanted))

    def _get(self, path: str) -> str | None:
        """Return the body of a good answer, None for any other or none."""
        if self.port is None:
            return None
        address = f"http://127.0.0.1:{self.port}{path}"
        try:
            with urllib.request.urlopen(address, timeout=_PROBE_SECONDS) as answer:
                return str(answer.read().decode())
        except OSError:  # an answer of 4xx or 5xx is one too
            return None


class Services:
    """The running processes."""

    def __init__(self, running: Sequence[Running]) -> None:
        self.running = running

    def check(self) -> None:
        """Do nothing while all live.

        Raises:
            DemoError: One has ended; the text holds the end of its log.
        """
        for each in self.running:
            if not each.process.running:
                raise DemoError(
                    f"{each.process.name} ended with exit code {each.process.exit_code}.\n{tail(each.process.log)}"
                )

    def complaints(self) -> str:
        """Return the last warning or error in each one's log, for whoever looks for the guilty one."""
        found = []
        for each in self.running:
            lines = each.process.log.read_text(encoding="utf-8", errors="replace").splitlines()
            if last := next((line for line in reversed(lines) if _is_complaint(line)), None):
                found.append(f"{each.process.name}: {last[:_LONGEST_COMPLAINT]}")
        return "\n".join(found)

    def await_ready(self) -> None:
        """Wait until every one says that it is ready.

        Raises:
            DemoError: One ended, or is not ready in time.
        """
        for each in self.running:
            holds_within(lambda each=each: _settled(each), timeout_seconds=_READY_SECONDS)  # type: ignore[misc]  # bound early
            self.check()
            if not each.is_ready():
                raise DemoError(
                    f"{each.process.name} is not ready after {_READY_SECONDS:g} s.\n{tail(each.process.log)}"
                )

    def share_leases(self, service: str) -> bool:
        """Tell whether every replica of the service holds leases and no lease is on its way between two of them."""
        held = [each.metric(_LEASES) for each in self.running if each.service == service]
        return all(held) and sum(held) == SHARDS + 1  # the shards, and the relay

    def metric(self, service: str, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples over the replicas of a service."""
        return sum(each.metric(name, **labels) for each in self.running if each.service == service)

    def ports(self) -> Mapping[str, int]:
        """Return each one's probe port by its name."""
        return {each.process.name: each.port or 0 for each in self.running}


@contextmanager
def running_services(
    ground: Ground, passwords: Mapping[str, str], parts: Sequence[Part], complain: Callable[[str], None]
) -> Iterator[Services]:
    """Start the parts; end them by SIGTERM afterwards, and tell of those that did not drain in time."""
    started: list[Running] = []
    try:
        for part in parts:
            started.append(_start(part, ground, passwords))  # noqa: PERF401 (what started is stopped)
        yield Services(started)
    finally:
        _stop(started, complain)


def _start(part: Part, ground: Ground, passwords: Mapping[str, str]) -> Running:
    ready_file = ground.folder / "ready" / f"{part.name}.json"
    ready_file.parent.mkdir(exist_ok=True)
    ready_file.unlink(missing_ok=True)
    prefix = part.service.upper()
    environment = {
        **os.environ,
        **variables(part.service),
        f"{prefix}_KAFKA__BOOTSTRAP_SERVERS": ground.bootstrap_servers,
        f"{prefix}_KAFKA__TOPIC_PREFIX": ground.prefix,
        f"{prefix}_HEALTH__READY_FILE": str(ready_file),
    }
    if part.service in passwords:
        environment[f"{prefix}_POSTGRES__DSN"] = ground.dsn_of(f"bridge_{part.service}", passwords[part.service])
    elif part.service != "transformer":
        environment[f"{prefix}_POSTGRES__DSN"] = ground.owner_dsn
    process = ManagedProcess.start(part.line, name=part.name, log=ground.logs / f"{part.name}.log", env=environment)
    return Running(part.service, process, ready_file)


def _is_complaint(line: str) -> bool:
    return any(f'"level": "{level}"' in line for level in ("warning", "error", "critical"))


def _settled(running: Running) -> bool:
    return running.is_ready() or not running.process.running


def _stop(started: Sequence[Running], complain: Callable[[str], None]) -> None:
    for each in started:
        if each.process.running:
            each.process.identity.send(signal.SIGTERM)
    for each in started:
        # They have been asked, all at once; a second signal would only hurry one that is sending its last spans.
        if not each.process.wait(timeout_seconds=_STOP_SECONDS):
            each.process.kill()
            complain(f"{each.process.name} did not stop within {_STOP_SECONDS:.0f} s and was killed; see its log.")
