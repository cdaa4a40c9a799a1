"""Reading ranges of the log without a group: for replay, `where` and checks. Commits nothing, disturbs nobody."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as DriverPartition

from bridge.messaging.connection import connection_options, stop_consumer, translated
from bridge.messaging.conversion import record_of
from bridge.messaging.record import Record, TopicPartition
from bridge.runtime.errors import BrokerUnavailableError
from bridge.runtime.settings import KafkaSettings

_POLL_SECONDS: Final = 0.5
_SILENCE_SECONDS: Final = 15.0
_BATCH: Final = 500
_FETCH_WAIT_MS: Final = 25
"""The driver ends a fetch at the log's end before it turns to the next partition; its 500 ms made each cost as much."""


class RangeReader:
    """Async context manager around one groupless consumer. One range is read at a time."""

    def __init__(self, settings: KafkaSettings, *, client_id: str = "bridge-reader") -> None:
        self._settings = settings
        self._client_id = client_id
        self._consumer: Any = None

    async def __aenter__(self) -> Self:
        self._consumer = AIOKafkaConsumer(
            **connection_options(self._settings, client_id=self._client_id),
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
        )
        try:
            with translated("connecting a reader", self._settings):
                await self._consumer.start()
        except BaseException:
            await stop_consumer(self._consumer)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await stop_consumer(self._consumer)

    async def partitions(self, topic: str) -> list[TopicPartition]:
        """Return the topic's partitions in order.

        Raises:
            ConfigurationError: There is no such topic.
        """
        with translated(f"reading the topic {topic}", self._settings):
            found = await self._consumer._client._wait_on_metadata(topic)
        return [TopicPartition(topic, number) for number in sorted(found)]

    async def beginnings(self, topic: str) -> dict[TopicPartition, int]:
        """Return the first offset that each partition still holds."""
        return await self._offsets(self._consumer.beginning_offsets, await self.partitions(topic))

    async def ends(self, topic: str) -> dict[TopicPartition, int]:
        """Return the offset that each partition's next record will get."""
        return await self._offsets(self._consumer.end_offsets, await self.partitions(topic))

    async def at_time(self, topic: str, moment: datetime) -> dict[TopicPartition, int]:
        """Return each partition's first offset with a record of `moment` or later; its end if there is none."""
        ends = await self.ends(topic)
        milliseconds = round(moment.timestamp() * 1000)
        with translated(f"reading the topic {topic}", self._settings):
            found = await self._consumer.offsets_for_times({DriverPartition(*tp): milliseconds for tp in ends})
        at = {TopicPartition(tp.topic, tp.partition): entry.offset for tp, entry in found.items() if entry is not None}
        return {partition: at.get(partition, end) for partition, end in ends.items()}

    async def read(
        self, partition: TopicPartition, *, start: int, end: int, batch: int = _BATCH
    ) -> AsyncIterator[list[Record]]:
        """Yield the records with start <= offset < end in order; what the log no longer holds is left out.

        Raises:
            BrokerUnavailableError: Nothing came for a quarter of a minute although the log goes on.
        """
        topic_begin = (await self._offsets(self._consumer.beginning_offsets, [partition])).get(partition, 0)
        topic_end = (await self._offsets(self._consumer.end_offsets, [partition])).get(partition, 0)
        position, end = max(start, topic_begin), min(end, topic_end)
        if position >= end:
            return
        wire = DriverPartition(*partition)
        self._consumer.assign([wire])
        self._consumer.seek(wire, position)
        clock = asyncio.get_running_loop().time
        heard = clock()
        while position < end:
            with translated(f"reading {partition}", self._settings):
                fetched = await self._consumer.getmany(wire, timeout_ms=round(_POLL_SECONDS * 1000), max_records=batch)
                position = await self._consumer.position(wire)
            records = [record_of(raw) for raw in fetched.get(wire, ()) if raw.offset < end]
            if records:
                heard = clock()
                yield records
            elif clock() - heard > _SILENCE_SECONDS:
                raise BrokerUnavailableError(f"Nothing came from {partition} at offset {position}; try again.")

    async def record_at(self, partition: TopicPartition, offset: int) -> Record | None:
        """Return one record; None if the log no longer, or not yet, holds it."""
        async for records in self.read(partition, start=offset, end=offset + 1, batch=1):
            return next((record for record in records if record.offset == offset), None)
        return None

    async def _offsets(self, ask: Any, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        with translated("reading the ends of partitions", self._settings):
            found = await ask([DriverPartition(*partition) for partition in partitions])
        return {TopicPartition(tp.topic, tp.partition): offset for tp, offset in found.items()}
