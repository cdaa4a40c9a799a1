"""The loop commits what is delivered, in that order, and says when no progress is made."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from bridge.runtime.checkpoints import Checkpoint
from bridge.runtime.errors import BrokerUnavailableError
from bridge.runtime.health import Health
from bridge.testkit.clock import ManualClock
from bridge.testkit.customer_events import customer_changed
from bridge.transformer.application.lag_watch import LagWatch
from bridge.transformer.application.progress import Progress
from bridge.transformer.application.record import MappedRecord, SourceRecord
from bridge.transformer.application.route import CUSTOMERS
from bridge.transformer.application.transform import Transform


def _record(number: int) -> SourceRecord:
    event = customer_changed(number)
    return SourceRecord(CUSTOMERS, "customer-changed", 0, number, 0, event.key, event.value, event.headers)


class InMemoryLog:
    """Source and sink at once; writes down what is done in which order."""

    def __init__(self, batches: Sequence[Sequence[SourceRecord]]) -> None:
        self.batches = list(batches)
        self.done: list[str] = []
        self.breaks = False
        self.known_lag: Mapping[tuple[str, int], int] | Exception | None = {}
        self.stop = asyncio.Event()

    async def next_batch(self, wait_seconds: float) -> Sequence[SourceRecord]:
        """Hand out the next batch; tell the loop to stop with the last one."""
        batch = self.batches.pop(0)
        if not self.batches:
            self.stop.set()
        return batch

    async def deliver(self, records: Sequence[MappedRecord]) -> None:
        """Keep the records, or refuse them."""
        if self.breaks:
            raise BrokerUnavailableError("The records are not known to be stored.")
        self.done += [f"deliver {record.envelope.entity}" for record in records]

    async def acknowledge(self) -> None:
        """Write it down."""
        self.done.append("acknowledge")

    async def lag(self) -> Mapping[tuple[str, int], int] | None:
        """Answer what was set."""
        if isinstance(self.known_lag, Exception):
            raise self.known_lag
        return self.known_lag

    def checkpoint(self, checkpoint: Checkpoint, ids: Mapping[str, object]) -> None:
        """Write it down."""
        self.done.append(checkpoint.value)


def _transform(log: InMemoryLog, progress: Progress, health: Health) -> Transform:
    return Transform(log, log, progress=progress, health=health, checkpoints=log.checkpoint)


async def test_a_batch_is_delivered_whole_before_it_is_acknowledged() -> None:
    clock = ManualClock()
    log = InMemoryLog([[_record(1), _record(2)], [], [_record(3)]])

    await _transform(log, Progress(clock, limit_seconds=60), Health(clock)).run(log.stop)

    point = Checkpoint.AFTER_MAPPED_ACK_BEFORE_INPUT_COMMIT.value
    assert log.done == ["deliver 1", "deliver 2", point, "acknowledge", "deliver 3", point, "acknowledge"]


async def test_a_failed_delivery_ends_the_loop_without_an_acknowledgement() -> None:
    clock = ManualClock()
    log = InMemoryLog([[_record(1)], [_record(2)]])
    log.breaks = True

    with pytest.raises(BrokerUnavailableError):
        await _transform(log, Progress(clock, limit_seconds=60), Health(clock)).run(log.stop)

    assert log.done == []


async def test_each_turn_beats_even_without_records() -> None:
    clock = ManualClock()
    health = Health(clock)
    log = InMemoryLog([[], []])

    await _transform(log, Progress(clock, limit_seconds=60), health).run(log.stop)

    assert health.loops() == ["transform"]


def test_a_process_without_its_partitions_is_not_ready() -> None:
    progress = Progress(ManualClock(), limit_seconds=60)

    assert progress.problem() is not None
    progress.behind(0)
    assert progress.problem() is None


def test_records_that_wait_while_none_is_mapped_make_it_unready_until_one_is() -> None:
    clock = ManualClock()
    progress = Progress(clock, limit_seconds=60)
    progress.behind(5)

    clock.advance(61)
    assert progress.problem() == "5 records wait and none was mapped for 61 s (limit 60 s)."
    progress.done()

    assert progress.problem() is None


def test_a_batch_in_hand_that_is_never_delivered_makes_it_unready() -> None:
    clock = ManualClock()
    progress = Progress(clock, limit_seconds=60)
    progress.took(7)
    progress.behind(0)

    clock.advance(61)

    assert progress.problem() is not None


def test_idling_for_hours_is_no_problem_when_the_first_record_comes() -> None:
    clock = ManualClock()
    progress = Progress(clock, limit_seconds=60)
    progress.behind(0)
    clock.advance(7200)
    progress.behind(0)

    progress.behind(3)

    assert progress.problem() is None


@pytest.mark.parametrize("silence", [TimeoutError(), BrokerUnavailableError("The broker did not answer.")])
async def test_a_broker_that_does_not_answer_changes_nothing_that_was_known(silence: Exception) -> None:
    clock = ManualClock()
    progress, log = Progress(clock, limit_seconds=60), InMemoryLog([])
    watch = LagWatch(log, group="transformer", progress=progress, health=Health(clock), interval_seconds=5)
    log.known_lag = {("customer-changed", 0): 4, ("customer-changed", 1): 2}
    await watch.look()
    clock.advance(61)

    log.known_lag = silence
    await watch.look()

    assert progress.problem() == "6 records wait and none was mapped for 61 s (limit 60 s)."
