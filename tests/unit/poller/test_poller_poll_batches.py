"""One poll of a tenant's batches, turn by turn, over small fakes."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from bridge.contracts.identity import EntityNumber, Flow, Revision, SourceId, TenantId, invoice_ref
from bridge.poller.application.observe import Observer
from bridge.poller.application.poll_batches import BatchPoll, BatchRules
from bridge.poller.application.ports import BatchList, InvoicePage, Memory, Post, SourcePausedError, Unit
from bridge.poller.domain.batches import BatchRead, KnownBatch, ListedBatch
from bridge.poller.domain.cursor import Cursor
from bridge.poller.domain.invoices import InvoiceRules
from bridge.poller.domain.memory import Content, Entity, Event, Record, Seen, Standing
from bridge.runtime.errors import TargetUnavailableError, TransientError
from bridge.testkit.clock import ManualClock

POST = Post(TenantId("acme"), Flow.INVOICES, epoch=1)
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass
class FakeMemory:
    """Remembers everything, hands all of it out, and counts the polls that came to their end."""

    now: datetime = NOON
    records: dict[SourceId, Record] = field(default_factory=dict)
    entities: dict[EntityNumber, Entity] = field(default_factory=dict)
    batches: dict[int, KnownBatch] = field(default_factory=dict)
    told: list[tuple[SourceId, str]] = field(default_factory=list)
    ends: int = 0

    def unit(self, post: Post) -> AbstractAsyncContextManager[Unit]:
        return self._unit()

    @asynccontextmanager
    async def _unit(self) -> AsyncIterator[Unit]:
        yield cast("Unit", _FakeUnit(self))

    async def due_in(self, tenants: Sequence[TenantId], flow: Flow) -> dict[TenantId, float]:
        return {}


@dataclass
class _FakeUnit:
    """What polls and looks call; its own `batches` too."""

    memory: FakeMemory

    @property
    def cursor(self) -> Cursor:
        return cast("Cursor", SimpleNamespace(as_of=self.memory.now))

    @property
    def batches(self) -> "_FakeUnit":
        return self

    async def note_listed(self, listed: Iterable[int], *, forget_after: timedelta) -> None:
        for number, known in self.memory.batches.items():
            since = None if number in listed else known.missing_since or self.memory.now
            self.memory.batches[number] = replace(known, missing_since=since)

    async def known(self) -> dict[int, KnownBatch]:
        return dict(self.memory.batches)

    async def forgotten(self) -> set[int]:
        return set()

    async def rows(self, batch: int) -> set[SourceId]:
        rows = {key for key, record in self.memory.records.items() if record.standing is not Standing.GONE}
        return {key for key in rows if key.startswith(f"{batch}/")}

    async def save(self, read: BatchRead) -> None:
        old = self.memory.batches.get(read.number)
        since = old.missing_since if old else None
        self.memory.batches[read.number] = KnownBatch(read.changed_at, read.settled, self.memory.now, since)

    async def recall(
        self, ids: Iterable[SourceId], numbers: Iterable[EntityNumber]
    ) -> tuple[dict[SourceId, Record], dict[EntityNumber, Entity]]:
        return dict(self.memory.records), dict(self.memory.entities)

    async def announce(self, events: Sequence[Event], *, page_traceparent: str | None) -> dict[EntityNumber, Revision]:
        self.memory.told += [(event.source_id, event.type.value.split(".")[1]) for event in events]
        return {}

    async def remember(
        self, records: Sequence[Record], entities: Sequence[Entity], revisions: Mapping[EntityNumber, Revision]
    ) -> None:
        self.memory.records |= {record.source_id: record for record in records}
        self.memory.entities |= {entity.number: entity for entity in entities}

    async def forgotten_unheld(self, limit: int) -> list[EntityNumber]:
        return []

    async def save_cursor(self, cursor: Cursor, *, due_in: timedelta) -> None:
        self.memory.ends += 1


@dataclass
class FakeSource:
    """Batches by number with their invoices.

    `broken` ones answer nothing, `gone` ones are gone, those that have `left` are listed no more, totals `lie`.
    """

    batches: dict[int, list[int]]
    changed_at: datetime = NOON - timedelta(hours=1)
    date: datetime = NOON
    broken: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    left: set[int] = field(default_factory=set)
    pauses: int = 0
    lie: int = 0
    read: list[int] = field(default_factory=list)

    async def list_batches(self, tenant: TenantId, *, after: int) -> BatchList:
        listed = [
            ListedBatch(number, self.changed_at, len(rows))
            for number, rows in sorted(self.batches.items())
            if number > after and number not in self.left
        ]
        more = len(listed) > 2
        return BatchList(tuple(listed[:2]), 0, listed[1].number if more else None, self.date)

    async def list_invoices(
        self, tenant: TenantId, batch: ListedBatch, *, offset: int, count: int
    ) -> InvoicePage | None:
        if self.pauses:
            self.pauses -= 1
            raise SourcePausedError("slowly", retry_after=MINUTE)
        if batch.number in self.broken:
            raise TargetUnavailableError(f"batch {batch.number} does not answer")
        self.read.append(batch.number)
        if batch.number in self.gone:
            return None
        rows = self.batches[batch.number]
        shown = [_seen(batch, number) for number in rows[offset : offset + count]]
        return InvoicePage(tuple(shown), len(rows) + self.lie)

    async def check(self, tenant: TenantId) -> None:
        """Nothing here is ever closed."""


def _seen(batch: ListedBatch, number: int) -> Seen:
    content = Content(b"%d" % number, f"hash-{number}")
    return Seen(invoice_ref(batch.number, number), EntityNumber(str(number)), 0, batch.changed_at, content)


@dataclass
class Bench:
    """A poll over the fakes, in pages of two invoices."""

    source: FakeSource
    memory: FakeMemory = field(default_factory=FakeMemory)

    async def poll(self) -> int:
        """Carry a whole poll through and return its turns."""
        memory = cast("Memory", self.memory)
        observer = Observer(memory, InvoiceRules(), None)
        rules = BatchRules(page_rows=2)
        poll = BatchPoll(memory=memory, source=self.source, observer=observer, clock=ManualClock(), rules=rules)
        reading, turns = await poll.begin(POST), 0
        while True:
            try:
                step = await poll.step(POST, reading, interval=MINUTE)
            except SourcePausedError:
                continue
            turns += 1
            if step.reading is None:
                return turns


async def test_all_pages_of_the_list_are_read_and_settled_batches_not_again_for_an_hour() -> None:
    bench = Bench(FakeSource({88: [1], 89: [2, 3, 4], 90: [5], 91: []}))

    await bench.poll()
    first, bench.source.read = bench.source.read, []
    await bench.poll()
    idle, bench.memory.now = [*bench.source.read], NOON + timedelta(hours=1)
    await bench.poll()

    assert (first, idle) == ([88, 89, 89, 89, 90, 91], [])
    assert set(bench.source.read) == {88, 89, 90, 91}
    assert [source_id for source_id, _ in bench.memory.told] == ["88/1", "89/2", "89/3", "89/4", "90/5"]
    assert bench.memory.ends == 3


async def test_a_batch_that_changed_a_moment_ago_is_read_at_every_poll_until_it_has_settled() -> None:
    bench = Bench(FakeSource({88: [1]}, changed_at=NOON))
    seconds = (0, 60, 119, 120, 180)

    for after in seconds:
        bench.source.date = NOON + timedelta(seconds=after)
        await bench.poll()

    assert bench.source.read == [88] * 4
    assert len(bench.memory.told) == 1


async def test_a_pause_asked_for_within_a_batch_loses_and_repeats_nothing() -> None:
    bench = Bench(FakeSource({88: [1, 2, 3]}, pauses=2))

    await bench.poll()

    assert [source_id for source_id, _ in bench.memory.told] == ["88/1", "88/2", "88/3"]


async def test_a_batch_that_is_gone_between_list_and_read_is_no_error_and_withdraws_nothing() -> None:
    bench = Bench(FakeSource({88: [1], 89: [2]}))
    await bench.poll()
    bench.source.gone, bench.source.changed_at = {88}, NOON

    await bench.poll()

    assert bench.source.read == [88, 89, 88, 89]
    assert bench.memory.told == [("88/1", "generated"), ("89/2", "generated")]
    assert bench.memory.ends == 2


async def _after_leaving(bench: Bench, *numbers: int) -> list[int]:
    """Let batches leave the list, poll three times, and return which batches were read."""
    await bench.poll()
    bench.source.left, bench.source.read = set(numbers), []
    for _ in range(3):
        bench.memory.now += MINUTE
        await bench.poll()
    return bench.source.read


async def test_a_batch_that_left_the_list_is_read_once_and_what_was_taken_out_of_it_is_withdrawn() -> None:
    bench = Bench(FakeSource({88: [1, 2], 89: [3]}))
    await bench.poll()
    bench.source.batches[88] = [1]

    read = await _after_leaving(bench, 88)

    assert read == [88]
    assert bench.memory.told[3:] == [("88/2", "withdrawn")]


async def test_a_batch_that_left_the_list_whole_withdraws_nothing() -> None:
    bench = Bench(FakeSource({88: [1, 2], 89: [3]}))

    read = await _after_leaving(bench, 88)

    assert read == [88, 88]
    assert len(bench.memory.told) == 3


@pytest.mark.parametrize("emptied", [False, True], ids=["cleared away", "emptied"])
async def test_a_batch_that_left_the_list_and_shows_nothing_any_more_tells_nothing(emptied: bool) -> None:
    """A source that clears finished batches away must not take back what is in the books."""
    bench = Bench(FakeSource({88: [1, 2], 89: [3]}))
    await bench.poll()
    if emptied:
        bench.source.batches[88] = []
    else:
        bench.source.gone = {88}

    read = await _after_leaving(bench, 88)

    assert len(bench.memory.told) == 3
    assert set(read) == {88}
    assert bench.memory.ends == 5


async def test_batches_that_cannot_be_read_stop_no_other_and_stay_due() -> None:
    bench = Bench(FakeSource({88: [1], 89: [2], 90: [3]}, broken={88, 89}))

    await bench.poll()
    bench.source.broken.clear()
    await bench.poll()

    assert [source_id for source_id, _ in bench.memory.told] == ["90/3", "88/1", "89/2"]
    assert bench.memory.ends == 2


@pytest.mark.parametrize("broken", [{88}, {88, 89}, {88, 89, 90}])
async def test_a_source_whose_batches_all_fail_ends_the_poll_early(broken: set[int]) -> None:
    bench = Bench(FakeSource({number: [number] for number in broken}, broken=broken))

    with pytest.raises(TransientError, match=r"batch \d+ does not answer"):
        await bench.poll()

    assert bench.memory.ends == 0


async def test_three_batches_in_a_row_that_fail_are_the_sources_fault() -> None:
    bench = Bench(FakeSource({88: [1], 89: [2], 90: [3], 91: [4], 92: [5]}, broken={89, 90, 91, 92}))

    with pytest.raises(TargetUnavailableError, match=r"batch 9[12]"):
        await bench.poll()

    assert bench.memory.told == [("88/1", "generated")]


async def test_three_broken_batches_in_a_row_do_not_hide_those_behind_them_for_ever() -> None:
    bench = Bench(FakeSource({number: [number] for number in range(88, 96)}, broken={88, 89, 90}))

    for _ in range(100):
        with suppress(TargetUnavailableError):
            await bench.poll()

    assert {source_id for source_id, _ in bench.memory.told} == {f"{number}/{number}" for number in range(91, 96)}


async def test_batches_that_fail_between_good_ones_are_their_own_fault() -> None:
    bench = Bench(FakeSource({number: [number] for number in range(88, 94)}, broken={88, 90, 92}))

    await bench.poll()

    assert bench.source.read == [89, 91, 93]
    assert bench.memory.ends == 1


async def test_what_a_complete_read_does_not_show_is_taken_back_and_what_a_torn_one_misses_is_not() -> None:
    bench = Bench(FakeSource({88: [1, 2, 3]}))
    await bench.poll()
    bench.source.batches[88], bench.source.changed_at = [1, 3], NOON - MINUTE
    bench.source.lie = 1
    await bench.poll()
    torn = [*bench.memory.told]

    bench.source.lie = 0
    await bench.poll()

    assert torn == [("88/1", "generated"), ("88/2", "generated"), ("88/3", "generated")]
    assert bench.memory.told[3:] == [("88/2", "withdrawn")]
