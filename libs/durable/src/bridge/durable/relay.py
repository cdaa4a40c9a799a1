"""The relay: moves outbox rows to the broker, at least once, in id order per entity.

Owns the rounds: read, publish, await the acknowledgements, delete what was acknowledged. One relay per schema works
at a time, by lease. Knows no broker: the producer is handed in, with the class of its records.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Generic, Protocol, TypeVar, runtime_checkable

from bridge.contracts.headers import TRACEPARENT, Header
from bridge.durable.database import Database
from bridge.durable.lease import Lease, LeaseKeeper, fence, ignore_beat
from bridge.durable.outbox import Outbox, OutboxDepth, OutboxRow, Refused
from bridge.runtime import semconv
from bridge.runtime.checkpoints import Checkpoint, Checkpoints, no_checkpoints
from bridge.runtime.clock import Clock
from bridge.runtime.errors import LeaseLostError, TransientError
from bridge.runtime.lifecycle import until_stopped
from bridge.runtime.logging import get_logger
from bridge.runtime.metrics import Metric, count, gauge
from bridge.runtime.tracing import Span, SpanKind, start_root_span

MAX_ATTEMPTS: Final = 3
"""Refusals that are the row's own fault before it is set aside."""
RELAY_LEASE: Final = "relay"
MAX_LINKS: Final = 128
"""OpenTelemetry's own limit of links per span; more would be dropped silently."""
_DEPTH_EVERY_SECONDS: Final = 2.0

_log: Final = get_logger(__name__)


@runtime_checkable
class AckedRecord(Protocol):
    """The broker has the record."""

    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...


@runtime_checkable
class UnsentRecord(Protocol):
    """The broker has not acknowledged the record; guilty if it refuses this record for itself."""

    @property
    def error(self) -> str: ...
    @property
    def record_is_guilty(self) -> bool: ...


R = TypeVar("R")
R_contra = TypeVar("R_contra", contravariant=True)


class RelayProducer(Protocol[R_contra]):
    """What the relay asks of a producer; `bridge.messaging.producer.BatchProducer` is one."""

    async def send(
        self, records: Sequence[R_contra], *, deadline_seconds: float
    ) -> Sequence[AckedRecord | UnsentRecord]:
        """Send, and say for each record, in input order, what became of it by the deadline."""
        ...


MakeRecord = Callable[[str, bytes | None, bytes, tuple[Header, ...]], R]
"""Topic, key, value, headers to the producer's record; `bridge.messaging.record.Outgoing` is one."""


@dataclass(slots=True)
class RelayReport:
    """Counts of one round. `unsent` are rows that stay for the next round through no fault of their own."""

    published: int = 0
    unsent: int = 0
    refused: list[Refused] = field(default_factory=list)
    full: bool = False
    """Whether the round was filled, so that more rows probably wait."""


@dataclass(slots=True)
class _Sent:
    acked: list[int] = field(default_factory=list)
    guilty: list[tuple[int, str]] = field(default_factory=list)
    unsent: int = 0


