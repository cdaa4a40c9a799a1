"""Mapped records on their topics, through the one producer of ours."""

from collections.abc import Sequence
from typing import Protocol

from bridge.contracts.headers import encode
from bridge.contracts.topics import wire_name
from bridge.messaging.record import Outgoing, SendResult, Unsent
from bridge.runtime.errors import BrokerUnavailableError
from bridge.transformer.application.record import MappedRecord


class Producer(Protocol):
    """The part of `bridge.messaging.producer.BatchProducer` that is needed here."""

    async def send(self, records: Sequence[Outgoing], *, deadline_seconds: float) -> list[SendResult]:
        """Publish the records and return one result per record, in input order."""
        ...


class MappedTopic:
    """Delivers to the target topic of each record's flow; the prefix separates cells that share a broker."""

    def __init__(self, producer: Producer, *, topic_prefix: str, deadline_seconds: float) -> None:
        self._producer = producer
        self._prefix = topic_prefix
        self._deadline_seconds = deadline_seconds

    async def deliver(self, records: Sequence[MappedRecord]) -> None:
        """Return once every record is acknowledged by all in-sync replicas.

        Raises:
            BrokerUnavailableError: At least one is not, after the deadline; says how many and the first cause.
        """
        results = await self._producer.send(
            [self._outgoing(record) for record in records], deadline_seconds=self._deadline_seconds
        )
        unsent = [result for result in results if isinstance(result, Unsent)]
        if unsent or len(results) != len(records):
            first = unsent[0].error if unsent else "the producer gave too few results"
            raise BrokerUnavailableError(
                f"{len(unsent)} of {len(records)} mapped records are not known to be stored ({first}); "
                "nothing of this batch is committed and the process ends, so that the next one reads it again."
            )

    def _outgoing(self, record: MappedRecord) -> Outgoing:
        return Outgoing(
            topic=wire_name(record.route.target, self._prefix),
            key=record.key,
            value=record.value,
            headers=tuple(encode(record.envelope)),
        )
