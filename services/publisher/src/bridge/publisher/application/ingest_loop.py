"""The ingest's turn: next batch, take it in, commit its offsets; and what readiness may know of it."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final

from bridge.contracts.topics import TopicName
from bridge.publisher.application.arrival import Incoming
from bridge.publisher.application.ingest import Ingest, IngestReport
from bridge.publisher.application.ports import Partition, RecordSource
from bridge.runtime import semconv
from bridge.runtime.checkpoints import Checkpoint, Checkpoints, no_checkpoints
from bridge.runtime.clock import Clock
from bridge.runtime.errors import TransientError
from bridge.runtime.lifecycle import until_stopped
from bridge.runtime.logging import get_logger
from bridge.runtime.metrics import Metric, count, observe
from bridge.runtime.tracing import Span, SpanKind, start_root_span

_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 5.0
_LAG_EVERY_SECONDS: Final = 5.0

log = get_logger(__name__)


class IngestLoop:
    """A `Loop`. A batch that the store does not take is tried again as it is: nothing behind it is read meanwhile."""

    def __init__(
        self,
        source: RecordSource,
        ingest: Ingest,
        clock: Clock,
        *,
        checkpoints: Checkpoints = no_checkpoints,
        beat: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.name = "ingest"
        self._source = source
        self._ingest = ingest
        self._clock = clock
        self._checkpoints = checkpoints
        self._beat = beat
        self._checked: set[Partition] = set()
        self._progress_at = clock.boot()
        self._in_hand = False
        self._lag = 0
        self._lag_at = float("-inf")

    def stuck_seconds(self) -> float:
        """Return how long records have waited, in hand or at the broker, while none was taken in; 0 if none waits."""
        waiting = self._in_hand or self._lag > 0
        return self._clock.boot() - self._progress_at if waiting else 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Take in records until `stop` is set; the batch that was begun is finished."""
        while not stop.is_set():
            try:
                await self.turn(stop)
            except TransientError as error:
                log.warning("Records could not be read; reading is tried again.", error=str(error))
                await until_stopped(stop, _FIRST_PAUSE_SECONDS)
            self._beat(self.name)

    async def turn(self, stop: asyncio.Event) -> None:
        """Take in one batch and commit its offsets."""
        batch = await self._source.next_batch()
        self._checked -= self._source.take_revoked()
        if batch:
            begun = self._progress_at = self._clock.boot()
            self._in_hand = True
            report = await self._take(batch, stop)
            if report is None:
                return
            self._in_hand = False
            self._checkpoints(Checkpoint.AFTER_INGEST_COMMIT_BEFORE_OFFSET_COMMIT, {"offsets": dict(report.offsets)})
            await self._commit(report)
            self._show(report, self._clock.boot() - begun)
        await self._measure_lag(progressed=bool(batch))

    async def _take(self, batch: Sequence[Incoming], stop: asyncio.Event) -> IngestReport | None:
        """Take the batch in, however long the store is away; None if the process is told to leave meanwhile."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._check_positions(batch)
                with _batch_span(batch):
                    return await self._ingest.take(batch)
            except TransientError as error:
                log.warning("A batch could not be taken in; it is tried again.", records=len(batch), error=str(error))
            self._beat(self.name)
            if await until_stopped(stop, pause):
                return None
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _check_positions(self, batch: Sequence[Incoming]) -> None:
        """Once for each partition that is new here: the database must know at least what Kafka has committed."""
        new = {(record.origin.topic, record.origin.partition) for record in batch} - self._checked
        if not new:
            return
        found = {partition: await self._source.committed(partition) for partition in new}
        await self._ingest.check_positions({partition: at for partition, at in found.items() if at is not None})
        self._checked |= new

    async def _commit(self, report: IngestReport) -> None:
        if not await self._source.commit(report.offsets):
            log.info("The partitions have another owner now; what was taken in is harmless when it comes again.")

    async def _measure_lag(self, *, progressed: bool) -> None:
        now = self._clock.boot()
        if progressed or not self._lag:
            self._progress_at = now
        if now - self._lag_at >= _LAG_EVERY_SECONDS:
            self._lag = await self._source.lag()
            self._lag_at = self._clock.boot()

    def _show(self, report: IngestReport, seconds: float) -> None:
        observe(Metric.INGEST_SECONDS, seconds)
        for (flow, outcome), number in report.by_flow.items():
            count(Metric.INGESTED_RECORDS, number, flow=flow, outcome=outcome)


def _batch_span(batch: Sequence[Incoming]) -> AbstractContextManager[Span]:
    links = [
        value.decode("ascii", "replace")
        for record in batch
        for name, value in record.origin.headers
        if name == "traceparent"
    ]
    return start_root_span(
        f"process {_topics_of(batch)}",
        kind=SpanKind.CONSUMER,
        links=links[:128],
        attributes={
            semconv.MESSAGING_SYSTEM: semconv.KAFKA,
            semconv.MESSAGING_OPERATION_NAME: semconv.OPERATION_PROCESS,
            semconv.MESSAGING_OPERATION_TYPE: semconv.OPERATION_PROCESS,
            semconv.MESSAGING_DESTINATION_NAME: batch[0].origin.topic,
            semconv.MESSAGING_BATCH_MESSAGE_COUNT: len(batch),
        },
    )


def _topics_of(batch: Sequence[Incoming]) -> str:
    """Return the topics' names without the cell's prefix."""
    wired = {record.origin.topic for record in batch}
    return ", ".join(name for name in TopicName if any(topic.endswith(name) for topic in wired))
