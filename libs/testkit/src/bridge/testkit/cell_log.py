"""The topics of one cell, seen from outside the transformer: write source events, read what they became."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from bridge.contracts.topics import TOPICS, TopicName, wire_name
from bridge.messaging.admin import TopicAdmin
from bridge.messaging.consumer import BatchConsumer
from bridge.messaging.producer import BatchProducer
from bridge.messaging.reader import RangeReader
from bridge.messaging.record import Acked, Outgoing, Record
from bridge.runtime.settings import KafkaSettings
from bridge.testkit.customer_events import RawEvent
from bridge.testkit.waiting import eventually

_SEND_SECONDS = 60.0


class CellLog:
    """What the poller's relay writes and the publisher reads."""

    def __init__(self, kafka: KafkaSettings, producer: BatchProducer, reader: BatchConsumer) -> None:
        self._kafka = kafka
        self._producer = producer
        self._reader = reader
        self._read: list[Record] = []

    async def write(self, events: Sequence[RawEvent], *, to: TopicName = TopicName.CUSTOMER_CHANGED) -> None:
        """Append events to a topic and wait until the broker has them."""
        topic = wire_name(to, self._kafka.topic_prefix)
        records = [Outgoing(topic, event.key, event.value or b"", event.headers) for event in events]
        results = await self._producer.send(records, deadline_seconds=_SEND_SECONDS)
        assert all(isinstance(result, Acked) for result in results), results

    async def mapped(self, number: int, *, timeout: float = 60.0) -> list[Record]:
        """Wait until the mapped topics hold at least this many records and return all that were read so far."""

        async def enough() -> bool:
            if len(self._read) < number:
                self._read += await self._reader.next_batch(0.2)
            return len(self._read) >= number

        await eventually(enough, timeout, what=f"{number} mapped records, {len(self._read)} at first")
        return list(self._read)

    async def all_mapped(self) -> list[Record]:
        """Return every mapped record that the log holds now."""
        async with RangeReader(self._kafka) as reader:
            return [
                record
                for topic in _mapped_topics(self._kafka)
                for partition, end in (await reader.ends(topic)).items()
                async for records in reader.read(partition, start=0, end=end)
                for record in records
            ]


@asynccontextmanager
async def open_cell(kafka: KafkaSettings, *, partitions: int = 4) -> AsyncIterator[CellLog]:
    """Create the cell's topics, empty, and open them."""
    async with TopicAdmin(kafka) as admin:
        specs = [replace(spec, partitions=partitions) for spec in TOPICS]
        await admin.apply(specs, prefix=kafka.topic_prefix, replication=1)
    group, topics = f"{kafka.topic_prefix}reader", _mapped_topics(kafka)
    async with (
        BatchProducer(kafka, "test") as producer,
        BatchConsumer(kafka, group=group, topics=topics, max_records=1000) as reader,
    ):
        yield CellLog(kafka, producer, reader)


def _mapped_topics(kafka: KafkaSettings) -> list[str]:
    return [wire_name(name, kafka.topic_prefix) for name in (TopicName.CUSTOMER_MAPPED, TopicName.INVOICE_MAPPED)]
