"""The mapped topics behind `application.ports.RecordSource`: our batch consumer, in the words of the use case."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from bridge.messaging.consumer import BatchConsumer, RebalancedError
from bridge.messaging.record import Record, TopicPartition
from bridge.publisher.application.arrival import Incoming
from bridge.publisher.application.ports import Partition
from bridge.publisher.domain.journal import Origin


class Revocations:
    """Collects what a rebalance takes away, until the ingest asks."""

    def __init__(self) -> None:
        self._revoked: set[Partition] = set()

    def note(self, partitions: set[TopicPartition]) -> None:
        """Remember partitions that were taken away; the consumer's callback."""
        self._revoked |= {(one.topic, one.partition) for one in partitions}

    def take(self) -> frozenset[Partition]:
        """Return and forget what was collected."""
        taken, self._revoked = frozenset(self._revoked), set()
        return taken


class KafkaSource:
    """Reads as one member of the publisher's group; `wait_seconds` bounds one wait for records."""

    def __init__(self, consumer: BatchConsumer, revocations: Revocations, *, wait_seconds: float) -> None:
        self._consumer = consumer
        self._revocations = revocations
        self._wait_seconds = wait_seconds
        self._note = ""

    async def next_batch(self) -> Sequence[Incoming]:
        return [_incoming(record) for record in await self._consumer.next_batch(self._wait_seconds)]

    async def commit(self, offsets: Mapping[Partition, int]) -> bool:
        try:
            await self._consumer.commit(
                {TopicPartition(*partition): at for partition, at in offsets.items()}, note=self._note
            )
        except RebalancedError:
            return False
        return True

    async def annotate(self, note: str) -> None:
        """Keep a note with the group's commits; a rebalance leaves it to the next commit."""
        self._note = note
        with suppress(RebalancedError):
            await self._consumer.annotate(note)

    async def committed(self, partition: Partition) -> int | None:
        return await self._consumer.committed(TopicPartition(*partition))

    async def lag(self) -> int:
        return sum((await self._consumer.lag()).values())

    def take_revoked(self) -> frozenset[Partition]:
        return self._revocations.take()


def _incoming(record: Record) -> Incoming:
    origin = Origin(record.topic, record.partition, record.offset, record.key, tuple(record.headers))
    return Incoming(origin, record.value or b"")
