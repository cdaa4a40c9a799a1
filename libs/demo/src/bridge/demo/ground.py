"""The ground the demo stands on: a real Kafka and a real Postgres with nothing in them.

Owns the data folder, or, where the environment names existing servers, a fresh database and a fresh topic prefix.
"""

import fcntl
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO
from urllib.parse import quote, urlsplit, urlunsplit

from bridge.demo.errors import AnotherDemoError, DemoError
from bridge.devstack import sql
from bridge.devstack.endpoints import KAFKA_VARIABLE, POSTGRES_VARIABLE, external_kafka, external_postgres
from bridge.devstack.kafka_setup import Progress
from bridge.devstack.layout import LOCAL, StackFolder
from bridge.devstack.stack import Stack

FOLDER: Final = LOCAL / "demo"


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the servers are. `owner_dsn` is the database owner's, `prefix` goes before every topic name."""

    folder: Path
    bootstrap_servers: str
    owner_dsn: str = field(repr=False)
    prefix: str
    own_servers: bool

    @property
    def logs(self) -> Path:
        """The folder of all logs."""
        return StackFolder(self.folder).logs

    def dsn_of(self, role: str, password: str) -> str:
        """Return the address of the same database for a service's role."""
        parts = urlsplit(self.owner_dsn)
        netloc = f"{role}:{quote(password, safe='')}@{parts.hostname}:{parts.port or 5432}"
        return urlunsplit(parts._replace(netloc=netloc))


@contextmanager
def fresh_ground(folder: Path, progress: Progress) -> Iterator[Ground]:
    """Give servers with nothing in them; those started for it are stopped afterwards and their data stays to be read.

    Raises:
        AnotherDemoError: Another demo runs in this folder.
        DevstackError: A server cannot be had.
    """
    with _alone(folder):
        stack = Stack(StackFolder(folder), detached=False)
        stack.clean(lambda _: None)
        StackFolder(folder).logs.mkdir(parents=True)
        with stack.running(progress) as found:
            prefix = f"demo-{uuid.uuid4().hex[:8]}." if external_kafka() else ""
            dsn = _fresh_database(found[POSTGRES_VARIABLE])
            yield Ground(folder, found[KAFKA_VARIABLE], dsn, prefix, own_servers=external_postgres() is None)


@contextmanager
def kept_ground(folder: Path, progress: Progress) -> Iterator[Mapping[str, str]]:
    """Have the servers up on the data that the last demo left, and give the two variables that lead to them.

    They are where they were, unless somebody has taken a port meanwhile. Nothing is given if a demo still runs.
    """
    with ExitStack() as stack:
        found: Mapping[str, str] = {}
        with suppress(AnotherDemoError):
            stack.enter_context(_alone(folder))
            found = stack.enter_context(Stack(StackFolder(folder), detached=False).running(progress))
        yield found


def _fresh_database(dsn: str) -> str:
    """Return the server's own database where it is new, else a new one, which stays there to be looked at."""
    if external_postgres() is None:
        return dsn
    return sql.create_database(dsn, f"bridge_demo_{uuid.uuid4().hex[:8]}")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder for this program; the kernel lets go of it when the program ends, however it ends."""
    with _lock_file(folder) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AnotherDemoError(
                f"Another demo runs in {os.path.relpath(folder)}: stop it first, or give this one a folder of its own "
                "with --data."
            ) from None
        yield


def _lock_file(folder: Path) -> TextIO:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / "demo.lock").open("a")
    except OSError as error:
        raise DemoError(
            f"The demo cannot write in {os.path.relpath(folder)} ({error.strerror}): make it writable, or give "
            "another folder with --data."
        ) from None
