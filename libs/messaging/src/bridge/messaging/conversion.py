"""The driver's records as ours."""

from typing import Any

from bridge.messaging.record import Record


def record_of(raw: Any) -> Record:
    """Return one of the driver's consumer records as ours."""
    return Record(
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        timestamp_ms=raw.timestamp,
        key=raw.key,
        value=raw.value,
        headers=tuple((name, value if value is not None else b"") for name, value in raw.headers),
    )
