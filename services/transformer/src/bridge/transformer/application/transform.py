"""The transformer's loop: take a batch, map it, deliver it, only then commit it.

At least once. Whatever fails on the way ends the process without a commit; the next one reads the same records again,
which is harmless, since what they become is the same and (revision, generation) decides behind us.
"""

import asyncio
from collections.abc import Sequence

from bridge.runtime.checkpoints import Checkpoint, Checkpoints
from bridge.runtime.health import Health
from bridge.runtime.logging import get_logger
from bridge.runtime.metrics import Metric, count
from bridge.runtime.tracing import trace_id_of
from bridge.transformer.application.ports import RecordSink, RecordSource
from bridge.transformer.application.progress import Progress
from bridge.transformer.application.record import MappedRecord, SourceRecord
from bridge.transformer.application.traced import map_traced

log = get_logger(__name__)


class Transform:
    """One record in, one record out, in batches that form by themselves under load."""

    name = "transform"

    def __init__(
        self,
        source: RecordSource,
        sink: RecordSink,
        *,
        progress: Progress,
        health: Health,
        checkpoints: Checkpoints,
        wait_seconds: float = 1.0,
    ) -> None:
        self._source = source
        self._sink = sink
        self._progress = progress
        self._health = health
        self._checkpoints = checkpoints
        self._wait_seconds = wait_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Turn until told to stop; the batch in hand is finished, nothing new is taken."""
        while not stop.is_set():
            self._health.beat(self.name)
            batch = await self._source.next_batch(self._wait_seconds)
            if batch:
                await self.transform(batch)

    async def transform(self, batch: Sequence[SourceRecord]) -> None:
        """Map, deliver and commit one batch.

        Raises:
            BrokerUnavailableError: Not everything could be delivered; nothing of the batch is committed.
        """
        self._progress.took(len(batch))
        with map_traced(batch) as mapped:
            await self._sink.deliver(mapped)
        self._checkpoints(Checkpoint.AFTER_MAPPED_ACK_BEFORE_INPUT_COMMIT, {"records": len(batch)})
        await self._source.acknowledge()
        self._progress.done()
        for record in mapped:
            _report(record)


def _report(record: MappedRecord) -> None:
    envelope = record.envelope
    outcome = envelope.outcome.value if envelope.outcome else "none"
    count(Metric.MAPPED_RECORDS, flow=envelope.flow.value, outcome=outcome)
    if envelope.fault_reason is None:
        return
    log.warning(
        "A record cannot be mapped; it passes on as a letter with its reason.",
        tenant=envelope.tenant,
        entity=envelope.entity,
        event_id=envelope.event_id,
        trace_id=trace_id_of(envelope.traceparent),
        reason=envelope.fault_reason.value,
        field=envelope.fault_field,
    )
