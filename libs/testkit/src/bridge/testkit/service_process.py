"""One service as a process that a test may start, freeze, ask to leave, kill, and start again under its name.

Owns the process and its readiness. Knows of a service only its name, its variables and its probe.
"""

import asyncio
import json
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bridge.devstack.errors import DevstackError
from bridge.devstack.process import ManagedProcess, tail

_PROBE_SECONDS: Final = 2.0


class ServiceProcess:
    """A service under a name of its own; it dies with this program. `exits` are the exit codes of earlier lives.

    Args:
        environment: Everything it gets; only the path of its ready file is added.
        command: What to run if not the service's own module.
    """

    def __init__(
        self,
        service: str,
        *,
        name: str,
        folder: Path,
        environment: Mapping[str, str],
        command: Sequence[str] | None = None,
    ) -> None:
        self.service = service
        self.name = name
        self.log = folder / "log" / f"{name}.log"
        self.exits: list[int] = []
        self._ready_file = folder / "ready" / f"{name}.json"
        self._command = list(command or (sys.executable, "-m", f"bridge.{service}"))
        self._environment = {**environment, f"{service.upper()}_HEALTH__READY_FILE": str(self._ready_file)}
        self._process: ManagedProcess | None = None

    @property
    def running(self) -> bool:
        """Whether it lives; a frozen one does."""
        return self._process is not None and self._process.running

    @property
    def exit_code(self) -> int | None:
        """The exit code of its last life (negative: the signal), None while it lives."""
        return None if self._process is None else self._process.exit_code

    @property
    def pid(self) -> int:
        """The id of the process last started."""
        return self._alive().identity.pid

    @property
    def port(self) -> int | None:
        """Where it answers its probes; None while it does not listen."""
        if not self._ready_file.exists():
            return None
        return int(json.loads(self._ready_file.read_text(encoding="utf-8"))["port"])

    def start(self) -> None:
        """Start it, for the first time or anew; does nothing while it lives."""
        if self.running:
            return
        if self.exit_code is not None:
            self.exits.append(self.exit_code)
        self._ready_file.parent.mkdir(parents=True, exist_ok=True)
        self._ready_file.unlink(missing_ok=True)
        self._process = ManagedProcess.start(self._command, name=self.name, log=self.log, env=self._environment)

    def is_ready(self) -> bool:
        """Tell whether its readiness probe says yes now."""
        if not self.running or self.port is None:
            return False
        address = f"http://127.0.0.1:{self.port}/readyz"
        try:
            with urllib.request.urlopen(address, timeout=_PROBE_SECONDS) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        """End it by SIGKILL and wait until it is gone; harmless if it is."""
        if self.running:
            self._alive().kill()

    def freeze(self) -> None:
        """Stop it by SIGSTOP: it keeps its connections and does nothing."""
        self._alive().pause()

    def is_frozen(self) -> bool:
        """Tell whether it is stopped by SIGSTOP, from wherever that came."""
        if not self.running:
            return False
        status = Path(f"/proc/{self._alive().identity.pid}/stat").read_text(encoding="utf-8")
        return status.rpartition(")")[2].split()[0] == "T"

    def thaw(self) -> None:
        """Let it go on."""
        self._alive().resume()

    async def leave(self, *, within: float) -> int:
        """Ask it to leave by SIGTERM, wait, and return its exit code.

        Raises:
            DevstackError: It did not leave in time and was killed; the text holds the end of its log.
        """
        if self.running:
            await asyncio.to_thread(self._alive().terminate, timeout_seconds=within, signum=signal.SIGTERM)
        code = self.exit_code
        if code is None:
            raise DevstackError(f"{self.name} was never started.")
        return code

    def last_words(self) -> str:
        """Return the end of its log."""
        return tail(self.log)

    def _alive(self) -> ManagedProcess:
        if self._process is None:
            raise DevstackError(f"{self.name} was never started; call start() first.")
        return self._process
