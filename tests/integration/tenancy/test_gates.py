"""Gates on real Postgres: written on change only, probed by one, and a person's wish stands (A10)."""

import asyncio
from datetime import timedelta

import pytest

from bridge.contracts.identity import Flow, TenantId
from bridge.contracts.reasons import Reason
from bridge.durable.database import Database
from bridge.tenancy.acts import ActStore
from bridge.tenancy.gates import Gate, GateKey, GateRefusedError, GateStore, System
from bridge.testkit.tenant_files import apply_file, tenant_entry, tenant_file

ACME = TenantId("acme")
OC2 = GateKey.system(ACME, System.OC2)
HOST = GateKey.host("tripletex.no")
FLOW = GateKey.flow(ACME, Flow.CUSTOMERS)
STORE = GateStore()
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def gated(db: Database) -> Database:
    await apply_file(db, tenant_file(tenant_entry("acme"), tenant_entry("brim")))
    async with db.transaction() as tx:
        await tx.execute("DELETE FROM control.gate")
    return db


async def _close(
    db: Database,
    key: GateKey,
    reason: Reason = Reason.TARGET_DOWN,
    *,
    probe_in: timedelta = MINUTE,
    lasts: timedelta | None = None,
) -> bool:
    async with db.transaction() as tx:
        return await STORE.close(
            tx, key, reason=reason, why="two entities failed", closed_by="publisher", probe_in=probe_in, lasts=lasts
        )


async def _gate(db: Database, key: GateKey) -> Gate | None:
    async with db.transaction() as tx:
        return {gate.key: gate for gate in await STORE.all(tx)}.get(key)


async def _due(db: Database, *tenants: TenantId, closed_by: str = "publisher") -> list[GateKey]:
    async with db.transaction() as tx:
        return [g.key for g in await STORE.probe_due(tx, closed_by=closed_by, tenants=tenants, every=MINUTE)]


async def test_a_gate_closes_once_and_is_not_written_again_for_the_same_reason(gated: Database) -> None:
    first = await _close(gated, OC2)
    before = await _gate(gated, OC2)
    second = await _close(gated, OC2, probe_in=timedelta(hours=1))

    assert (first, second) == (True, False)
    assert await _gate(gated, OC2) == before
    assert before is not None
    assert (before.reason, before.closed_by, before.half_open) == (Reason.TARGET_DOWN, "publisher", False)


async def test_another_reason_replaces_the_first_and_a_longer_pause_extends_it(gated: Database) -> None:
    await _close(gated, OC2)
    assert await _close(gated, OC2, Reason.RATE_LIMITED, lasts=timedelta(seconds=10))
    assert not await _close(gated, OC2, Reason.RATE_LIMITED, lasts=timedelta(seconds=5))
    assert await _close(gated, OC2, Reason.RATE_LIMITED, lasts=timedelta(seconds=60))


async def test_a_good_probe_lets_one_at_a_time_through_and_a_success_opens(gated: Database) -> None:
    await _close(gated, OC2)
    async with gated.transaction() as tx:
        assert not await STORE.open(tx, OC2)
        assert await STORE.half_open(tx, OC2, reason=Reason.TARGET_DOWN)
        assert not await STORE.half_open(tx, OC2, reason=Reason.TARGET_DOWN)
    half = await _gate(gated, OC2)
    assert half is not None
    assert half.half_open

    async with gated.transaction() as tx:
        assert await STORE.open(tx, OC2)
        assert not await STORE.open(tx, OC2)

    assert await _gate(gated, OC2) is None


async def test_a_failure_in_the_half_open_gate_closes_it_again(gated: Database) -> None:
    await _close(gated, OC2)
    async with gated.transaction() as tx:
        await STORE.half_open(tx, OC2, reason=Reason.TARGET_DOWN)

    assert await _close(gated, OC2)

    gate = await _gate(gated, OC2)
    assert gate is not None
    assert not gate.half_open
    assert gate.next_probe is not None


