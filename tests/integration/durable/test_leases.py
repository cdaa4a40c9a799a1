"""Leases on real Postgres: fair shares, take-over, fencing, and the owner's own deadline."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.durable.database import Database, Tx
from bridge.durable.lease import Lease, LeaseChanges, LeaseKeeper, fence
from bridge.runtime.clock import SystemClock
from bridge.runtime.errors import LeaseLostError
from bridge.runtime.settings import PostgresSettings
from bridge.testkit.clock import ManualClock
from bridge.testkit.waiting import eventually

TTL = 12.0
MARGIN = 2.0
SHARDS = tuple(f"shard/{number}" for number in range(10))


def _keeper(
    db: Database, owner: str, clock: ManualClock | None = None, wanted: tuple[str, ...] = SHARDS
) -> LeaseKeeper:
    return LeaseKeeper(
        db,
        schema="poller",
        owner=owner,
        ttl_seconds=TTL,
        margin_seconds=MARGIN,
        clock=clock or ManualClock(),
        wanted=wanted,
    )


async def _let_pass(db: Database, seconds: float, *clocks: ManualClock) -> None:
    """Let time pass at the database, by moving what it remembers into the past, and on the owners' clocks."""
    async with db.transaction() as tx:
        await tx.execute("UPDATE poller.lease SET expires_at = expires_at - %s", [timedelta(seconds=seconds)])
        await tx.execute("UPDATE poller.replica SET seen_at = seen_at - %s", [timedelta(seconds=seconds)])
    for clock in clocks:
        clock.advance(seconds)


async def test_one_owner_takes_everything(db: Database) -> None:
    keeper = _keeper(db, "a")

    changes = await keeper.turn()

    assert {lease.name for lease in changes.gained} == set(SHARDS) == set(keeper.held)
    assert changes.lost == ()
    assert all(lease.epoch == 1 for lease in changes.gained)


async def test_a_renewal_keeps_the_epoch_and_moves_the_deadline(db: Database) -> None:
    clock = ManualClock()
    keeper = _keeper(db, "a", clock)
    await keeper.turn()
    clock.advance(4)

    changes = await keeper.turn()

    assert changes == LeaseChanges()
    assert {lease.epoch for lease in keeper.held.values()} == {1}
    assert {lease.deadline_boot for lease in keeper.held.values()} == {clock.boot() + TTL - MARGIN}


async def test_two_owners_come_to_share_without_ever_holding_one_lease_twice(db: Database) -> None:
    clock_a, clock_b = ManualClock(), ManualClock()
    a, b = _keeper(db, "a", clock_a), _keeper(db, "b", clock_b)
    await a.turn()
    for _ in range(8):
        await b.turn()
        await a.turn()
        assert not set(a.held) & set(b.held)
        await _let_pass(db, 4, clock_a, clock_b)

    await b.turn()
    await a.turn()
    assert (len(a.held), len(b.held)) == (5, 5)


async def test_a_surplus_lease_is_usable_by_nobody_else_before_its_deadline(db: Database) -> None:
    clock_a, clock_b = ManualClock(), ManualClock()
    a, b = _keeper(db, "a", clock_a), _keeper(db, "b", clock_b)
    await a.turn()
    given_out = dict(a.held)
    await b.turn()
    lost = (await a.turn()).lost

    await _let_pass(db, TTL - MARGIN - 0.5, clock_a, clock_b)
    await b.turn()

    assert len(lost) == 5
    assert b.held == {}
    assert all(given_out[name].deadline_boot > clock_a.boot() for name in lost)


async def test_a_dead_owners_leases_move_within_twice_the_lease_time_under_a_higher_epoch(db: Database) -> None:
    clock_a, clock_b = ManualClock(), ManualClock()
    a, b = _keeper(db, "a", clock_a), _keeper(db, "b", clock_b)
    await a.turn()
    await b.turn()
    waited = 0.0
    while len(b.held) < len(SHARDS):
        await _let_pass(db, TTL / 3, clock_a, clock_b)
        waited += TTL / 3
        await b.turn()

    assert waited <= 2 * TTL
    assert {lease.epoch for lease in b.held.values()} == {2}


async def test_an_owner_that_slept_learns_what_it_lost(db: Database) -> None:
    clock_a, clock_b = ManualClock(), ManualClock()
    a, b = _keeper(db, "a", clock_a), _keeper(db, "b", clock_b)
    await a.turn()
    await _let_pass(db, TTL + 1, clock_a, clock_b)
    assert a.held == {}
    await b.turn()

    changes = await a.turn()

    assert set(changes.lost) == set(SHARDS)
    assert a.held == {}


async def test_a_restart_under_the_same_name_fences_what_the_old_process_still_has_in_hand(db: Database) -> None:
    await _keeper(db, "a").turn()

    again = _keeper(db, "a")
    await again.turn()

    assert {lease.epoch for lease in again.held.values()} == {2}


