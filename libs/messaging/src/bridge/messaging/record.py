"""Records as our code sees them: what came from a partition, what shall go to a topic, what became of it."""

from dataclasses import dataclass
from typing import NamedTuple

from bridge.contracts.headers import Header


class TopicPartition(NamedTuple):
    """One partition of one topic, by its name on the wire."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}"


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it lies in the log. `timestamp_ms` is Unix time; a header without a value has b""."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()

    @property
    def source(self) -> TopicPartition:
        """The partition it came from."""
        return TopicPartition(self.topic, self.partition)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to publish; `topic` is the name on the wire. Records with one key stay in order."""

    topic: str
    key: bytes | None
    value: bytes
    headers: tuple[Header, ...] = ()


@dataclass(frozen=True, slots=True)
class Acked:
    """The broker has the record on all in-sync replicas.

    `offset` is -1 where the broker only says that it already had it (a repeat within the idempotent producer).
    """

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Unsent:
    """The record is not known to be stored; it may be. Sending it again is harmless.

    `record_is_guilty` says that the record itself is why (too large, unknown topic): another try will not help.
    """

    error: str
    record_is_guilty: bool


SendResult = Acked | Unsent
