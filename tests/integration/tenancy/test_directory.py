"""The directory on real Postgres: changes are seen within a second, without restart, and none is missed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bridge.contracts.identity import Flow, TenantId
from bridge.contracts.reasons import Reason
from bridge.durable.database import Database
from bridge.tenancy.apply import go_live
from bridge.tenancy.directory import REFRESH_SECONDS, TenantDirectory
from bridge.tenancy.gates import GateKey, GateStore, System
from bridge.testkit.tenant_files import apply_file, tenant_entry, tenant_file
from bridge.testkit.waiting import eventually

ACME, BRIM = TenantId("acme"), TenantId("brim")


@pytest.fixture
async def directory(db: Database) -> TenantDirectory:
    await apply_file(db, tenant_file(tenant_entry("acme")))
    directory = TenantDirectory(db)
    await directory.refresh()
    return directory


@pytest.fixture
async def running(directory: TenantDirectory) -> AsyncIterator[TenantDirectory]:
    stop = asyncio.Event()
    task = asyncio.create_task(directory.run(stop))
    yield directory
    stop.set()
    await asyncio.wait_for(task, 5)


async def test_what_is_applied_while_it_runs_is_seen_within_a_second(db: Database, running: TenantDirectory) -> None:
    limit = REFRESH_SECONDS + 1.0

    await apply_file(db, tenant_file(tenant_entry("acme", paused=True), tenant_entry("brim")))
    await eventually(lambda: running.tenants[ACME].paused and BRIM in running.tenants, timeout=limit)
    assert not running.is_live(BRIM, Flow.CUSTOMERS)

    await go_live(db, BRIM, who="jane", why="checked")
    await eventually(lambda: running.is_live(BRIM, Flow.CUSTOMERS), timeout=limit)

    await apply_file(db, tenant_file(tenant_entry("brim")))
    await eventually(lambda: running.tenants[ACME].removed, timeout=limit)


async def test_a_refresh_without_changes_says_so_and_keeps_the_very_same_snapshot(directory: TenantDirectory) -> None:
    before = directory.tenants

    assert not await directory.refresh()
    assert directory.tenants is before


async def test_every_invoice_is_below_the_floor_until_somebody_lowers_it(
    db: Database, directory: TenantDirectory
) -> None:
    before = directory.tenants[ACME].ledger_floor
    async with db.transaction() as tx:
        await tx.execute("UPDATE control.tenant SET ledger_floor = 500, ledger_floor_set_at = now()")
    await directory.refresh()
    after = directory.tenants[ACME].ledger_floor

    assert [before.covers(number) for number in (1, 10**18)] == [True, True]
    assert [after.covers(number) for number in (500, 501)] == [True, False]
    assert after.set_at > before.set_at


async def test_a_tenant_that_comes_back_has_every_invoice_below_its_floor_again(
    db: Database, directory: TenantDirectory
) -> None:
    async with db.transaction() as tx:
        await tx.execute("UPDATE control.tenant SET ledger_floor = 500")
    await apply_file(db, tenant_file(tenant_entry("acme", paused=True)))
    await directory.refresh()
    kept = directory.tenants[ACME].ledger_floor

    await apply_file(db, tenant_file(tenant_entry("brim")))
    await apply_file(db, tenant_file(tenant_entry("acme"), tenant_entry("brim")))
    await directory.refresh()
    back = directory.tenants[ACME].ledger_floor

    assert (kept.number, back.number) == (500, None)
    assert back.set_at > kept.set_at


async def test_a_change_that_commits_late_is_not_missed(db: Database, directory: TenantDirectory) -> None:
    await apply_file(db, tenant_file(tenant_entry("acme"), tenant_entry("brim")))
    async with db.transaction() as slow:
        await slow.execute("UPDATE control.tenant SET name = 'late' WHERE tenant = 'acme'")
        async with db.transaction() as quick:
            await quick.execute("UPDATE control.tenant SET name = 'quick' WHERE tenant = 'brim'")
        await directory.refresh()
        assert directory.tenants[BRIM].name == "quick"
        assert directory.tenants[ACME].name == "acme AS"

    assert await directory.refresh()
    assert directory.tenants[ACME].name == "late"


async def test_gates_come_and_go(db: Database, directory: TenantDirectory) -> None:
    key = GateKey.system(ACME, System.OC2)
    async with db.transaction() as tx:
        await GateStore().close(
            tx, key, reason=Reason.TARGET_DOWN, why="down", closed_by="publisher", probe_in=timedelta(seconds=5)
        )
    assert await directory.refresh()
    closed = directory.closed([key, GateKey.host("tripletex.no"), GateKey.flow(ACME, Flow.CUSTOMERS)])
    assert [gate.reason for gate in closed] == [Reason.TARGET_DOWN, Reason.NOT_LIVE]

    async with db.transaction() as tx:
        await GateStore().open_by_hand(tx, key, who="jane", why="up again")
    assert await directory.refresh()

    assert directory.closed([key]) == []


async def test_one_tenant_that_cannot_be_read_stops_no_other(db: Database, directory: TenantDirectory) -> None:
    await apply_file(db, tenant_file(tenant_entry("acme"), tenant_entry("brim")))
    async with db.transaction() as tx:
        await tx.execute("UPDATE control.tenant SET spec = '{\"oc3\": \"hunter2\"}' WHERE tenant = 'acme'")

    await directory.refresh()

    assert set(directory.tenants) == {BRIM}
    assert "hunter2" not in directory.unreadable[ACME].problem

    await apply_file(db, tenant_file(tenant_entry("acme"), tenant_entry("brim")))
    await directory.refresh()
    assert set(directory.tenants) == {ACME, BRIM}
    assert directory.unreadable == {}


async def test_while_the_database_is_away_the_last_snapshot_stands(db: Database, directory: TenantDirectory) -> None:
    beats: list[str] = []
    away = TenantDirectory(db, refresh_seconds=0.01, beat=beats.append)
    await away.refresh()
    await db.__aexit__(None, None, None)
    stop = asyncio.Event()
    task = asyncio.create_task(away.run(stop))

    await eventually(lambda: len(beats) >= 3)
    stop.set()
    await task

    assert set(away.tenants) == {ACME}
