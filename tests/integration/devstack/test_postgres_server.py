"""The development Postgres keeps its promises: data outlives every kind of end, the port stays."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.devstack import sql
from bridge.devstack.errors import DevstackError
from bridge.devstack.identity import ProcessIdentity
from bridge.devstack.postgres import PostgresServer
from bridge.devstack.waiting import holds_within


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server whose data folder its own user may not be able to enter: pytest's folders are private."""
    server = PostgresServer(tmp_path_factory.mktemp("servers") / "postgres", relaxed=True)
    yield server
    server.stop()
    server.wipe()


@pytest.fixture
def server(shared_server: PostgresServer) -> PostgresServer:
    """The module's server, running again whatever the test before did to it."""
    shared_server.start()
    return shared_server


def _remember_something(server: PostgresServer) -> None:
    sql.execute(server.dsn, "drop table if exists memory")
    sql.execute(server.dsn, "create table memory as select 42 as answer")
    sql.execute(server.dsn, "checkpoint")  # relaxed: only now is the row certain to outlive kill -9


def _durability(server: PostgresServer) -> str:
    names = ("fsync", "full_page_writes", "synchronous_commit")
    return sql.execute(server.dsn, "select " + ", ".join(f"current_setting('{name}')" for name in names))


def _recall(server: PostgresServer) -> str:
    return sql.execute(server.dsn, "select answer from memory")


def test_second_start_keeps_data_dsn_and_password(server: PostgresServer) -> None:
    _remember_something(server)
    first_dsn = server.dsn

    server.stop()
    assert not server.running
    again = PostgresServer(server.folder, relaxed=True)
    with again:
        recalled, second_dsn = _recall(again), again.dsn

    assert recalled == "42"
    assert second_dsn == first_dsn


def test_killed_server_comes_back_on_its_port_with_its_data(server: PostgresServer) -> None:
    _remember_something(server)
    family = server.identity.tree()
    port = server.port

    server.kill()
    survivors = [member for member in family if member.is_alive()]
    server.start()

    assert len(family) > 1
    assert survivors == []
    assert _recall(server) == "42"
    assert server.port == port


async def test_paused_server_answers_only_after_resume(server: PostgresServer) -> None:
    server.pause()
    pending = asyncio.create_task(asyncio.to_thread(sql.execute, server.dsn, "select 'awake'"))
    answered_while_paused, _ = await asyncio.wait({pending}, timeout=0.5)
    server.resume()

    assert not answered_while_paused
    assert await pending == "awake"


def test_paused_server_can_be_stopped(server: PostgresServer) -> None:
    server.pause()

    server.stop()

    assert not server.running


async def test_cut_connections_ends_a_query_in_flight(server: PostgresServer) -> None:
    dsn = server.create_database("victim")
    asleep = "select count(*) from pg_stat_activity where datname = 'victim' and wait_event = 'PgSleep'"
    sleeper = asyncio.create_task(asyncio.to_thread(sql.execute, dsn, "select pg_sleep(60)"))
    await asyncio.to_thread(holds_within, lambda: sql.execute(server.dsn, asleep) == "1", timeout_seconds=60)

    cut = server.cut_connections("victim")

    assert cut == 1
    with pytest.raises(DevstackError, match="terminating connection"):
        await sleeper


def test_wrong_password_is_refused_and_not_shown(server: PostgresServer) -> None:
    wrong = server.dsn.replace(server.dsn.split(":")[2].split("@")[0], "a-wrong-secret")

    with pytest.raises(DevstackError, match="password authentication failed") as caught:
        sql.execute(wrong, "select 1")

    assert "a-wrong-secret" not in str(caught.value)


def test_the_password_is_readable_by_its_owner_only_and_stands_in_no_log(server: PostgresServer) -> None:
    password = server.folder / "superuser-password"

    assert password.stat().st_mode & 0o777 == 0o600
    assert password.read_text() in server.dsn
    assert password.read_text() not in server.log.read_text()


def test_commits_wait_for_the_disk_unless_relaxed(tmp_path: Path, server: PostgresServer) -> None:
    strict = PostgresServer(tmp_path / "strict")
    with strict:
        shown = _durability(strict)
    strict.wipe()

    assert shown == "on|on|on"
    assert _durability(server) == "off|off|off"


def test_start_that_fails_shows_the_end_of_the_log(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "damaged", relaxed=True)
    with server:
        location = server.folder / "location"
    data = (Path(location.read_text()) if location.exists() else server.folder) / "data"
    (data / "PG_VERSION").write_text("9\n")

    with pytest.raises(DevstackError, match="incompatible with server"):
        server.start()
    running = server.running
    server.wipe()

    assert not running


def test_wipe_leaves_nothing_behind(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "short-lived", relaxed=True)
    with server:
        family = server.identity.tree()
    note = server.folder / "location"
    elsewhere = Path(note.read_text()) if note.exists() else server.folder

    server.wipe()

    assert not server.folder.exists()
    assert not elsewhere.exists()
    assert not any(ProcessIdentity.is_alive(member) for member in family)
