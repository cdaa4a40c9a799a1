"""A consumed message, as every Kafka client in Python shapes it, as our record."""

from typing import Any

from bridge.transformer.application.record import SourceRecord
from bridge.transformer.application.route import Route


def source_record(message: Any, route: Route) -> SourceRecord:
    """Return our record for a client's message whose timestamp is in seconds. A header without a value has b""."""
    return SourceRecord(
        route=route,
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        timestamp_ms=round(message.timestamp * 1000),
        key=message.key,
        value=message.value,
        headers=tuple((name, value or b"") for name, value in message.headers or ()),
    )
