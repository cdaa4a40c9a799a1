"""A real PostgreSQL server on loopback, from the programs of the wheel.

Owns its data folder, its superuser's password and its life. Must not know the product's schemas or roles.
"""

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from bridge.devstack import sql
from bridge.devstack.errors import DevstackError
from bridge.devstack.files import write_atomically
from bridge.devstack.postgres_binaries import lasting_temporary_folder, plain_user, runs_as, server_binary
from bridge.devstack.process import PlainUser
from bridge.devstack.server import LocalServer

_SUPERUSER = "postgres"
_MAX_CONNECTIONS = 200
_DURABILITY = ("fsync", "full_page_writes", "synchronous_commit")


class PostgresServer(LocalServer):
    """One database server; clients use `dsn`, which lets the superuser in by password.

    `relaxed` leaves it to the operating system when anything gets to the disk, which tests want for speed: kill -9 of
    the server may then lose the last commits, and a crash of the machine the whole database.
    """

    name: ClassVar[str] = "Postgres"
    _port_count: ClassVar[int] = 1
    _stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": does not wait for clients to leave

    def __init__(self, folder: Path, *, log: Path | None = None, detached: bool = False, relaxed: bool = False) -> None:
        super().__init__(folder, log=log, detached=detached)
        self._relaxed = relaxed

    @property
    def dsn(self) -> str:
        """The superuser's DSN, password included; known from the first start on, the same ever after."""
        password = self._password_file.read_text(encoding="utf-8")
        return f"postgresql://{_SUPERUSER}:{password}@127.0.0.1:{self.port}/postgres"

    def is_ready(self) -> bool:
        """Tell whether the server answers a query now."""
        return sql.postgres_answers(self.dsn)

    def create_database(self, name: str) -> str:
        """Create an empty database and return its DSN."""
        return sql.create_database(self.dsn, name)

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists; connections to it are ended."""
        sql.drop_database(self.dsn, name)

    def cut_connections(self, database: str) -> int:
        """End every client connection to the database and return how many there were."""
        return sql.cut_connections(self.dsn, database)

    def wipe(self) -> None:
        """Delete the data of the stopped server, wherever it lies."""
        if self._location_note.exists():
            shutil.rmtree(self._location_note.read_text(encoding="utf-8"), ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _location_note(self) -> Path:
        return self.folder / "location"

    @property
    def _password_file(self) -> Path:
        return self.folder / "superuser-password"

    def _location(self) -> Path:
        """Return the folder around the data: our own, or one elsewhere if the server's user cannot enter it."""
        if self._location_note.exists():
            noted = Path(self._location_note.read_text(encoding="utf-8"))
            if noted.exists():
                return noted
        user = plain_user()
        if user is None or runs_as(user, Path("/bin/sh"), "-c", 'cd -- "$0"', str(self.folder.resolve())):
            return self.folder.resolve()
        elsewhere = lasting_temporary_folder("bridge-postgres-data-")
        write_atomically(self._location_note, str(elsewhere))
        return elsewhere

    def _prepare(self) -> None:
        location = self._location()
        if not (location / "data").exists():
            self._initialise(location)

    def _initialise(self, location: Path) -> None:
        """Make the data folder under another name and rename it last, so that half of one is never used."""
        draft, password_copy = location / "data.draft", location / "password.draft"
        shutil.rmtree(draft, ignore_errors=True)
        password = secrets.token_urlsafe(24)
        write_atomically(self._password_file, password, mode=0o600)
        write_atomically(password_copy, password, mode=0o600)
        draft.mkdir(mode=0o700)
        user = plain_user()
        if user is not None:
            os.chown(draft, user.uid, user.gid)
            os.chown(password_copy, user.uid, user.gid)
        try:
            self._run_initdb(draft, password_copy, user)
        finally:
            password_copy.unlink()
        draft.rename(location / "data")

    def _run_initdb(self, data: Path, password_file: Path, user: PlainUser | None) -> None:
        command = [
            *(str(server_binary("initdb")), "-D", str(data), "-U", _SUPERUSER, f"--pwfile={password_file}"),
            *("-A", "scram-sha-256", "--encoding=UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        ]
        answer = subprocess.run(
            command,
            env=self._environment(),
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            user=None if user is None else user.uid,
            group=None if user is None else user.gid,
            extra_groups=None if user is None else [],
        )
        if answer.returncode != 0:
            raise DevstackError(
                f"Postgres could not make its data folder {data}; check the free space and rights there. "
                f"initdb said:\n{(answer.stdout + answer.stderr).strip()[-2000:]}"
            )

    def _command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port(0)),
            "unix_socket_directories": "",
            "max_connections": str(_MAX_CONNECTIONS),
            **dict.fromkeys(_DURABILITY, "off" if self._relaxed else "on"),
            "log_line_prefix": "%m [%p] %u@%d ",
        }
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return [str(server_binary("postgres")), "-D", str(self._location() / "data"), *options]

    def _environment(self) -> Mapping[str, str]:
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def _user(self) -> PlainUser | None:
        return plain_user()
