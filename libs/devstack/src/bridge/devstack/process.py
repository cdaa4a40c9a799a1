"""A process that we started, or one of ours that an earlier run left detached.

Owns starting, signalling and reaping. Every process gets a session of its own, so that Ctrl-C in a terminal
reaches the parent alone and the parent stops its servers in order. Must not know what the process serves.
"""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bridge.devstack.errors import DevstackError
from bridge.devstack.identity import ProcessIdentity
from bridge.devstack.waiting import holds_within

_GUARD = Path(__file__).with_name("guard.py")
_KILL_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class PlainUser:
    """The user that a server runs as when it refuses to run as root."""

    name: str
    uid: int
    gid: int


class _Spawner:
    """Starts processes from one thread that lives as long as this program.

    The kernel sends the parent-death signal when the *thread* that forked ends. A server started from a
    short-lived worker thread would be killed in the middle of a test.
    """

    def __init__(self) -> None:
        self._requests: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._owner_pid = 0

    def start(self, make: Callable[[], subprocess.Popen[str]]) -> subprocess.Popen[str]:
        """Run `make` on the lasting thread and return, or raise, what it returned or raised."""
        with self._lock:
            if self._owner_pid != os.getpid():
                self._owner_pid = os.getpid()
                self._requests = queue.SimpleQueue()
                threading.Thread(target=self._serve, name="devstack-spawner", daemon=True).start()
        answers: queue.SimpleQueue[subprocess.Popen[str] | OSError] = queue.SimpleQueue()
        self._requests.put(partial(_answer, make, answers))
        answer = answers.get()
        if isinstance(answer, OSError):
            raise answer
        return answer

    def _serve(self) -> None:
        requests = self._requests
        while True:
            requests.get()()


def _answer(
    make: Callable[[], subprocess.Popen[str]],
    answers: "queue.SimpleQueue[subprocess.Popen[str] | OSError]",
) -> None:
    try:
        answers.put(make())
    except OSError as error:
        answers.put(error)


_spawner = _Spawner()


class ManagedProcess:
    """One process under our control, as a child or detached."""

    def __init__(
        self, *, name: str, log: Path, identity: ProcessIdentity, child: subprocess.Popen[str] | None = None
    ) -> None:
        self.name = name
        self.log = log
        self.identity = identity
        self._child = child

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        *,
        name: str,
        log: Path,
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
        user: PlainUser | None = None,
        detached: bool = False,
    ) -> "ManagedProcess":
        """Start the command in its own session, its output appended to `log`.

        A process that is not detached dies with this program, even if that is killed by SIGKILL.

        Raises:
            DevstackError: The process was gone before it could be controlled.
            OSError: The interpreter or the log file cannot be used.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        guarded = _guarded(command, user=user, detached=detached)
        with log.open("a", encoding="utf-8") as output:
            child = _spawner.start(
                lambda: subprocess.Popen(
                    guarded,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE if detached else output,
                    stderr=output,
                    text=True,
                    env=None if env is None else dict(env),
                    cwd=folder,
                    start_new_session=True,
                )
            )
        pid = int(child.communicate()[0] or 0) if detached else child.pid
        identity = ProcessIdentity.of(pid)
        if identity is None:
            child.wait()
            raise DevstackError(f"{name} ended at once.\n{tail(log)}")
        return cls(name=name, log=log, identity=identity, child=None if detached else child)

    @property
    def running(self) -> bool:
        """Whether the process lives; a paused one does."""
        if self._child is not None:
            return self._child.poll() is None
        return self.identity.is_alive()

    @property
    def exit_code(self) -> int | None:
        """The exit code of a child that has ended (negative: the signal), otherwise None."""
        return None if self._child is None else self._child.poll()

    def wait(self, *, timeout_seconds: float) -> bool:
        """Wait for the end of the process; tell whether it came in time."""
        return holds_within(lambda: not self.running, timeout_seconds=timeout_seconds)

    def terminate(self, *, timeout_seconds: float, signum: signal.Signals = signal.SIGTERM) -> None:
        """Ask the process to end and wait for it; a paused one is resumed first.

        Raises:
            DevstackError: It did not end in time and was killed.
        """
        self.resume()
        self.identity.send(signum)
        if not self.wait(timeout_seconds=timeout_seconds):
            self.kill()
            raise DevstackError(
                f"{self.name} did not stop within {timeout_seconds:.0f} s and was killed; "
                f"read the end of its log:\n{tail(self.log)}"
            )

    def kill(self) -> None:
        """End the process and all its descendants by SIGKILL and wait until they are gone."""
        family = self.identity.tree()
        for member in family:
            member.send(signal.SIGKILL)
        gone = self.wait(timeout_seconds=_KILL_TIMEOUT_SECONDS) and holds_within(
            lambda: not any(member.is_alive() for member in family), timeout_seconds=_KILL_TIMEOUT_SECONDS
        )
        if not gone:
            raise DevstackError(f"{self.name} (process {self.identity.pid}) does not react to SIGKILL.")

    def pause(self) -> None:
        """Freeze the process and its descendants by SIGSTOP; the parent first, so that it forks no more."""
        self.identity.send(signal.SIGSTOP)
        for member in self.identity.tree()[1:]:
            member.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process and its descendants go on; harmless for one that is not paused."""
        for member in reversed(self.identity.tree()):
            member.send(signal.SIGCONT)


def _guarded(command: Sequence[str], *, user: PlainUser | None, detached: bool) -> list[str]:
    fate = ["--detach"] if detached else ["--parent", str(os.getpid())]
    drop = [] if user is None else ["--uid", str(user.uid), "--gid", str(user.gid)]
    return [sys.executable, "-I", "-S", str(_GUARD), *fate, *drop, "--", *command]


def tail(log: Path, *, lines: int = 25) -> str:
    """Return the last lines of a log, or a remark when there are none."""
    if not log.exists():
        return f"({log} does not exist)"
    text = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
    return "\n".join([f"--- end of {log}", *text]) if text else f"({log} is empty)"
