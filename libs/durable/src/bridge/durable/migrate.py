"""Migrations: numbered SQL files per schema, applied once, each in a transaction of its own.

Owns the ledger `migrations.applied`, the roles, and the lock. The lock is taken inside each file's transaction: it
cannot be stranded on a pooled connection, a killed run frees it when its connection closes, and any number of runs at
once apply each file once. Knows no table of any service.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.resources import files
from typing import Final

import psycopg
from psycopg import errors as pg
from pydantic import SecretStr

from bridge.durable.database import Database, check_reachable, connection_string
from bridge.durable.errors import translate
from bridge.durable.queries import identifier, load_queries
from bridge.durable.row import Row, row_factory
from bridge.runtime.errors import BridgeError, ConfigurationError
from bridge.runtime.settings import PostgresSettings

GROUP: Final = "bridge.migrations"
ROLES: Final = ("bridge_poller", "bridge_publisher", "bridge_console")
LOCK_TIMEOUT_SECONDS: Final = 30.0
_FILE: Final = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.sql")
_INCLUDE: Final = re.compile(r"^-- include: (?P<package>[a-z0-9_.]+)/(?P<file>[a-z0-9_]+\.sql)\s*$", re.MULTILINE)
_SQL: Final = load_queries("bridge.durable.sql", "migrate_queries.sql")


class MigrationLockedError(BridgeError):
    """Another run holds the lock for longer than the wait; the message names it."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file as it is run: includes put in, `{schema}` and `{role}` of included files filled in."""

    schema: str
    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.schema}/{self.number:04}_{self.name}"


@dataclass(frozen=True, slots=True)
class Applied:
    """A file that this run applied, or would apply."""

    schema: str
    number: int
    name: str


@dataclass(frozen=True, slots=True)
class MigrationSet:
    """The migrations of one schema: every `NNNN_name.sql` in a package."""

    schema: str
    package: str

    def migrations(self) -> list[Migration]:
        """Return the files in order.

        Raises:
            ValueError: Two files have the same number.
        """
        found: dict[int, Migration] = {}
        for entry in files(self.package).iterdir():
            match = _FILE.fullmatch(entry.name)
            if match is None:
                continue
            number = int(match["number"])
            if number in found:
                raise ValueError(f"{self.package}: two migrations have the number {number:04}")
            text = _with_includes(entry.read_text(encoding="utf-8"), identifier(self.schema))
            found[number] = Migration(self.schema, number, match["name"], text)
        return [found[number] for number in sorted(found)]


def discover() -> list[MigrationSet]:
    """Return the sets that installed packages declare, `control` first, since every role reads it."""
    sets = [MigrationSet(schema=point.name, package=point.value) for point in entry_points(group=GROUP)]
    return sorted(sets, key=lambda each: (each.schema != "control", each.schema))


async def migrate(
    dsn: SecretStr,
    sets: Sequence[MigrationSet],
    *,
    role_passwords: Mapping[str, SecretStr] | None = None,
    dry_run: bool = False,
    lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS,
) -> list[Applied]:
    """Bring every schema to its head; a second run changes nothing.

    Args:
        dsn: Address of the database's owner, who may create roles.
        role_passwords: Passwords by role name; sent as a SCRAM verifier, so no server log can hold them.
        dry_run: Only say what would be applied; nothing is written.

    Raises:
        ConfigurationError: No connection, missing rights, or an applied file that was changed since.
        MigrationLockedError: Another run holds the lock; the message names it.
    """
    conninfo = connection_string(PostgresSettings(dsn=dsn), application_name="bridge migrate")
    await check_reachable(conninfo)
    try:
        connection = await psycopg.AsyncConnection[Row].connect(
            conninfo, autocommit=True, prepare_threshold=None, row_factory=row_factory
        )
        async with connection:
            return await _Run(connection, lock_timeout_seconds).all(sets, role_passwords or {}, dry_run=dry_run)
    except psycopg.Error as error:
        raise translate(error) from error


async def missing(db: Database, sets: Sequence[MigrationSet]) -> list[str]:
    """Return the migrations that this release needs and the database lacks."""
    needed = [migration for each in sets for migration in each.migrations()]
    async with db.transaction() as tx:
        row = await tx.one(_SQL["has_ledger"])
        if row is None or not row.flag("has_ledger"):
            return [str(migration) for migration in needed]
        rows = await tx.all(_SQL["applied"])
    applied = {(row.text("schema"), row.number("number")) for row in rows}
    return [str(migration) for migration in needed if (migration.schema, migration.number) not in applied]


async def require_head(db: Database, sets: Sequence[MigrationSet]) -> None:
    """Refuse to work on a database behind this release; one that is ahead is fine, as in a rolling update.

    Raises:
        ConfigurationError: Names the first missing migration and the remedy.
    """
    lacking = await missing(db, sets)
    if lacking:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise ConfigurationError(f"The database lacks the migration {lacking[0]}{more}. Run 'bridge migrate' first.")


