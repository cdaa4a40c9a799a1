"""Operator acts on real Postgres: asked for once, applied once, by the owner of the tenant's shard."""

import asyncio

import pytest

from bridge.contracts.identity import EntityNumber, Flow, Generation, Revision, Shard, TenantId, Version, shard_of
from bridge.durable.database import Database
from bridge.durable.errors import ConstraintViolatedError
from bridge.tenancy.acts import Act, ActNotFoundError, ActStatus, ActStore
from bridge.testkit.tenant_files import apply_file, tenant_entry, tenant_file

ACME = TenantId("acme")
SHARD = shard_of(ACME)
OTHER_SHARD = shard_of(TenantId("brim"))


@pytest.fixture
async def acts(db: Database) -> ActStore:
    await apply_file(db, tenant_file(tenant_entry("acme")))
    return ActStore(db)


async def _request(acts: ActStore, verb: str = "letter.retry") -> int:
    return await acts.request(
        who="jane",
        why="mended at the source",
        verb=verb,
        tenant=ACME,
        flow=Flow.CUSTOMERS,
        entity=EntityNumber("10472"),
        version=Version(Revision(7), Generation(2)),
        args={"letter": 5},
    )


async def _pending(
    db: Database, acts: ActStore, *shards: Shard, verbs: tuple[str, ...] = ("letter.retry",)
) -> list[Act]:
    async with db.transaction() as tx:
        return await acts.pending(tx, verbs=verbs, shards=shards)


async def test_a_requested_act_reaches_its_owner_whole(db: Database, acts: ActStore) -> None:
    act_id = await _request(acts)

    [act] = await _pending(db, acts, SHARD)

    assert (act.id, act.who, act.why, act.verb, act.tenant) == (
        act_id,
        "jane",
        "mended at the source",
        "letter.retry",
        ACME,
    )
    assert (act.flow, act.entity, act.version) == (Flow.CUSTOMERS, "10472", Version(Revision(7), Generation(2)))
    assert (act.args, act.status, act.outcome) == ({"letter": 5}, ActStatus.REQUESTED, None)


async def test_only_the_shards_owner_and_the_verbs_owner_see_it(db: Database, acts: ActStore) -> None:
    await _request(acts)

    assert await _pending(db, acts, OTHER_SHARD) == []
    assert await _pending(db, acts, SHARD, verbs=("resync",)) == []


async def test_acts_that_wait_for_a_paused_tenant_stand_in_nobodys_way(db: Database, acts: ActStore) -> None:
    brim = TenantId("brim")
    await apply_file(db, tenant_file(tenant_entry("acme", paused=True), tenant_entry("brim")))
    for _ in range(3):
        await _request(acts)
    wanted = await acts.request(who="joe", why="restored", verb="letter.retry", tenant=brim)

    async with db.transaction() as tx:
        awake = await acts.pending(tx, verbs=["letter.retry"], shards=[SHARD, OTHER_SHARD], limit=2, awake_only=True)

    assert [act.id for act in awake] == [wanted]


async def test_an_act_that_one_is_applying_is_skipped_by_another(db: Database, acts: ActStore) -> None:
    await _request(acts)

    async with db.transaction() as tx:
        held = await acts.pending(tx, verbs=["letter.retry"], shards=[SHARD])
        assert len(held) == 1
        assert await _pending(db, acts, SHARD) == []


async def test_an_act_is_finished_once_with_what_became_of_it(db: Database, acts: ActStore) -> None:
    act_id = await _request(acts)
    async with db.transaction() as tx:
        assert await acts.finish(tx, act_id, ActStatus.REFUSED, "the entity has moved to 8.0")
        assert not await acts.finish(tx, act_id, ActStatus.DONE, "again")

    act = await acts.get(act_id)

    assert (act.status, act.outcome) == (ActStatus.REFUSED, "the entity has moved to 8.0")
    assert act.done_at is not None
    assert await _pending(db, acts, SHARD) == []


async def test_an_act_whose_transaction_fails_is_still_waiting(db: Database, acts: ActStore) -> None:
    act_id = await _request(acts)

    async def fail() -> None:
        async with db.transaction() as tx:
            await acts.finish(tx, act_id, ActStatus.DONE, "done")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()

    assert [act.id for act in await _pending(db, acts, SHARD)] == [act_id]


async def test_waiting_ends_when_the_owner_has_applied_it(db: Database, acts: ActStore) -> None:
    act_id = await _request(acts)
    waiting = asyncio.create_task(acts.wait(act_id, timeout_seconds=10))
    async with db.transaction() as tx:
        await acts.finish(tx, act_id, ActStatus.DONE, "sent again")

    assert (await waiting).outcome == "sent again"


async def test_waiting_in_vain_returns_the_act_as_it_stands(acts: ActStore) -> None:
    act = await acts.wait(await _request(acts), timeout_seconds=0.05)

    assert act.status is ActStatus.REQUESTED


@pytest.mark.parametrize(("who", "why"), [(" ", "reason"), ("jane", " \n")], ids=["nobody", "no-reason"])
async def test_an_act_without_who_or_why_is_refused(acts: ActStore, who: str, why: str) -> None:
    with pytest.raises(ConstraintViolatedError):
        await acts.request(who=who, why=why, verb="resync", tenant=ACME)


async def test_an_act_that_is_not_there_is_said_so(acts: ActStore) -> None:
    with pytest.raises(ActNotFoundError, match="9999"):
        await acts.get(9999)
