"""Publishing: explicit batches per partition, acknowledged by all in-sync replicas, within a deadline of our own.

At least once. The driver's idempotent producer retries for ever and, once one batch has failed, refuses all later ones
of its partition: so the deadline is ours, and a producer that has failed once is thrown away.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka
from aiokafka.partitioner import DefaultPartitioner

from bridge.messaging.admission import MAX_REQUEST_BYTES, fault_of
from bridge.messaging.connection import connection_options, name_of, translated
from bridge.messaging.ledger import SendLedger
from bridge.messaging.record import Outgoing, SendResult, TopicPartition
from bridge.runtime.logging import get_logger
from bridge.runtime.metrics import Metric, count
from bridge.runtime.settings import KafkaSettings

_BATCH_BYTES: Final = 900 * 1024
"""Uncompressed, so that a batch passes the broker's 1 MiB with whatever compression makes of it."""
_TOPIC_WAIT_SECONDS: Final = 1.0
_CLOSE_SECONDS: Final = 2.0
_RETRY_SECONDS: Final = 0.1
_REFUSED: Final = (
    kafka.MessageSizeTooLargeError,
    kafka.RecordListTooLargeError,
    kafka.CorruptRecordException,
    kafka.InvalidTimestampError,
    kafka.PolicyViolationError,
)
"""What a broker answers because of what is in the batch, not because of how the broker is."""

log = get_logger(__name__)