class _Run:
    """One run of the migrator on one connection."""

    def __init__(self, connection: psycopg.AsyncConnection[Row], lock_timeout_seconds: float) -> None:
        self._connection = connection
        self._lock_ms = round(lock_timeout_seconds * 1000)

    async def all(
        self, sets: Sequence[MigrationSet], passwords: Mapping[str, SecretStr], *, dry_run: bool
    ) -> list[Applied]:
        if dry_run:
            applied = await self._ledger()
            return [Applied(m.schema, m.number, m.name) for m in _plan(sets, applied)]
        await self._prepare(sets, passwords)
        done: list[Applied] = []
        while (step := await self._step(sets)) is not None:
            done.append(step)
        return done

    async def _prepare(self, sets: Sequence[MigrationSet], passwords: Mapping[str, SecretStr]) -> None:
        """Make ledger, roles and schemas; every statement is harmless when repeated."""
        async with self._connection.transaction():
            await self._lock()
            await self._connection.execute(_SQL["create_ledger"])
            for role in ROLES:
                await self._connection.execute(_SQL["create_role"].replace("{role}", role))
            for each in sets:
                await self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(each.schema)}")
            await self._connection.execute(_SQL["grant_ledger"])
            for role, password in passwords.items():
                await self._set_password(identifier(role), password)

    async def _step(self, sets: Sequence[MigrationSet]) -> Applied | None:
        """Apply the first missing file under the lock; None when there is none."""
        async with self._connection.transaction():
            await self._lock()
            plan = _plan(sets, await self._ledger())
            if not plan:
                return None
            migration = plan[0]
            await self._connection.execute(migration.text)
            await self._connection.execute(
                _SQL["record"],
                {
                    "schema": migration.schema,
                    "number": migration.number,
                    "name": migration.name,
                    "checksum": migration.checksum,
                },
            )
            return Applied(migration.schema, migration.number, migration.name)

    async def _lock(self) -> None:
        try:
            await self._connection.execute(f"SET LOCAL lock_timeout = {self._lock_ms}")
            await self._connection.execute(_SQL["lock"])
        except pg.LockNotAvailable as error:
            raise MigrationLockedError(await self._describe_holder()) from error

    async def _describe_holder(self) -> str:
        # The transaction has failed, so the holder is asked for on a connection of its own.
        async with await psycopg.AsyncConnection[Row].connect(
            self._connection.info.dsn,
            password=self._connection.info.password,
            autocommit=True,
            row_factory=row_factory,
        ) as asking:
            row = await (await asking.execute(_SQL["holder"])).fetchone()
        seconds = self._lock_ms / 1000
        if row is None:
            return f"Another migration held the lock for {seconds:g} s and has just ended; run 'bridge migrate' again."
        return (
            f"Another migration holds the lock since {seconds:g} s: server process {row.number('pid')}, "
            f"{row.text_or_none('application_name')!r} from {row.text_or_none('client')}, {row.text_or_none('state')}. "
            "Wait for it, or end it with pg_terminate_backend, then run 'bridge migrate' again."
        )

    async def _ledger(self) -> dict[tuple[str, int], str]:
        row = await (await self._connection.execute(_SQL["has_ledger"])).fetchone()
        if row is None or not row.flag("has_ledger"):
            return {}
        rows = await (await self._connection.execute(_SQL["applied"])).fetchall()
        return {(row.text("schema"), row.number("number")): row.text("checksum") for row in rows}

    async def _set_password(self, role: str, password: SecretStr) -> None:
        verifier = self._connection.pgconn.encrypt_password(
            password.get_secret_value().encode(), role.encode(), b"scram-sha-256"
        ).decode()
        await self._connection.execute(f"ALTER ROLE {role} PASSWORD '{verifier}'")


def _plan(sets: Sequence[MigrationSet], applied: Mapping[tuple[str, int], str]) -> list[Migration]:
    """Return what is missing, after checking that what was applied is still what the files say."""
    plan: list[Migration] = []
    for migration in (migration for each in sets for migration in each.migrations()):
        checksum = applied.get((migration.schema, migration.number))
        if checksum is None:
            plan.append(migration)
        elif checksum != migration.checksum:
            raise ConfigurationError(
                f"The migration {migration} was changed after it was applied here. Restore the file and put the change "
                "in a new migration; nothing was applied."
            )
    return plan


def _with_includes(text: str, schema: str) -> str:
    def included(match: re.Match[str]) -> str:
        shared = files(match["package"]).joinpath(match["file"]).read_text(encoding="utf-8")
        return shared.replace("{schema}", schema).replace("{role}", f"bridge_{schema}")

    return _INCLUDE.sub(included, text)