class Relay(Generic[R]):
    """Publishes one schema's outbox while it holds the lease; a `Loop`.

    Args:
        keeper: Holds the lease `relay`.
        producer: Where records go; `record` makes them.
        batch: Rows in one round, 1 to 1,000.
        deadline_seconds: Longest wait for the broker in one round.
        idle_seconds: Pause when nothing waits.
        refusal_pause: Time between two attempts at a row that the broker refused for itself.
    """

    def __init__(
        self,
        db: Database,
        outbox: Outbox,
        producer: RelayProducer[R],
        record: MakeRecord[R],
        keeper: LeaseKeeper,
        *,
        clock: Clock,
        batch: int = 500,
        deadline_seconds: float = 10.0,
        idle_seconds: float = 0.2,
        refusal_pause: timedelta = timedelta(seconds=5),
        checkpoints: Checkpoints = no_checkpoints,
        beat: Callable[[str], None] = ignore_beat,
    ) -> None:
        self.name = "relay"
        self._db = db
        self._outbox = outbox
        self._producer = producer
        self._record = record
        self._keeper = keeper
        self._clock = clock
        self._batch = batch
        self._deadline_seconds = deadline_seconds
        self._idle_seconds = idle_seconds
        self._refusal_pause = refusal_pause
        self._checkpoints = checkpoints
        self._beat = beat
        self._next_depth = 0.0

    async def relay_once(self) -> RelayReport:
        """Publish up to one batch in id order and delete the rows that the broker acknowledged.

        At least once: a crash between the acknowledgement and the delete publishes the row again, byte for byte.
        A row that the broker refuses for itself is tried MAX_ATTEMPTS times, then set aside; only the later rows of
        its entity wait behind it.

        Raises:
            LeaseLostError: Another relay holds the lease; nothing was deleted.
            StoreUnavailableError: The database did not answer; what was published will be published again.
        """
        lease = self._lease()
        async with self._db.transaction() as tx:
            rows = await self._outbox.next_batch(tx, limit=self._batch)
        if not rows:
            return RelayReport()
        sent = await self._publish(rows, lease)
        if sent.acked:
            self._checkpoints(Checkpoint.AFTER_PRODUCE_BEFORE_DELETE, {"ids": tuple(sent.acked)})
        refused = await self._settle(sent, lease)
        self._report(sent, refused)
        return RelayReport(len(sent.acked), sent.unsent, refused, full=len(rows) == self._batch)

    async def depth(self) -> OutboxDepth:
        """Return how much waits, and show it as gauges."""
        async with self._db.transaction() as tx:
            depth = await self._outbox.pending(tx)
        schema = self._outbox.schema
        gauge(Metric.OUTBOX_DEPTH, depth.waiting, schema=schema)
        gauge(Metric.OUTBOX_SET_ASIDE, depth.set_aside, schema=schema)
        gauge(Metric.OUTBOX_OLDEST_SECONDS, depth.oldest_seconds, schema=schema)
        return depth

    async def run(self, stop: asyncio.Event) -> None:
        """Relay until `stop` is set; the round that was begun is finished."""
        while not stop.is_set():
            more = False
            try:
                more = await self._round()
            except LeaseLostError:
                pass  # Another relay works; look again later.
            except TransientError as error:
                _log.warning("A round of the relay failed; its rows stay for the next one.", error=str(error))
            self._beat(self.name)
            if not more:
                await until_stopped(stop, self._idle_seconds)

    async def _round(self) -> bool:
        report = await self.relay_once()
        if self._clock.boot() >= self._next_depth:
            await self.depth()
            self._next_depth = self._clock.boot() + _DEPTH_EVERY_SECONDS
        return report.full and report.published > 0

    def _lease(self) -> Lease:
        lease = self._keeper.lease(RELAY_LEASE)
        if lease is None:
            raise LeaseLostError("This process does not hold the relay's lease; another one publishes the outbox.")
        return lease

    async def _publish(self, rows: Sequence[OutboxRow], lease: Lease) -> _Sent:
        """Send wave by wave: one row per entity in each, so that a row never passes an earlier one that failed."""
        sent = _Sent()
        stuck: set[tuple[str, str, str]] = set()
        ends = min(self._clock.boot() + self._deadline_seconds, lease.deadline_boot)
        for wave in _waves(rows):
            going = [row for row in wave if _entity(row) not in stuck]
            seconds = ends - self._clock.boot()
            if seconds <= 0:
                sent.unsent += len(wave)
                continue
            sent.unsent += len(wave) - len(going)
            with _batch_span(going):
                answers = await self._producer.send([self._to_record(row) for row in going], deadline_seconds=seconds)
            for row, answer in zip(going, answers, strict=True):
                if not _note(sent, row, answer) and (entity := _entity(row)) is not None:
                    stuck.add(entity)
        return sent

    def _to_record(self, row: OutboxRow) -> R:
        return self._record(row.topic, row.key, row.value, tuple(row.headers))

    async def _settle(self, sent: _Sent, lease: Lease) -> list[Refused]:
        if not sent.acked and not sent.guilty:
            return []
        async with self._db.transaction() as tx:
            await fence(tx, lease, schema=self._outbox.schema)
            await self._outbox.delete(tx, sent.acked)
            return await self._outbox.refuse(tx, sent.guilty, pause=self._refusal_pause, max_attempts=MAX_ATTEMPTS)

    def _report(self, sent: _Sent, refused: Sequence[Refused]) -> None:
        schema = self._outbox.schema
        count(Metric.RELAY_RECORDS, len(sent.acked), schema=schema, outcome="published")
        count(Metric.RELAY_RECORDS, sent.unsent, schema=schema, outcome="unsent")
        count(Metric.RELAY_RECORDS, len(refused), schema=schema, outcome="refused")
        for row in refused:
            log = _log.error if row.set_aside else _log.warning
            log(
                "The broker refuses an outbox row; later rows of its entity wait.",
                outbox_id=row.id,
                tenant=row.tenant,
                entity=row.entity,
                attempts=row.attempts,
                set_aside=row.set_aside,
                error=row.error,
            )


def _batch_span(rows: Sequence[OutboxRow]) -> AbstractContextManager[Span]:
    """The span of one sending, a trace of its own that links to the rows' own traces."""
    links = [value.decode("ascii", "replace") for row in rows for name, value in row.headers if name == TRACEPARENT]
    return start_root_span(
        "send outbox",
        kind=SpanKind.CLIENT,
        links=links[:MAX_LINKS],
        attributes={
            semconv.MESSAGING_SYSTEM: semconv.KAFKA,
            semconv.MESSAGING_OPERATION_NAME: semconv.OPERATION_SEND,
            semconv.MESSAGING_OPERATION_TYPE: semconv.OPERATION_SEND,
            semconv.MESSAGING_BATCH_MESSAGE_COUNT: len(rows),
        },
    )


def _entity(row: OutboxRow) -> tuple[str, str, str] | None:
    return (row.tenant, row.flow.value, row.entity) if row.entity is not None else None


def _waves(rows: Sequence[OutboxRow]) -> list[list[OutboxRow]]:
    """Split rows so that each wave holds at most one row of an entity, in id order; nearly always one wave."""
    waves: list[list[OutboxRow]] = []
    seen: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for row in rows:
        entity = _entity(row)
        place = 0
        if entity is not None:
            place = seen[entity]
            seen[entity] += 1
        if place == len(waves):
            waves.append([])
        waves[place].append(row)
    return waves


def _note(sent: _Sent, row: OutboxRow, answer: AckedRecord | UnsentRecord) -> bool:
    """Sort one answer into `sent`; True if the row is published."""
    if isinstance(answer, AckedRecord):
        sent.acked.append(row.id)
        return True
    if answer.record_is_guilty:
        sent.guilty.append((row.id, answer.error[:500]))
    else:
        sent.unsent += 1
    return False
