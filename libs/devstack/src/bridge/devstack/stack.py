"""The pair of servers behind `make servers-up`: both up, both down, how they are, where they are.

Owns the order and the rule that an existing server named by the environment is used and never touched. Must
not know how a server works.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from bridge.devstack.endpoints import (
    KAFKA_VARIABLE,
    POSTGRES_VARIABLE,
    external_kafka,
    external_postgres,
)
from bridge.devstack.errors import DevstackError
from bridge.devstack.files import exclusive
from bridge.devstack.kafka import KafkaServer
from bridge.devstack.kafka_setup import Progress
from bridge.devstack.layout import StackFolder
from bridge.devstack.postgres import PostgresServer
from bridge.devstack.server import LocalServer
from bridge.devstack.state import note_processes, noted_processes


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """One server's line of `status`; the text holds no password."""

    name: str
    healthy: bool
    text: str


class Stack:
    """The Kafka and the Postgres of one folder, ours or existing ones named by the environment."""

    def __init__(self, folder: StackFolder, *, detached: bool) -> None:
        self._folder = folder
        self._kafka = KafkaServer(folder.kafka, log=folder.logs / "kafka.log", detached=detached)
        self._postgres = PostgresServer(folder.postgres, log=folder.logs / "postgres.log", detached=detached)
        self._servers: list[LocalServer] = [self._postgres, self._kafka]
        for name, identity in noted_processes(folder.state).items():
            next(server for server in self._servers if server.name == name).attach(identity)

    def up(self, progress: Progress) -> None:
        """Start what does not run yet, to stay after this program; earlier data is found again.

        Raises:
            DevstackError: A server cannot start, or one that the environment names does not answer.
        """
        with exclusive(self._folder.lock):
            for server in self._ours():
                if not server.running:
                    progress(f"Starting {server.name}")
                    server.start()
                    self._note()

    def down(self, progress: Progress) -> None:
        """Stop our servers, Kafka first; existing ones named by the environment are left alone.

        Raises:
            DevstackError: A server did not stop in time and was killed.
        """
        with exclusive(self._folder.lock):
            for server in reversed(self._servers):
                if server.running:
                    progress(f"Stopping {server.name}")
                    server.stop()
                    self._note()

    def clean(self, progress: Progress) -> None:
        """Stop our servers and delete their data and logs."""
        self.down(progress)
        with exclusive(self._folder.lock):
            for server in self._servers:
                server.wipe()
            shutil.rmtree(self._folder.logs, ignore_errors=True)

    def status(self) -> list[ServerStatus]:
        """Tell for both servers whether they answer, and where."""
        return [
            self._status(self._postgres, lambda: external_postgres() is not None, POSTGRES_VARIABLE),
            self._status(self._kafka, lambda: external_kafka() is not None, KAFKA_VARIABLE),
        ]

    def environment(self) -> dict[str, str]:
        """Return the two variables by which everything else finds the servers, password included.

        Raises:
            DevstackError: A server is not running.
        """
        for server in self._ours():
            if not server.running:
                raise DevstackError(f"{server.name} is not running: start it with `make servers-up`.")
        kafka, postgres = external_kafka(), external_postgres()
        return {
            KAFKA_VARIABLE: (kafka or self._kafka).bootstrap_servers,
            POSTGRES_VARIABLE: (postgres or self._postgres).dsn,
        }

    @contextmanager
    def running(self, progress: Progress) -> Iterator[dict[str, str]]:
        """Give the two variables with both servers up; those started for it are stopped afterwards."""
        with ExitStack() as started:
            for server in self._ours():
                if not server.running:
                    progress(f"Starting {server.name}")
                    started.enter_context(server)
            yield self.environment()

    def _ours(self) -> list[LocalServer]:
        """Return the servers that are ours to start, in order, once the others have answered."""
        postgres: list[LocalServer] = [] if external_postgres() else [self._postgres]
        kafka: list[LocalServer] = [] if external_kafka() else [self._kafka]
        return postgres + kafka

    def _note(self) -> None:
        running = {server.name: server.identity for server in self._servers if server.running}
        note_processes(self._folder.state, running)

    def _status(self, server: LocalServer, is_external: Callable[[], bool], variable: str) -> ServerStatus:
        try:
            if is_external():
                return ServerStatus(server.name, True, f"answers (the existing one of {variable})")
        except DevstackError as error:
            return ServerStatus(server.name, False, f"does not answer. {error}")
        if not server.running:
            return ServerStatus(server.name, False, "is not running; start it with `make servers-up`")
        place = f"127.0.0.1:{server.port} (process {server.identity.pid}, log {server.log})"
        if not server.is_ready():
            return ServerStatus(server.name, False, f"runs but does not answer at {place}")
        return ServerStatus(server.name, True, f"answers at {place}")
