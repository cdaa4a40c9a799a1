"""What goes into the mapping and what comes out of it, free of any client library's types."""

from dataclasses import dataclass

from bridge.contracts.envelope import Envelope
from bridge.contracts.headers import Header
from bridge.transformer.application.route import Route


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """One record as it lies in the log. `topic` is the wire name, `timestamp_ms` the record's own time."""

    route: Route
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]


@dataclass(frozen=True, slots=True)
class MappedRecord:
    """The one record that a source record becomes; `key` is the source's, so both lie in the same order."""

    route: Route
    key: bytes | None
    value: bytes
    envelope: Envelope
