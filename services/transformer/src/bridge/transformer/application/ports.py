"""What the transformer needs of the log: a source that hands out records in order, and a sink that keeps them."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from bridge.transformer.application.record import MappedRecord, SourceRecord


class RecordSource(Protocol):
    """Records from the log, each partition in order. One reader, one batch at a time."""

    async def next_batch(self, wait_seconds: float) -> Sequence[SourceRecord]:
        """Return what has come, none after `wait_seconds` without any; nothing of it counts as read yet.

        Raises:
            BrokerUnavailableError: The source has stopped for good; nothing more will come.
        """
        ...

    async def acknowledge(self) -> None:
        """Commit every record that was handed out so far: what they became is durable."""
        ...

    async def lag(self) -> Mapping[tuple[str, int], int] | None:
        """Return for each partition of ours how many records are not yet fetched; None before there are any of ours.

        Raises:
            BrokerUnavailableError: It could not be found out this time.
        """
        ...


class RecordSink(Protocol):
    """Where mapped records become durable."""

    async def deliver(self, records: Sequence[MappedRecord]) -> None:
        """Return once every record is acknowledged by the log.

        Raises:
            BrokerUnavailableError: At least one is not known to be stored; none of their sources may be committed.
        """
        ...
