"""Who gets a turn when, in virtual time."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from bridge.contracts.identity import Flow, TenantId
from bridge.contracts.reasons import Reason
from bridge.poller.application.ports import Charge, Post, Probe, Unit
from bridge.poller.application.rounds import Rounds
from bridge.poller.domain.schedule import Slots
from bridge.runtime.errors import ConfigurationError

pytestmark = pytest.mark.looptime


class LoopClock:
    """The event loop's own, virtual time."""

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.boot(), UTC)

    def boot(self) -> float:
        return asyncio.get_running_loop().time()


@dataclass
class World:
    """A roster, a memory, gates and turns in one: each tenant's turn takes `lasts` seconds."""

    lasts: Mapping[TenantId, float]
    charged: dict[TenantId, Charge] = field(default_factory=dict)
    gates: dict[TenantId, Reason] = field(default_factory=dict)
    turns: Counter[TenantId] = field(default_factory=Counter)
    forgotten: list[TenantId] = field(default_factory=list)
    fails: Exception | None = None

    def __post_init__(self) -> None:
        self.charged = {tenant: charge(tenant) for tenant in self.lasts}

    def charges(self) -> Mapping[TenantId, Charge]:
        return self.charged

    def unit(self, post: Post) -> AbstractAsyncContextManager[Unit]:
        raise AssertionError("rounds open no unit")

    async def due_in(self, tenants: Sequence[TenantId], flow: Flow) -> dict[TenantId, float]:
        return {}

    def snapshot(self) -> object:
        return self.gates

    def blocked(self, tenant: TenantId) -> Reason | None:
        return self.gates.get(tenant)

    async def withdrawals_held(self, post: Post) -> bool:
        return False

    async def close(self, post: Post, reason: Reason, why: str) -> None:
        raise AssertionError("rounds close no gate")

    async def due_probes(self, tenants: Sequence[TenantId]) -> list[Probe]:
        return []

    async def open(self, probe: Probe) -> None:
        raise AssertionError("rounds open no gate")

    def forget(self, tenant: TenantId) -> None:
        self.forgotten.append(tenant)

    async def turn(self, post: Post, *, interval: timedelta) -> float:
        if self.fails:
            raise self.fails
        self.turns[post.tenant] += 1
        await asyncio.sleep(self.lasts[post.tenant])
        return 30.0 if post.tenant in self.gates else interval.total_seconds()


def charge(tenant: TenantId, *, stamp: int = 1) -> Charge:
    return Charge(Post(tenant, Flow.CUSTOMERS, 1), timedelta(seconds=10), stamp)


def tenants(prefix: str, count: int) -> list[TenantId]:
    return [TenantId(f"{prefix}-{i}") for i in range(count)]


async def rounds_for(world: World, seconds: float, *, slots: int = 4) -> Rounds:
    """Run rounds over the world for so long and return them."""
    rounds = Rounds(
        roster=world,
        turns=world,
        memory=world,
        gates=world,
        clock=LoopClock(),
        slots=Slots(slots),
        flow=Flow.CUSTOMERS,
        slow_seconds=2.0,
        beat=lambda _: None,
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, stop.set)
    await rounds.run(stop)
    return rounds


async def test_every_tenant_gets_its_turn_once_per_interval() -> None:
    world = World(dict.fromkeys(tenants("t", 20), 0.1))

    await rounds_for(world, 95)

    assert set(world.turns.values()) <= {9, 10}


async def test_slow_tenants_however_many_leave_quick_ones_their_pace() -> None:
    slow, quick = tenants("slow", 40), tenants("quick", 10)
    world = World({**dict.fromkeys(slow, 30.0), **dict.fromkeys(quick, 0.1)})

    await rounds_for(world, 600)

    # Before their first turn nobody knows which ones are slow: they may fill every slot once.
    assert min(world.turns[tenant] for tenant in quick) >= 25
    assert min(world.turns[tenant] for tenant in slow) >= 1


async def test_a_tenant_never_has_two_turns_at_once_and_one_asked_for_meanwhile_follows() -> None:
    acme = TenantId("acme")
    world = World({acme: 3.0})
    rounds = Rounds(
        roster=world, turns=world, memory=world, gates=world, clock=LoopClock(), slots=Slots(4),
        flow=Flow.CUSTOMERS, slow_seconds=2.0, beat=lambda _: None,
    )  # fmt: skip
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.call_later(1.0, rounds.poll_anew, acme)
    loop.call_later(2.9, lambda: world.turns.update({TenantId("seen at 2.9 s"): world.turns[acme]}))
    loop.call_later(5.0, stop.set)

    await rounds.run(stop)

    assert world.turns[TenantId("seen at 2.9 s")] == 1
    assert world.turns[acme] == 2


async def test_a_tenant_that_left_the_roster_gets_no_more_turns_and_one_that_came_is_read_soon() -> None:
    acme, boreal = TenantId("acme"), TenantId("boreal")
    world = World({acme: 0.1, boreal: 0.1})
    world.charged = {acme: charge(acme)}

    def swap() -> None:
        world.charged = {boreal: charge(boreal)}

    asyncio.get_running_loop().call_later(5.0, swap)
    await rounds_for(world, 30)

    assert world.turns[acme] == 1
    assert world.turns[boreal] == 3
    assert acme in world.forgotten


async def test_a_gate_that_opens_brings_the_next_turn_forward() -> None:
    acme = TenantId("acme")
    world = World({acme: 0.1})
    world.gates = {acme: Reason.SOURCE_DOWN}

    def let_through() -> None:
        world.gates = {}

    asyncio.get_running_loop().call_later(5.0, let_through)
    await rounds_for(world, 7)

    assert world.turns[acme] == 2


async def test_an_error_that_concerns_the_process_ends_the_rounds() -> None:
    world = World({TenantId("acme"): 0.1}, fails=ConfigurationError("Run 'bridge migrate'."))

    with pytest.raises(ConfigurationError):
        await rounds_for(world, 30)


async def test_rounds_leave_within_moments_though_a_turn_hangs() -> None:
    world = World({TenantId("hanging"): 3600.0})
    begun = asyncio.get_running_loop().time()

    await rounds_for(world, 2)

    assert asyncio.get_running_loop().time() - begun < 10