async def test_a_released_lease_is_taken_at_once(db: Database) -> None:
    a, b = _keeper(db, "a"), _keeper(db, "b")
    await a.turn()
    await a.release_all()

    await b.turn()

    assert a.held == {}
    assert len(b.held) == len(SHARDS)


async def test_one_relay_at_a_time_however_many_want_to_be_it(db: Database) -> None:
    keepers = [_keeper(db, owner, wanted=("relay",)) for owner in "abcde"]

    await asyncio.gather(*(keeper.turn() for keeper in keepers))

    assert sum(len(keeper.held) for keeper in keepers) == 1


async def _write(db: Database, lease: Lease) -> None:
    async with db.transaction() as tx:
        await fence(tx, lease, schema="poller")
        await tx.execute("INSERT INTO poller.replica VALUES ('written', now()) ON CONFLICT (owner) DO NOTHING")


async def _written(db: Database) -> bool:
    async with db.transaction() as tx:
        return bool(await tx.all("SELECT 1 FROM poller.replica WHERE owner = 'written'"))


async def test_a_write_behind_a_moved_epoch_is_refused(db: Database) -> None:
    a, b = _keeper(db, "a"), _keeper(db, "b")
    await a.turn()
    lease = a.held["shard/3"]
    await _let_pass(db, TTL + 1)
    await b.turn()

    with pytest.raises(LeaseLostError, match="shard/3"):
        await _write(db, lease)

    assert not await _written(db)


async def test_a_lease_cannot_move_between_the_fence_and_the_commit(db: Database) -> None:
    a, b = _keeper(db, "a"), _keeper(db, "b")
    await a.turn()
    lease = a.held["shard/3"]

    await _let_pass(db, TTL + 1)
    async with db.transaction() as tx:
        await fence(tx, lease, schema="poller")
        await b.turn()
        assert set(b.held) == set(SHARDS) - {"shard/3"}
    await b.turn()

    assert set(b.held) == set(SHARDS)


class _SlowNetwork(Database):
    """A database that is far away: time passes before BEGIN gets there, and before the answer to COMMIT is back."""

    def __init__(self, inner: Database) -> None:
        self._inner = inner
        self.delay = self.answer_delay = 0.0
        self.clocks: tuple[ManualClock, ...] = ()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        await _let_pass(self._inner, self.delay, *self.clocks)
        async with self._inner.transaction() as tx:
            yield tx
        await _let_pass(self._inner, self.answer_delay, *self.clocks)


_STEP = st.tuples(st.sampled_from("ab"), st.floats(0, TTL), st.floats(0, TTL), st.floats(0, TTL))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(steps=st.lists(_STEP, min_size=2, max_size=12))
async def test_a_paused_owners_deadline_has_passed_before_anybody_else_holds_its_lease(
    db: Database, steps: list[tuple[str, float, float, float]]
) -> None:
    async with db.transaction() as tx:
        await tx.execute("TRUNCATE poller.lease, poller.replica")
    clocks = {"a": ManualClock(), "b": ManualClock(boot=500_000.0)}
    slow = _SlowNetwork(db)
    slow.clocks = tuple(clocks.values())
    keepers = {owner: _keeper(slow, owner, clocks[owner]) for owner in "ab"}
    given_out: dict[str, list[Lease]] = {"a": [], "b": []}

    for owner, pause, delay, answer_delay in steps:
        await _let_pass(db, pause, *clocks.values())
        slow.delay, slow.answer_delay = delay, answer_delay
        changes = await keepers[owner].turn()
        given_out[owner].extend(keepers[owner].held.values())

        other = "b" if owner == "a" else "a"
        for lease in changes.gained:
            usable = [
                old for old in given_out[other] if old.name == lease.name and old.deadline_boot > clocks[other].boot()
            ]
            assert usable == []


async def test_as_a_loop_it_shares_between_two_and_takes_over_from_the_dead(db: Database) -> None:
    stops = {owner: asyncio.Event() for owner in "ab"}
    changes: list[LeaseChanges] = []
    keepers = {
        owner: LeaseKeeper(
            db,
            schema="poller",
            owner=owner,
            ttl_seconds=0.9,
            margin_seconds=0.2,
            clock=SystemClock(),
            wanted=SHARDS,
            on_change=changes.append,
        )
        for owner in "ab"
    }
    async with asyncio.TaskGroup() as group:
        for owner, keeper in keepers.items():
            group.create_task(keeper.run(stops[owner]))
        await eventually(lambda: [len(keeper.held) for keeper in keepers.values()] == [5, 5])
        stops["a"].set()
        await eventually(lambda: len(keepers["b"].held) == len(SHARDS))
        stops["b"].set()

    assert changes


async def test_a_database_that_is_away_moves_no_deadline(settings: PostgresSettings) -> None:
    clock = ManualClock()
    async with Database(settings, application_name="tests") as db:
        keeper = _keeper(db, "a", clock)
        await keeper.turn()
        before = dict(keeper.held)

    with pytest.raises(Exception, match="Postgres"):
        await keeper.turn()

    assert keeper.held == before
    clock.advance(TTL - MARGIN)
    assert keeper.held == {}