async def test_a_probe_for_one_reason_opens_nothing_that_was_closed_for_another_meanwhile(gated: Database) -> None:
    await _close(gated, OC2)
    await _close(gated, OC2, Reason.CREDENTIALS_REFUSED)

    async with gated.transaction() as tx:
        assert not await STORE.half_open(tx, OC2, reason=Reason.TARGET_DOWN)


async def test_what_a_person_closed_survives_probes_successes_and_automatic_reasons(gated: Database) -> None:
    await _close(gated, OC2, probe_in=timedelta(0))
    async with gated.transaction() as tx:
        await STORE.half_open(tx, OC2, reason=Reason.TARGET_DOWN)
        await STORE.close_by_hand(tx, OC2, who="jane", why="stocktaking")

    assert await _due(gated, ACME) == []
    assert not await _close(gated, OC2, Reason.RATE_LIMITED)
    async with gated.transaction() as tx:
        assert not await STORE.half_open(tx, OC2, reason=Reason.CLOSED_BY_OPERATOR)
        assert not await STORE.open(tx, OC2)
    gate = await _gate(gated, OC2)
    assert gate is not None
    assert (gate.reason, gate.closed_by, gate.why) == (Reason.CLOSED_BY_OPERATOR, "operator:jane", "stocktaking")

    async with gated.transaction() as tx:
        assert await STORE.open_by_hand(tx, OC2, who="jane", why="done") == gate
    assert await _gate(gated, OC2) is None
    assert [act.verb for act in await ActStore(gated).of_tenant(ACME)][:2] == ["gate.open", "gate.close"]


async def test_a_tenant_that_is_not_live_is_opened_by_going_live_only(gated: Database) -> None:
    async with gated.transaction() as tx:
        await STORE.close_new(tx, FLOW)
    async with gated.transaction() as tx:
        with pytest.raises(GateRefusedError, match="go-live"):
            await STORE.open_by_hand(tx, FLOW, who="jane", why="hurry")
        with pytest.raises(GateRefusedError, match="go-live"):
            await STORE.close_by_hand(tx, FLOW, who="jane", why="hurry")

    gate = await _gate(gated, FLOW)
    assert gate is not None
    assert gate.reason is Reason.NOT_LIVE


async def test_a_due_probe_goes_to_exactly_one_of_many_replicas(gated: Database) -> None:
    await _close(gated, HOST, probe_in=timedelta(0))
    await _close(gated, OC2, probe_in=timedelta(0))

    claims = await asyncio.gather(*(_due(gated, ACME) for _ in range(6)))

    claimed = [key for claim in claims for key in claim]
    assert len(claimed) == 2
    assert set(claimed) == {HOST, OC2}
    assert await _due(gated, ACME) == []


async def test_a_claim_that_is_not_committed_yet_is_skipped_by_the_others(gated: Database) -> None:
    await _close(gated, OC2, probe_in=timedelta(0))

    async with gated.transaction() as tx:
        claimed = await STORE.probe_due(tx, closed_by="publisher", tenants=[ACME], every=MINUTE)
        async with asyncio.timeout(5):
            assert await _due(gated, ACME) == []

    assert [gate.key for gate in claimed] == [OC2]


async def test_a_probe_is_due_for_the_tenants_owner_and_the_service_that_closed_it_alone(gated: Database) -> None:
    await _close(gated, OC2, probe_in=timedelta(0))

    assert await _due(gated, TenantId("brim")) == []
    assert await _due(gated, ACME, closed_by="poller") == []
    assert await _due(gated, ACME) == [OC2]


async def test_a_gate_without_a_next_probe_is_probed_soon_not_never(gated: Database) -> None:
    await _close(gated, OC2)
    async with gated.transaction() as tx:
        await tx.execute("UPDATE control.gate SET next_probe_at = NULL")

    assert await _due(gated, ACME) == [OC2]


async def test_a_reason_of_a_newer_release_is_opened_by_nobody_here(gated: Database) -> None:
    await _close(gated, OC2)
    async with gated.transaction() as tx:
        await tx.execute("UPDATE control.gate SET reason = 'from_the_future'")

    gate = await _gate(gated, OC2)

    assert gate is not None
    assert gate.reason is Reason.CLOSED_BY_OPERATOR
