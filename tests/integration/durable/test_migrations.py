"""Migrations on real Postgres: once, whatever runs at once or dies, and with no more rights than needed."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from bridge.durable.database import Database
from bridge.durable.migrate import (
    Applied,
    MigrationLockedError,
    MigrationSet,
    migrate,
    missing,
    require_head,
)
from bridge.durable.queries import load_queries
from bridge.runtime.errors import ConfigurationError
from bridge.testkit.databases import as_role, migration_package, settings_for
from bridge.testkit.waiting import eventually

_FILES = {
    "0001_base.sql": (
        "-- include: bridge.durable.sql/lease.sql\n"
        "-- include: bridge.durable.sql/outbox.sql\n"
        "CREATE TABLE poller.cursor (tenant text PRIMARY KEY);\n"
        "GRANT SELECT, INSERT, UPDATE ON poller.cursor TO bridge_poller;\n"
    ),
    "0002_more.sql": "ALTER TABLE poller.cursor ADD COLUMN era int NOT NULL DEFAULT 1;\n",
    "readme.txt": "not a migration",
}


@pytest.fixture
def poller(tmp_path: Path) -> Iterator[MigrationSet]:
    with migration_package(tmp_path, "poller", _FILES) as migrations:
        yield migrations


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[MigrationSet]:
    sql = {
        "0001_base.sql": (
            "-- include: bridge.durable.sql/lease.sql\n"
            "CREATE TABLE publisher.delivery (entity text PRIMARY KEY);\n"
            "GRANT SELECT, INSERT, UPDATE ON publisher.delivery TO bridge_publisher;\n"
        )
    }
    with migration_package(tmp_path, "publisher", sql) as migrations:
        yield migrations


async def test_a_second_run_changes_nothing(database: str, poller: MigrationSet) -> None:
    first = await migrate(SecretStr(database), [poller])
    second = await migrate(SecretStr(database), [poller])

    assert first == [Applied("poller", 1, "base"), Applied("poller", 2, "more")]
    assert second == []


async def test_a_dry_run_says_what_is_missing_and_writes_nothing(database: str, poller: MigrationSet) -> None:
    told = await migrate(SecretStr(database), [poller], dry_run=True)

    assert [step.number for step in told] == [1, 2]
    async with Database(settings_for(database), application_name="tests") as db, db.transaction() as tx:
        schemas = await tx.all("SELECT 1 FROM pg_namespace WHERE nspname IN ('poller', 'migrations')")
    assert schemas == []


async def test_five_runs_at_once_apply_each_file_once(database: str, poller: MigrationSet) -> None:
    runs = await asyncio.gather(*(migrate(SecretStr(database), [poller]) for _ in range(5)))

    assert sorted(step.number for run in runs for step in run) == [1, 2]


async def test_a_file_that_fails_leaves_nothing_of_itself_and_keeps_those_before_it(
    database: str, tmp_path: Path
) -> None:
    files = {"0001_good.sql": "CREATE TABLE poller.a ();", "0002_bad.sql": "CREATE TABLE poller.b (); SELEKT 1;"}
    with migration_package(tmp_path, "poller", files) as broken:
        with pytest.raises(Exception, match="42601"):
            await migrate(SecretStr(database), [broken])

        async with Database(settings_for(database), application_name="tests") as db:
            async with db.transaction() as tx:
                tables = await tx.all("SELECT tablename FROM pg_tables WHERE schemaname = 'poller'")
            lacking = await missing(db, [broken])

    assert [row.text("tablename") for row in tables] == ["a"]
    assert lacking == ["poller/0002_bad"]


async def test_a_changed_file_is_refused_before_anything_is_applied(database: str, tmp_path: Path) -> None:
    with migration_package(tmp_path, "poller", {"0001_a.sql": "CREATE TABLE poller.a ();"}) as before:
        await migrate(SecretStr(database), [before])
    changed = {"0001_a.sql": "CREATE TABLE poller.z ();", "0002_b.sql": "CREATE TABLE poller.b ();"}
    with migration_package(tmp_path, "poller", changed) as after:
        with pytest.raises(ConfigurationError, match=r"poller/0001_a was changed after it was applied"):
            await migrate(SecretStr(database), [after])

        async with Database(settings_for(database), application_name="tests") as db:
            assert await missing(db, [after]) == ["poller/0002_b"]


_HOLD = """
import asyncio, sys, psycopg
async def main():
    c = await psycopg.AsyncConnection.connect(sys.argv[1], application_name="stuck migration")
    await c.execute(sys.argv[2])
    print("held", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.fixture
def holder(database: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another migration run that holds the lock and does not move."""
    lock = load_queries("bridge.durable.sql", "migrate_queries.sql")["lock"]
    with subprocess.Popen([sys.executable, "-c", _HOLD, database, lock], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


async def test_a_killed_run_frees_the_lock(
    database: str, poller: MigrationSet, holder: subprocess.Popen[bytes]
) -> None:
    waiting = asyncio.create_task(migrate(SecretStr(database), [poller]))
    async with Database(settings_for(database), application_name="tests") as db:
        await eventually(lambda: _someone_waits(db))
    holder.kill()

    applied = await asyncio.wait_for(waiting, 60)

    assert [step.number for step in applied] == [1, 2]


async def _someone_waits(db: Database) -> bool:
    async with db.transaction() as tx:
        return bool(await tx.all("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))


async def test_a_run_that_waits_too_long_names_the_holder(
    database: str, poller: MigrationSet, holder: subprocess.Popen[bytes]
) -> None:
    with pytest.raises(MigrationLockedError, match=r"'stuck migration' from 127\.0\.0\.1") as caught:
        await migrate(SecretStr(database), [poller], lock_timeout_seconds=0.3)

    assert "\n" not in str(caught.value)


async def test_a_service_on_an_old_database_names_the_missing_migration(database: str, poller: MigrationSet) -> None:
    async with Database(settings_for(database), application_name="tests") as db:
        with pytest.raises(ConfigurationError, match=r"poller/0001_base and 1 more\. Run 'bridge migrate'"):
            await require_head(db, [poller])

        await migrate(SecretStr(database), [poller])
        await require_head(db, [poller])


async def test_a_service_reads_and_writes_its_own_tables_and_no_others(
    database: str, poller: MigrationSet, publisher: MigrationSet
) -> None:
    password = SecretStr("s3cret'; DROP TABLE x; --")
    await migrate(SecretStr(database), [poller, publisher], role_passwords={"bridge_poller": password})

    async with Database(as_role(database, "bridge_poller", password), application_name="poller") as db:
        async with db.transaction() as tx:
            await tx.execute("INSERT INTO poller.cursor VALUES ('acme')")
            await tx.execute("SELECT nextval('poller.outbox_id')")
        await require_head(db, [poller, publisher])
        for statement in (
            "SELECT * FROM publisher.delivery",
            "SELECT * FROM publisher.lease",
            "DELETE FROM migrations.applied",
            "DROP TABLE poller.cursor",
            "CREATE TABLE poller.other ()",
        ):
            with pytest.raises(ConfigurationError, match="lacks a right"):
                await _run(db, statement)


async def _run(db: Database, statement: str) -> None:
    async with db.transaction() as tx:
        await tx.execute(statement)


async def test_two_migrations_with_one_number_are_refused(tmp_path: Path) -> None:
    with (
        migration_package(tmp_path, "poller", {"0001_a.sql": "SELECT 1;", "0001_b.sql": "SELECT 1;"}) as doubled,
        pytest.raises(ValueError, match="number 0001"),
    ):
        doubled.migrations()
