"""What a turn that fails means, and for whom; over small fakes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from bridge.contracts.identity import Flow, TenantId
from bridge.contracts.reasons import Reason
from bridge.poller.application.ports import Post, Probe, SourceClosedError, SourcePausedError, Unit
from bridge.poller.application.reading import Reading
from bridge.poller.application.steps import Step
from bridge.poller.application.turns import FlowRules, Turns
from bridge.poller.domain.cursor import ReadPlan
from bridge.runtime.errors import ConfigurationError, LeaseLostError, SourceUnavailableError, StoreUnavailableError
from bridge.testkit.clock import ManualClock

ACME = Post(TenantId("acme"), Flow.CUSTOMERS, epoch=3)
MINUTE = timedelta(minutes=1)


@dataclass
class ScriptedPoll:
    """Begins polls and answers each step with the next of the script: rows told, the end (None), or a failure."""

    script: list[int | Exception | None]
    begun: list[Reading] = field(default_factory=list)

    async def begin(self, post: Post) -> Reading:
        self.begun.append(Reading(ReadPlan(None), post.epoch, began_at=1_000.0))
        return self.begun[-1]

    async def step(self, post: Post, reading: Reading, *, interval: timedelta) -> Step[Reading]:
        answer = self.script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Step(None, 0) if answer is None else Step(reading, answer)


@dataclass
class FakeMemory:
    """Counts the polls that ended early."""

    failures: list[str] = field(default_factory=list)

    def unit(self, post: Post) -> AbstractAsyncContextManager[Unit]:
        return self._unit()

    @asynccontextmanager
    async def _unit(self) -> AsyncIterator[Unit]:
        async def save_failure(error: str, *, due_in: timedelta) -> int:
            self.failures.append(error)
            return len(self.failures)

        yield cast("Unit", SimpleNamespace(save_failure=save_failure))  # the only method a failed turn calls

    async def due_in(self, tenants: Sequence[TenantId], flow: Flow) -> dict[TenantId, float]:
        return {}


@dataclass
class FakeGates:
    """Remembers which gates were closed."""

    closed: list[Reason] = field(default_factory=list)
    in_the_way: Reason | None = None

    def snapshot(self) -> object:
        return self.closed

    def blocked(self, tenant: TenantId) -> Reason | None:
        return self.in_the_way

    async def withdrawals_held(self, post: Post) -> bool:
        return False

    async def close(self, post: Post, reason: Reason, why: str) -> None:
        self.closed.append(reason)

    async def due_probes(self, tenants: Sequence[TenantId]) -> list[Probe]:
        return []

    async def open(self, probe: Probe) -> None:
        self.in_the_way = None


@dataclass
class Bench:
    """Turns over the fakes."""

    script: list[int | Exception | None]
    gates: FakeGates = field(default_factory=FakeGates)
    memory: FakeMemory = field(default_factory=FakeMemory)
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.poll = ScriptedPoll(self.script)
        self.turns = Turns(self.poll, self.memory, self.gates, self.clock, FlowRules(rate=100, burst=1000))

    async def turn(self) -> float:
        return await self.turns.turn(ACME, interval=MINUTE)


async def test_a_poll_goes_on_at_once_and_rests_until_its_interval_is_over() -> None:
    bench = Bench([10, 10, None])

    waits = [await bench.turn(), await bench.turn()]
    bench.clock.advance(20)
    waits.append(await bench.turn())

    assert waits == [0.0, 0.0, 40.0]
    assert len(bench.poll.begun) == 1


async def test_a_tenant_that_tells_more_than_its_burst_waits_for_its_rate() -> None:
    bench = Bench([1000, 500])

    assert [await bench.turn(), await bench.turn()] == [0.0, 5.0]


async def test_a_pause_that_the_source_asks_for_keeps_the_poll_and_closes_nothing() -> None:
    bench = Bench([SourcePausedError("pause", retry_after=timedelta(seconds=9)), None])

    assert await bench.turn() == 9.0
    await bench.turn()

    assert len(bench.poll.begun) == 1
    assert (bench.gates.closed, bench.memory.failures) == ([], [])


async def test_one_failing_poll_is_retried_and_two_close_the_gate() -> None:
    bench = Bench([SourceUnavailableError("no answer"), SourceUnavailableError("no answer")])

    assert await bench.turn() == 5.0
    assert bench.gates.closed == []
    await bench.turn()

    assert bench.gates.closed == [Reason.SOURCE_DOWN]
    assert len(bench.poll.begun) == 2


async def test_a_right_that_is_gone_closes_the_gate_at_once() -> None:
    bench = Bench([SourceClosedError(Reason.WRONG_COMPANY, "another company")])

    await bench.turn()

    assert bench.gates.closed == [Reason.WRONG_COMPANY]


async def test_an_unforeseen_error_of_one_tenant_ends_its_poll_and_not_the_process() -> None:
    bench = Bench([ZeroDivisionError("secret value")])

    await bench.turn()

    assert bench.memory.failures == ["An unforeseen ZeroDivisionError ended the poll."]


@pytest.mark.parametrize("error", [LeaseLostError("newer owner"), StoreUnavailableError("no database")])
async def test_what_is_not_the_sources_fault_is_never_counted_against_it(error: Exception) -> None:
    bench = Bench([error, None])

    await bench.turn()
    await bench.turn()

    assert (bench.gates.closed, bench.memory.failures) == ([], [])
    assert len(bench.poll.begun) == 2


async def test_a_configuration_that_cannot_work_ends_the_process() -> None:
    bench = Bench([ConfigurationError("Run 'bridge migrate'.")])

    with pytest.raises(ConfigurationError):
        await bench.turn()


async def test_a_closed_gate_keeps_the_tenant_from_being_read() -> None:
    bench = Bench([])
    bench.gates.in_the_way = Reason.CREDENTIALS_REFUSED

    assert await bench.turn() == 30.0
    assert bench.poll.begun == []


async def test_a_poll_begun_under_an_older_lease_is_begun_anew() -> None:
    bench = Bench([5, None])
    await bench.turn()

    await bench.turns.turn(Post(ACME.tenant, ACME.flow, epoch=4), interval=MINUTE)

    assert [reading.epoch for reading in bench.poll.begun] == [3, 4]