class BatchProducer:
    """Async context manager around one driver producer at a time. One `send` runs at a time, others queue."""

    def __init__(self, settings: KafkaSettings, client_id: str) -> None:
        self._settings = settings
        self._client_id = client_id
        self._producer: Any = None
        self._closing: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._partitioner = DefaultPartitioner()

    async def __aenter__(self) -> Self:
        """Connect, so that a wrong address is found at the start.

        Raises:
            BrokerUnavailableError: The broker did not answer within the request time-out.
            ConfigurationError: The broker refuses this user.
        """
        with translated("connecting a producer", self._settings):
            async with asyncio.timeout(self._settings.request_timeout_seconds):
                await self._connected()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._producer is not None:
            self._retire(self._producer)
        if self._closing:
            # Nobody's leaving waits for a start that a silent broker holds up.
            await asyncio.wait(self._closing, timeout=2 * _CLOSE_SECONDS)

    async def send(self, records: Sequence[Outgoing], *, deadline_seconds: float) -> list[SendResult]:
        """Publish the records and wait for the acknowledgements; return one result per record, in input order.

        A record that is guilty itself (too large, unknown topic) drags down no other, but later ones of its key wait
        behind it. Any other failure is tried again from the first unacknowledged record until the deadline; within a
        partition no record is reported as acknowledged before an earlier one was. Never raises for the broker's sake.
        """
        ledger = SendLedger(records)
        for index, record in enumerate(records):
            if ledger.is_open(index) and (fault := fault_of(record)):
                ledger.blame(index, fault)
        with suppress(TimeoutError):
            async with asyncio.timeout(deadline_seconds), self._turn:
                while ledger.open():
                    await self._attempt(ledger)
        return ledger.close(deadline_seconds)

    async def _attempt(self, ledger: SendLedger) -> None:
        healthy = False
        try:
            producer = await self._connected()
            healthy = await self._round(producer, ledger)
        except kafka.KafkaError as error:
            ledger.note(name_of(error))
        finally:
            # On our deadline too: what the driver still holds would be sent later, behind our back.
            if not healthy and self._producer is not None:
                self._retire(self._producer)
                count(Metric.PRODUCER_RECREATED, client=self._client_id)
        if not healthy:
            await asyncio.sleep(_RETRY_SECONDS)

    async def _round(self, producer: Any, ledger: SendLedger) -> bool:
        """Send what is open, all topics and partitions side by side; return whether the producer is still good."""
        by_topic: dict[str, list[int]] = defaultdict(list)
        for index in ledger.open():
            by_topic[ledger.records[index].topic].append(index)
        for topic in by_topic:
            # All before any is waited for: a topic known from the first metadata alone is not tracked, and drops out
            # of the next as soon as another is; a batch on its way to it would then wait for a leader for ever.
            producer.client.add_topic(topic)
        sends = [self._send_topic(producer, ledger, topic, indices) for topic, indices in by_topic.items()]
        return all(await asyncio.gather(*sends))

    async def _send_topic(self, producer: Any, ledger: SendLedger, topic: str, indices: list[int]) -> bool:
        partitions = await _partitions_of(producer, topic)
        if not partitions:
            for index in indices:
                if ledger.is_open(index):
                    ledger.blame(index, f"There is no topic {topic}; run 'bridge topics apply' if there should be.")
            return True
        lanes: dict[int, deque[int]] = defaultdict(deque)
        keyless = self._partitioner(None, partitions, partitions)
        for index in indices:
            key = ledger.records[index].key
            lanes[keyless if key is None else self._partitioner(key, partitions, partitions)].append(index)
        sends = [_send_lane(producer, ledger, TopicPartition(topic, p), waiting) for p, waiting in lanes.items()]
        return all(await asyncio.gather(*sends))

    async def _connected(self) -> Any:
        if self._producer is None:
            producer = AIOKafkaProducer(
                **connection_options(self._settings, client_id=self._client_id),
                acks="all",
                enable_idempotence=True,
                compression_type="zstd",
                max_batch_size=_BATCH_BYTES,
                max_request_size=MAX_REQUEST_BYTES,
            )
            starting = asyncio.ensure_future(producer.start())
            try:
                await asyncio.shield(starting)
            except BaseException:
                self._retire(producer, starting)
                raise
            self._producer = producer
        return self._producer

    def _retire(self, producer: Any, starting: asyncio.Future[None] | None = None) -> None:
        """Close a producer in the background, so that no caller's deadline waits for it."""
        self._producer = None
        task = asyncio.create_task(self._close(producer, starting), name=f"close {self._client_id}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close(self, producer: Any, starting: asyncio.Future[None] | None) -> None:
        """End the driver's producer within a bound, whatever it still holds.

        Its own `stop` first waits until every batch is delivered, which an idempotent producer tries for ever, and
        there is no public way to abandon it. So the sender and the connections are ended alone; nobody waits for its
        batches.
        """
        try:
            if starting is not None:
                # Cancelled, it would leave the connection open that it asks through, which nobody else knows. What it
                # asks has a time-out of its own.
                await _within(self._settings.request_timeout_seconds + _CLOSE_SECONDS, starting)
            await _within(_CLOSE_SECONDS, producer._sender.close())
            # Whatever became of the sender: these are all the connections that there are.
            await _within(_CLOSE_SECONDS, producer.client.close())
        finally:
            # Also when the loop ends before a slow close does: none is left there by then unless it was cut short.
            for connection in list(producer.client._conns.values()):
                connection.close()
            producer._closed = True


async def _partitions_of(producer: Any, topic: str) -> list[int]:
    """Return the topic's partitions; none if the broker answers and knows no such topic."""
    try:
        async with asyncio.timeout(_TOPIC_WAIT_SECONDS):
            return sorted(await producer.partitions_for(topic))
    except TimeoutError:
        # The driver asks again and again; only an answer without the topic proves that there is none.
        if not await producer.client.force_metadata_update():
            raise kafka.KafkaConnectionError("no metadata from any broker") from None
        return sorted(producer.client.cluster.partitions_for_topic(topic) or ())


async def _send_lane(producer: Any, ledger: SendLedger, target: TopicPartition, waiting: deque[int]) -> bool:
    """Send one partition's records batch after batch until one fails; return whether none did."""
    while waiting:
        batch, indices = _fill(producer, ledger, waiting, ledger.batch_limit(target))
        if not indices:
            continue
        try:
            written = await (await producer.send_batch(batch, target.topic, partition=target.partition))
        except _REFUSED as error:
            ledger.refuse(target, indices, f"The broker refuses it: {name_of(error)}.")
            return False
        except kafka.KafkaError as error:
            ledger.note(name_of(error))
            return False
        ledger.ack(indices, partition=target.partition, base_offset=written.offset)
    return True


def _fill(producer: Any, ledger: SendLedger, waiting: deque[int], limit: int) -> tuple[Any, list[int]]:
    """Move as many records as fit from `waiting` into a new batch; skip those that have a result by now."""
    batch = producer.create_batch()
    indices: list[int] = []
    while waiting and len(indices) < limit:
        index = waiting[0]
        if ledger.is_open(index):
            record = ledger.records[index]
            if batch.append(key=record.key, value=record.value, timestamp=None, headers=list(record.headers)) is None:
                break
            indices.append(index)
        waiting.popleft()
    batch.close()
    return batch, indices


async def _within(seconds: float, step: Awaitable[None]) -> None:
    """Wait for a step of the end; one that fails or takes too long is left, so that the next one is done all the same.

    Its cancellation is its own, so that it is never taken for one of the caller's.
    """
    task = asyncio.ensure_future(step)
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        task.cancel()
        # The driver swallows a cancellation now and then, and goes on to its end.
        done, _ = await asyncio.wait({task}, timeout=_CLOSE_SECONDS)
    if done and not task.cancelled() and (error := task.exception()) is not None:
        log.warning("A producer did not close cleanly.", error=name_of(error))
