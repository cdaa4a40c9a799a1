"""Transactions on real Postgres: what commits, what is refused, what stays unknown, and how long it can take."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit, urlunsplit

import pytest

from bridge.durable.database import Database
from bridge.durable.errors import (
    CommitUnknownError,
    ConstraintViolatedError,
    SerializationError,
    StatementRefusedError,
)
from bridge.durable.row import jsonb
from bridge.runtime.errors import ConfigurationError, StoreUnavailableError
from bridge.testkit.databases import settings_for
from bridge.testkit.fault_proxy import FaultProxy
from bridge.testkit.waiting import eventually


@pytest.fixture
async def plain(database: str) -> AsyncIterator[Database]:
    async with Database(settings_for(database), application_name="tests") as opened:
        async with opened.transaction() as tx:
            await tx.execute("CREATE TABLE thing (id int PRIMARY KEY, body jsonb)")
        yield opened


def _nothing() -> None:
    return


async def _count(db: Database) -> int:
    async with db.transaction() as tx:
        row = await tx.one("SELECT count(*) AS n FROM thing")
    assert row is not None
    return row.number("n")


async def test_a_transaction_commits_when_its_block_ends(plain: Database) -> None:
    async with plain.transaction() as tx:
        touched = await tx.execute("INSERT INTO thing VALUES (1, %s), (2, NULL)", [jsonb({"a": 1})])

    assert touched == 2
    async with plain.transaction() as tx:
        row = await tx.one("SELECT body FROM thing WHERE id = 1")
    assert row is not None
    assert row.document("body") == {"a": 1}


async def test_a_transaction_that_was_frozen_past_its_limit_says_nothing_against_what_it_was_to_write(
    database: str, plain: Database
) -> None:
    """The server ends the session of a process that was stopped; the next one writes the same without a question."""
    async with Database(settings_for(database, statement_timeout_seconds=1), application_name="frozen") as frozen:

        async def ended() -> bool:
            async with plain.transaction() as other:
                query = (
                    "SELECT 1 AS one FROM pg_stat_activity WHERE application_name = 'frozen' AND state LIKE 'idle in%'"
                )
                return await other.one(query) is None

        async def write_twice() -> None:
            async with frozen.transaction() as tx:
                await tx.execute("INSERT INTO thing VALUES (1, NULL)")
                await eventually(ended, what="the server to end the idle session")
                await tx.execute("INSERT INTO thing VALUES (2, NULL)")

        with pytest.raises(StoreUnavailableError):
            await write_twice()

    assert await _count(plain) == 0


async def test_a_database_that_only_reads_is_unavailable_and_blames_no_row(plain: Database) -> None:
    async def write() -> None:
        async with plain.transaction() as tx:
            await tx.execute("SET TRANSACTION READ ONLY")
            await tx.execute("INSERT INTO thing VALUES (1, NULL)")

    with pytest.raises(StoreUnavailableError):
        await write()


async def test_an_exception_rolls_everything_back(plain: Database) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await _insert(plain, after=fail)

    assert await _count(plain) == 0


async def test_a_cancelled_transaction_leaves_nothing_and_the_pool_goes_on(plain: Database) -> None:
    begun = asyncio.Event()

    async def hang() -> None:
        async with plain.transaction() as tx:
            await tx.execute("INSERT INTO thing VALUES (1)")
            begun.set()
            await asyncio.Event().wait()

    for _ in range(10):
        begun.clear()
        task = asyncio.create_task(hang())
        await begun.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    assert await _count(plain) == 0


async def test_copy_loads_rows(plain: Database) -> None:
    async with plain.transaction() as tx:
        await tx.copy("thing (id)", ((number,) for number in range(1000)))

    assert await _count(plain) == 1000


async def test_a_broken_constraint_is_named_and_its_values_are_not_repeated(plain: Database) -> None:
    with pytest.raises(ConstraintViolatedError) as caught:
        async with plain.transaction() as tx:
            await tx.execute("INSERT INTO thing VALUES (4711), (4711)")

    assert caught.value.constraint == "thing_pkey"
    assert "4711" not in str(caught.value)


async def test_a_swallowed_error_cannot_pass_for_a_commit(plain: Database) -> None:
    async def swallow() -> None:
        async with plain.transaction() as tx:
            await tx.execute("INSERT INTO thing VALUES (1)")
            with contextlib.suppress(ConstraintViolatedError):
                await tx.execute("INSERT INTO thing VALUES (1)")

    with pytest.raises(StatementRefusedError, match="swallowed"):
        await swallow()

    assert await _count(plain) == 0


async def test_a_deadlock_is_worth_another_try(plain: Database) -> None:
    async with plain.transaction() as tx:
        await tx.execute("INSERT INTO thing VALUES (1), (2)")
    both = asyncio.Barrier(2)

    async def lock(first: int, second: int) -> None:
        async with plain.transaction() as tx:
            await tx.execute("SELECT 1 FROM thing WHERE id = %s FOR UPDATE", [first])
            await both.wait()
            await tx.execute("SELECT 1 FROM thing WHERE id = %s FOR UPDATE", [second])

    results = await asyncio.gather(lock(1, 2), lock(2, 1), return_exceptions=True)

    assert sorted(type(result).__name__ for result in results) == ["NoneType", "SerializationError"]
    assert any(isinstance(result, SerializationError) for result in results)


async def test_a_wrong_statement_is_our_bug(plain: Database) -> None:
    with pytest.raises(StatementRefusedError, match="SyntaxError 42601"):
        async with plain.transaction() as tx:
            await tx.execute("SELEKT 1")


async def test_a_missing_table_names_the_remedy(plain: Database) -> None:
    with pytest.raises(ConfigurationError, match="bridge migrate"):
        async with plain.transaction() as tx:
            await tx.all("SELECT * FROM not_there")


async def test_times_come_in_utc(plain: Database) -> None:
    async with plain.transaction() as tx:
        row = await tx.one("SELECT now() AS at")

    assert row is not None
    offset = row.instant("at").utcoffset()
    assert offset is not None
    assert not offset


async def test_nothing_is_set_for_longer_than_the_transaction(plain: Database) -> None:
    async with plain.transaction() as tx:
        inside = await tx.one("SHOW statement_timeout")
    async with plain.autocommit() as connection:
        outside = await connection.one("SHOW statement_timeout")

    assert inside == {"statement_timeout": "30s"}
    assert outside == {"statement_timeout": "0"}


async def test_nothing_is_prepared_on_the_server(plain: Database) -> None:
    async with plain.autocommit() as connection:
        for number in range(20):
            await connection.one("SELECT %s::int AS n", [number])
        prepared = await connection.all("SELECT name FROM pg_prepared_statements")

    assert prepared == []


async def test_a_server_limit_ends_a_long_statement(database: str) -> None:
    async with Database(settings_for(database, statement_timeout_seconds=1), application_name="tests") as db:
        with pytest.raises(StoreUnavailableError):
            async with db.transaction() as tx:
                await tx.execute("SELECT pg_sleep(30)")


async def test_dead_connections_of_the_pool_cost_no_unit_of_work(plain: Database, database: str) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(_count(plain))
    async with Database(settings_for(database), application_name="cutter") as other, other.transaction() as tx:
        await tx.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tests'")

    assert await _count(plain) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"password": "wrong-password-471"}, "Cannot connect to Postgres", id="password"),
        pytest.param({"database": "not_there"}, "not_there", id="database"),
        pytest.param({"port": "1"}, "Cannot connect to Postgres at 127.0.0.1:1/", id="port"),
    ],
)
async def test_a_wrong_address_ends_the_start_in_one_sentence(
    database: str, change: dict[str, str], message: str
) -> None:
    parts = urlsplit(database)
    assert parts.password is not None
    netloc = (
        f"{parts.username}:{change.get('password', parts.password)}@{parts.hostname}:{change.get('port', parts.port)}"
    )
    wrong = urlunsplit((parts.scheme, netloc, f"/{change['database']}" if "database" in change else parts.path, "", ""))

    with pytest.raises(ConfigurationError, match=message) as caught:
        async with Database(settings_for(wrong, connect_timeout_seconds=2), application_name="tests"):
            pass

    assert "Check DATABASE_URL" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert change.get("password", parts.password) not in str(caught.value)


async def test_an_unreadable_address_is_not_repeated() -> None:
    with pytest.raises(ConfigurationError, match="not a Postgres address") as caught:
        Database(settings_for("host=a hunter2"), application_name="tests")

    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.fixture
async def proxied(database: str) -> AsyncIterator[tuple[FaultProxy, Database]]:
    parts = urlsplit(database)
    assert parts.port is not None
    async with FaultProxy(parts.port) as proxy:
        netloc = f"{parts.username}:{parts.password}@127.0.0.1:{proxy.port}"
        settings = settings_for(
            urlunsplit((parts.scheme, netloc, parts.path, "", "")),
            statement_timeout_seconds=1,
            tcp_user_timeout_seconds=1,
            connect_timeout_seconds=2,
        )
        async with Database(settings, application_name="behind the proxy") as db:
            yield proxy, db


async def _insert(db: Database, *, before: Callable[[], None] = _nothing, after: Callable[[], None] = _nothing) -> None:
    async with db.transaction() as tx:
        before()
        await tx.execute("INSERT INTO thing VALUES (1)")
        after()


async def test_a_commit_whose_answer_is_lost_is_unknown(plain: Database, proxied: tuple[FaultProxy, Database]) -> None:
    proxy, db = proxied

    with pytest.raises(CommitUnknownError):
        await _insert(db, after=lambda: setattr(proxy, "cut_after", b"COMMIT"))

    assert await _count(plain) == 1


async def test_a_connection_cut_before_commit_left_nothing_and_is_no_unknown_commit(
    plain: Database, proxied: tuple[FaultProxy, Database]
) -> None:
    proxy, db = proxied

    with pytest.raises(StoreUnavailableError) as caught:
        await _insert(db, before=lambda: setattr(proxy, "cut_after", b"INSERT"))

    assert not isinstance(caught.value, CommitUnknownError)
    assert await _count(plain) == 0


async def test_a_peer_that_acknowledges_and_never_answers_is_given_up_in_time(
    plain: Database, proxied: tuple[FaultProxy, Database]
) -> None:
    proxy, db = proxied
    begun = asyncio.get_running_loop().time()

    with pytest.raises(StoreUnavailableError):
        await _insert(db, before=lambda: setattr(proxy, "silent", True))

    assert asyncio.get_running_loop().time() - begun < 4
