"""What the Kafka and the Postgres server have in common: one process, its folder, its ports.

Owns the order of starting and stopping. Must not know a server's files or protocol: those are the hooks.
"""

import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from bridge.devstack.errors import DevstackError
from bridge.devstack.identity import ProcessIdentity
from bridge.devstack.ports import free_ports, is_free, remember_ports, remembered_ports
from bridge.devstack.process import ManagedProcess, PlainUser, tail
from bridge.devstack.waiting import holds_within

_START_TIMEOUT_SECONDS = 60.0
_STOP_TIMEOUT_SECONDS = 30.0


class LocalServer(ABC):
    """One real server on loopback, with its data in a folder of its own.

    The methods block; from asyncio call them through `asyncio.to_thread`. A server that is not `detached`
    dies with this program. `start` after `stop` or `kill` finds the same data on the same port.
    """

    name: ClassVar[str]
    _port_count: ClassVar[int]
    _stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, folder: Path, *, log: Path | None = None, detached: bool = False) -> None:
        self.folder = folder
        self.log = log or folder / f"{self.name.lower()}.log"
        self._detached = detached
        self._process: ManagedProcess | None = None
        self._ports: list[int] | None = None

    @property
    def running(self) -> bool:
        """Whether the server's process lives; a paused one does."""
        return self._process is not None and self._process.running

    @property
    def identity(self) -> ProcessIdentity:
        """The process last started.

        Raises:
            DevstackError: The server was never started.
        """
        return self._started().identity

    @property
    def port(self) -> int:
        """The loopback port that clients use; known from the first start on."""
        return self._port(0)

    def start(self) -> None:
        """Start the server and return once it has answered a real request; does nothing if it runs.

        Raises:
            DevstackError: It cannot run here or did not answer; the message holds the end of its log.
        """
        if self.running:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._ports = self._assign_ports()
        self._prepare()
        self._process = ManagedProcess.start(
            self._command(),
            name=self.name,
            log=self.log,
            env=self._environment(),
            user=self._user(),
            detached=self._detached,
        )
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """Stop the server cleanly and wait for its end; does nothing if it does not run.

        Raises:
            DevstackError: It did not stop in time and was killed.
        """
        if self.running:
            self._started().terminate(timeout_seconds=_STOP_TIMEOUT_SECONDS, signum=self._stop_signal)

    def kill(self) -> None:
        """End the server by SIGKILL, as a crash would, and wait until its processes are gone."""
        self._started().kill()

    def pause(self) -> None:
        """Freeze the server by SIGSTOP: connections stay open, nothing answers."""
        self._started().pause()

    def resume(self) -> None:
        """Let a frozen server go on."""
        self._started().resume()

    def attach(self, identity: ProcessIdentity) -> None:
        """Take over a server of this folder that another run of ours started detached."""
        self._ports = remembered_ports(self._port_note, self._port_count)
        self._process = ManagedProcess(name=self.name, log=self.log, identity=identity)

    @abstractmethod
    def is_ready(self) -> bool:
        """Tell whether the server answers a real request now."""

    @abstractmethod
    def wipe(self) -> None:
        """Delete the data of a stopped server, wherever it lies."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @abstractmethod
    def _prepare(self) -> None:
        """Put binaries, configuration and, at the first start, data in place."""

    @abstractmethod
    def _command(self) -> list[str]:
        """Return the command line of the server."""

    def _environment(self) -> Mapping[str, str] | None:
        return None

    def _user(self) -> PlainUser | None:
        return None

    def _port(self, index: int) -> int:
        if self._ports is None:
            raise DevstackError(f"{self.name} has no port before its first start; call start() first.")
        return self._ports[index]

    @property
    def _port_note(self) -> Path:
        return self.folder / "ports.json"

    def _started(self) -> ManagedProcess:
        if self._process is None:
            raise DevstackError(f"{self.name} was not started; call start() first.")
        return self._process

    def _assign_ports(self) -> list[int]:
        known = self._ports or remembered_ports(self._port_note, self._port_count)
        if known is not None and all(is_free(port) for port in known):
            return known
        if self._ports is not None:
            raise DevstackError(
                f"{self.name} cannot come back on port {self._ports[0]}: another program listens there now. "
                "Stop that program."
            )
        ports = free_ports(self._port_count)
        remember_ports(self._port_note, ports)
        return ports

    def _wait_until_ready(self, process: ManagedProcess) -> None:
        try:
            holds_within(lambda: not process.running or self.is_ready(), timeout_seconds=_START_TIMEOUT_SECONDS)
            ready = process.running and self.is_ready()
        except BaseException:  # Ctrl-C, mostly: a detached server that nobody has noted must not be left
            process.kill()
            raise
        if ready:
            return
        what = "does not answer" if process.running else f"ended while starting (exit {process.exit_code})"
        process.kill()
        raise DevstackError(f"{self.name} {what}; the reason should be in its log:\n{tail(self.log)}")
