"""The record that says why another one cannot be mapped, with that other one inside."""

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from bridge.contracts.envelope import Envelope, Outcome
from bridge.contracts.events.unmappable import Unmappable
from bridge.contracts.headers import Header
from bridge.contracts.topics import MAX_EVENT_BYTES
from bridge.transformer.application.record import MappedRecord, SourceRecord
from bridge.transformer.domain.rules import cut_at_grapheme
from bridge.transformer.domain.unmapped import Unmapped

DETAIL_CHARACTERS: Final = 500
MAX_KEY_BYTES: Final = 4 * 1024
MAX_HEADERS_BYTES: Final = 32 * 1024


def unmappable(record: SourceRecord, envelope: Envelope, fault: Unmapped) -> MappedRecord:
    """Return the record for one that cannot be mapped: reason, field, detail, raw bytes, key, headers, origin.

    Raw bytes beyond the event limit and headers beyond 32 KiB stay behind at the origin, since what is written here
    must fit into one record again.
    """
    body = Unmappable(
        reason=fault.reason,
        field=fault.field,
        detail=cut_at_grapheme(fault.detail, DETAIL_CHARACTERS),
        raw=b64encode((record.value or b"")[:MAX_EVENT_BYTES]),
        raw_key=None if record.key is None else b64encode(record.key[:MAX_KEY_BYTES]),
        headers=tuple((name, b64encode(value)) for name, value in _kept(record.headers)),
        origin_topic=record.topic,
        origin_partition=record.partition,
        origin_offset=record.offset,
    )
    marked = replace(
        envelope,
        type=record.route.unmappable,
        schema_version=1,
        outcome=Outcome.UNMAPPABLE,
        fault_reason=fault.reason,
        fault_field=fault.field,
        fault_detail=cut_at_grapheme(fault.detail, DETAIL_CHARACTERS // 4),
    )
    value = body.model_dump_json(by_alias=True).encode()
    return MappedRecord(route=record.route, key=record.key, value=value, envelope=marked)


def _kept(headers: Iterable[Header]) -> Iterable[Header]:
    room = MAX_HEADERS_BYTES
    for name, value in headers:
        room -= len(name) + len(value)
        if room < 0:
            return
        yield name, value
