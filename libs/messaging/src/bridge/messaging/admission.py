"""What no broker would take: found before anything is sent, so that it costs nobody else a round trip."""

import re
from typing import Final

from aiokafka.record.default_records import DefaultRecordBatchBuilder

from bridge.messaging.record import Outgoing

MAX_REQUEST_BYTES: Final = 1024 * 1024
"""Largest record with key and headers. Events are limited to half of it where they are written."""
_TOPIC: Final = re.compile(r"[a-zA-Z0-9._-]{1,249}")


def fault_of(record: Outgoing) -> str | None:
    """Return why this record can never be sent, as a sentence; None if nothing speaks against it."""
    if not _TOPIC.fullmatch(record.topic) or record.topic in (".", ".."):
        return f"{record.topic[:80]!r} is no name that a topic can have."
    size = DefaultRecordBatchBuilder.estimate_size_in_bytes(record.key, record.value, list(record.headers))
    if size > MAX_REQUEST_BYTES:
        return f"The record is {size} bytes; the limit is {MAX_REQUEST_BYTES} bytes."
    return None
