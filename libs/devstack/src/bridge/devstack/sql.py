"""Single statements over the psql of the Postgres wheel: enough to look after databases from outside.

Owns no connection and no SQL of the product; whoever tests with a driver uses the driver.
"""

import os
import re
import subprocess
from urllib.parse import unquote, urlsplit, urlunsplit

from bridge.devstack.errors import DevstackError
from bridge.devstack.postgres_binaries import wheel_binary

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_TIMEOUT_SECONDS = 30


def execute(dsn: str, statement: str) -> str:
    """Run one statement as its own transaction and return psql's bare output, columns parted by `|`.

    Raises:
        DevstackError: The server could not be reached or refused; the password is not in the message.
    """
    parts = urlsplit(dsn)
    host = parts.netloc.rpartition("@")[2]
    without_password = urlunsplit(parts._replace(netloc=f"{parts.username}@{host}" if parts.username else host))
    environment = dict(os.environ, PGCONNECT_TIMEOUT="5", PGAPPNAME="devstack")
    if parts.password is not None:  # never on the command line, where every user could read it
        environment["PGPASSWORD"] = unquote(parts.password)
    command = [str(wheel_binary("psql")), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
    try:
        answer = subprocess.run(
            [*command, "-d", without_password, "-c", statement],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise DevstackError(f"Postgres at {host} did not answer in {_TIMEOUT_SECONDS} s.") from error
    if answer.returncode != 0:
        raise DevstackError(f"Postgres at {without_password} refused: {answer.stderr.strip()}")
    return answer.stdout.strip()


def postgres_answers(dsn: str) -> bool:
    """Tell whether the server lets us in and answers a query now."""
    try:
        return execute(dsn, "select 1") == "1"
    except DevstackError:
        return False


def create_database(dsn: str, name: str) -> str:
    """Create an empty database on the server of `dsn` and return the DSN of the new one."""
    execute(dsn, f"create database {_checked(name)}")
    return with_database(dsn, name)


def drop_database(dsn: str, name: str) -> None:
    """Drop a database if it exists; connections to it are ended."""
    execute(dsn, f"drop database if exists {_checked(name)} with (force)")


def cut_connections(dsn: str, name: str) -> int:
    """End every client connection to the database and return how many there were.

    `dsn` may name that database or, better, another one of the server.
    """
    counted = execute(
        dsn,
        "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity "  # noqa: S608 - checked name
        f"where datname = '{_checked(name)}' and pid <> pg_backend_pid() and backend_type = 'client backend'",
    )
    return int(counted)


def with_database(dsn: str, name: str) -> str:
    """Return the DSN with another database name."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


def _checked(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise DevstackError(f"{name!r} is no plain database name: small letters, digits and _ only.")
    return name
