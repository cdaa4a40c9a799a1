"""Reading as a member of a group: batches in, explicit commit after the work is durable.

A partition without a commit is read from its beginning, never from its end: a replay is harmless, a skipped record is
not. The driver rebalances eagerly: each rebalance revokes everything, drops what is queued here, and reading goes on at
what is committed then.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka import TopicPartition as DriverPartition
from aiokafka import errors as kafka

from bridge.messaging.connection import connection_options, stop_consumer, translated
from bridge.messaging.conversion import record_of
from bridge.messaging.positions import Positions, RebalancedError
from bridge.messaging.record import Record, TopicPartition
from bridge.runtime.logging import get_logger
from bridge.runtime.metrics import Metric, count, gauge
from bridge.runtime.settings import KafkaSettings

__all__ = ["BatchConsumer", "RebalancedError"]

_FETCH_MAX_BYTES: Final = 2 * 1024 * 1024
"""Per partition and answer; above the largest record that can be written."""
_GRACE_SECONDS: Final = 0.5

log = get_logger(__name__)


class BatchConsumer:
    """Async context manager around one member of a group. Topics and group are names on the wire.

    `on_revoked` is called with each set of partitions that is taken away, before another member can have them.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        group: str,
        topics: Sequence[str],
        max_records: int = 500,
        on_revoked: Callable[[set[TopicPartition]], None] | None = None,
        client_id: str = "bridge",
    ) -> None:
        self._settings = settings
        self._group = group
        self._topics = tuple(topics)
        self._max_records = max_records
        self._on_revoked = on_revoked
        self._client_id = client_id
        self._consumer: Any = None
        self._positions = Positions()
        self._held: dict[TopicPartition, list[Record]] = {}
        self._rebalances = 0
        self._committing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Connect and join the group.

        Raises:
            BrokerUnavailableError: The broker did not answer.
            ConfigurationError: A topic is missing, or the broker refuses this user.
        """
        self._consumer = AIOKafkaConsumer(
            **connection_options(self._settings, client_id=self._client_id),
            group_id=self._group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            isolation_level="read_committed",
            max_partition_fetch_bytes=_FETCH_MAX_BYTES,
            session_timeout_ms=round(self._settings.session_timeout_seconds * 1000),
            heartbeat_interval_ms=round(self._settings.session_timeout_seconds * 1000 / 3),
        )
        self._consumer.subscribe(self._topics, listener=_Listener(self))
        try:
            with translated(f"joining the group {self._group}", self._settings):
                await self._consumer.start()
        except BaseException:
            await stop_consumer(self._consumer)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await stop_consumer(self._consumer)
        self._positions.end(self._positions.owned())
        self._held.clear()

    def assignment(self) -> set[TopicPartition]:
        """Return the partitions that this member has now."""
        return {TopicPartition(tp.topic, tp.partition) for tp in self._consumer.assignment()}

    async def next_batch(self, timeout_seconds: float) -> list[Record]:
        """Return the next records, in order within each partition; none if nothing came within the time.

        Raises:
            BrokerUnavailableError: The broker failed in a way that the driver does not mend by itself.
            ConfigurationError: The broker refuses this user.
        """
        with translated("reading", self._settings):
            if not self._held:
                await self._fetch(timeout_seconds)
            await self._begin_new_stories()
            await self._look_for_gaps()
        return self._hand_out()

    async def commit(self, offsets: Mapping[TopicPartition, int], *, note: str = "") -> None:
        """Commit the offsets that come next, after everything before them is durable. Never goes backwards.

        Args:
            note: A short text that the broker keeps with each of these commits until the next one.

        Raises:
            RebalancedError: Some partitions are not ours any more, or were read in an earlier assignment. The others
                are committed.
            BrokerUnavailableError: The broker did not confirm; the offsets may or may not be committed.
        """
        # The lock holds up a rebalance until the commit has ended, so that it never runs under a later membership.
        async with self._committing:
            admitted, lost = self._positions.admit(offsets)
            if admitted:
                await self._commit_admitted(admitted, lost, note)
                self._positions.committed(admitted)
        if lost:
            raise RebalancedError(lost)

    async def annotate(self, note: str) -> None:
        """Put a new note on the commits that this member's partitions have; no offset moves.

        Raises:
            RebalancedError: The group has moved; the note stands on none of them, or on some.
            BrokerUnavailableError: The broker did not confirm.
        """
        async with self._committing:
            if standing := self._positions.confirmed():
                await self._commit_admitted(standing, frozenset(), note)

    async def committed(self, partition: TopicPartition) -> int | None:
        """Return the group's committed offset for a partition, whoever committed it; None if nobody did."""
        with translated("reading a committed offset", self._settings):
            async with asyncio.timeout(self._settings.request_timeout_seconds):
                offset: int | None = await self._consumer.committed(DriverPartition(*partition))
                return offset

    async def lag(self) -> dict[TopicPartition, int]:
        """Return how many records of each of our partitions are not committed, and set the gauge of it."""
        ends = await self._bounds(self._consumer.end_offsets)
        lag: dict[TopicPartition, int] = {}
        begins = await self._bounds(self._consumer.beginning_offsets)
        for partition, end in ends.items():
            committed = await self.committed(partition)
            first = begins.get(partition, 0)
            lag[partition] = max(0, end - (first if committed is None else committed))
            gauge(
                Metric.CONSUMER_LAG,
                lag[partition],
                group=self._group,
                topic=partition.topic,
                partition=str(partition.partition),
            )
        return lag

    async def _commit_admitted(
        self, admitted: Mapping[TopicPartition, int], lost: frozenset[TopicPartition], note: str
    ) -> None:
        wire = {DriverPartition(*partition): (offset, note) for partition, offset in admitted.items()}
        with translated("committing", self._settings):
            try:
                async with asyncio.timeout(self._settings.request_timeout_seconds):
                    await self._consumer.commit(wire)
            except (kafka.CommitFailedError, kafka.IllegalStateError) as cause:
                raise RebalancedError(lost | admitted.keys()) from cause

    async def _bounds(self, ask: Callable[[Sequence[DriverPartition]], Any]) -> dict[TopicPartition, int]:
        with translated("reading the ends of partitions", self._settings):
            async with asyncio.timeout(self._settings.request_timeout_seconds):
                found = await ask(list(self._consumer.assignment()))
        return {TopicPartition(tp.topic, tp.partition): offset for tp, offset in found.items()}

    async def _fetch(self, timeout_seconds: float) -> None:
        """Take the next records from the driver into `_held`."""
        try:
            # The driver waits for the end of a rebalance whatever time-out it is given.
            async with asyncio.timeout(timeout_seconds + _GRACE_SECONDS):
                fetched = await self._consumer.getmany(
                    timeout_ms=round(timeout_seconds * 1000), max_records=self._max_records
                )
        except TimeoutError:
            return
        # Nothing is awaited in between: the driver has moved on, so these must be kept through any failure.
        self._held = {TopicPartition(tp.topic, tp.partition): [*map(record_of, raws)] for tp, raws in fetched.items()}

    async def _begin_new_stories(self) -> None:
        """Learn where each newly assigned partition is committed; alarm if the log no longer holds that place."""
        while new := self.assignment() - self._positions.owned():
            rebalances = self._rebalances
            begins = await self._bounds(self._consumer.beginning_offsets)
            ends = await self._bounds(self._consumer.end_offsets)
            commits = {partition: await self.committed(partition) for partition in new}
            if rebalances != self._rebalances:
                # Another member may have committed meanwhile, so what we were told may be old.
                continue
            for partition in new & begins.keys() & ends.keys():
                self._begin_story(partition, commits[partition], begins[partition], ends[partition])

    def _begin_story(self, partition: TopicPartition, committed: int | None, begin: int, end: int) -> None:
        if committed is not None and not begin <= committed <= end:
            self._alarm(partition, expected=committed, begin=begin)
            committed = None
        start = begin if committed is None else committed
        self._positions.begin(partition, start=start, confirmed=committed is not None)

    async def _look_for_gaps(self) -> None:
        """Alarm if the driver went on elsewhere than where reading stood: the log had lost that place."""
        for partition, records in list(self._held.items()):
            if partition not in self._positions.owned():
                # Revoked while we asked; another member reads them.
                self._held.pop(partition, None)
                continue
            expected = self._positions.expected(partition)
            if records[0].offset == expected:
                continue
            begin = (await self._bounds(self._consumer.beginning_offsets)).get(partition, expected)
            if partition in self._positions.owned() and not begin <= expected <= records[0].offset:
                self._alarm(partition, expected=expected, begin=begin)
                self._positions.reset(partition, records[0].offset)

    def _hand_out(self) -> list[Record]:
        held, self._held = self._held, {}
        batch: list[Record] = []
        for partition, records in held.items():
            self._positions.hand_out(partition, first=records[0].offset, last=records[-1].offset)
            batch.extend(records)
        return batch

    def _alarm(self, partition: TopicPartition, *, expected: int, begin: int) -> None:
        count(Metric.CONSUMER_POSITION_RESETS, group=self._group, topic=partition.topic)
        log.error(
            "The log no longer holds the position of this group; reading goes on at its beginning.",
            group=self._group,
            topic=partition.topic,
            partition=partition.partition,
            expected_offset=expected,
            first_offset=begin,
            remedy="Look for a topic that was made anew or retention shorter than the outage; heal or resync repairs.",
        )

    async def _revoked(self, partitions: set[TopicPartition]) -> None:
        async with self._committing:
            self._rebalances += 1
            self._positions.end(partitions)
            for partition in partitions:
                self._held.pop(partition, None)
        if partitions and self._on_revoked is not None:
            self._on_revoked(partitions)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # the driver's base class is untyped
    """Carries the driver's rebalance calls to our consumer."""

    def __init__(self, consumer: BatchConsumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: set[DriverPartition]) -> None:
        await self._consumer._revoked({TopicPartition(tp.topic, tp.partition) for tp in revoked})

    def on_partitions_assigned(self, assigned: set[DriverPartition]) -> None:
        """Nothing to do: the story of each begins with the next batch."""
