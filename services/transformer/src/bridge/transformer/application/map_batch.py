"""One record in, one record out: the promise of the transformer, apart from any broker.

Knows neither Faust nor Kafka, so that a second shell stays possible. Reads no clock and does no I/O.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pydantic import BaseModel, ValidationError

from bridge.contracts.envelope import Envelope, Outcome
from bridge.contracts.headers import TYPE_HEADER, HeaderError, decode
from bridge.contracts.reasons import Reason
from bridge.contracts.topics import MAX_EVENT_BYTES
from bridge.transformer.application.contents import CONTENTS
from bridge.transformer.application.record import MappedRecord, SourceRecord
from bridge.transformer.application.salvage import doubt, salvage
from bridge.transformer.application.unmappable import unmappable
from bridge.transformer.domain.unmapped import Unmapped

KNOWN_SCHEMA: Final = 1


def map_batch(records: Sequence[SourceRecord]) -> list[MappedRecord]:
    """Return exactly one record for each record, in the same order and under the same key.

    What cannot be mapped becomes an `unmappable` record that holds the original whole. An exception that nobody
    foresaw makes its own record `unexpected` as long as a known good content still maps.

    Raises:
        Exception: The known good content does not map either; no record is to blame and nothing may be committed.
    """
    return [_with_origin(record, _map_guarded(record)) for record in records]


def _with_origin(record: SourceRecord, mapped: MappedRecord) -> MappedRecord:
    """Say where the record lay that this one was mapped from, so that a journey shows both places."""
    place = f"{record.topic}-{record.partition}@{record.offset}"
    return replace(mapped, envelope=replace(mapped.envelope, mapped_from=place))


def _map_guarded(record: SourceRecord) -> MappedRecord:
    try:
        return map_record(record)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 (one guilty record must not stop its partition; see the proof below)
        CONTENTS[record.route.flow].prove()
        fault = Unmapped(Reason.UNEXPECTED, None, f"{type(error).__name__} while mapping.")
        return unmappable(record, salvage(record), fault)


def map_record(record: SourceRecord) -> MappedRecord:
    """Return the one record that this record becomes."""
    size = len(record.value or b"")
    if size > MAX_EVENT_BYTES:
        detail = f"The record holds {size} bytes; the limit is {MAX_EVENT_BYTES}. Its whole text is at its origin."
        return unmappable(record, salvage(record), Unmapped(Reason.EVENT_TOO_LARGE, None, detail))
    try:
        envelope = decode(record.headers)
    except HeaderError as error:
        unknown = error.header == TYPE_HEADER and any(name == TYPE_HEADER for name, _ in record.headers)
        reason = Reason.UNKNOWN_SCHEMA if unknown else Reason.EVENT_UNREADABLE
        return unmappable(record, salvage(record), Unmapped(reason, error.header, str(error)))
    fault = _envelope_fault(record, envelope)
    if fault is not None:
        return unmappable(record, salvage(record), fault)
    return _map_body(record, envelope)


def _envelope_fault(record: SourceRecord, envelope: Envelope) -> Unmapped | None:
    """Return what keeps an envelope that parses from being believed."""
    if not record.route.accepts(envelope.type) or envelope.flow is not record.route.flow:
        detail = f"An event {envelope.type} of flow {envelope.flow} does not belong on {record.route.source}."
        return Unmapped(Reason.EVENT_UNREADABLE, TYPE_HEADER, detail)
    if envelope.schema_version != KNOWN_SCHEMA:
        detail = f"Schema version {envelope.schema_version} of {envelope.type} is not known to this release."
        return Unmapped(Reason.UNKNOWN_SCHEMA, "ce_schemaversion", detail)
    doubted = doubt(envelope)
    return None if doubted is None else Unmapped(Reason.EVENT_UNREADABLE, *doubted)


def _map_body(record: SourceRecord, envelope: Envelope) -> MappedRecord:
    if envelope.type is record.route.unreadable:
        return unmappable(record, envelope, _source_fault(envelope))
    content = CONTENTS[record.route.flow]
    withdrawn = envelope.type is record.route.withdrawn
    model = content.withdrawn if withdrawn else content.changed
    try:
        body = model.model_validate_json(record.value or b"", strict=True)
    except ValidationError as error:
        return unmappable(record, envelope, _body_fault(error))
    number = content.number(body)
    if envelope.entity != str(number):
        detail = f"The headers name entity {envelope.entity}, the body {number}."
        return unmappable(record, envelope, Unmapped(Reason.EVENT_UNREADABLE, content.number_field, detail))
    if withdrawn:
        return _passed(record, replace(envelope, outcome=Outcome.WITHDRAWN), body)
    wanted = content.to_wanted(body)
    if isinstance(wanted, Unmapped):
        return unmappable(record, envelope, wanted)
    return _passed(record, replace(envelope, type=record.route.mapped, outcome=Outcome.MAPPED), wanted)


def _passed(record: SourceRecord, envelope: Envelope, body: BaseModel) -> MappedRecord:
    value = body.model_dump_json(by_alias=True, exclude_none=True).encode()
    return MappedRecord(route=record.route, key=record.key, value=value, envelope=envelope)


def _source_fault(envelope: Envelope) -> Unmapped:
    reason = envelope.fault_reason or Reason.SOURCE_ROW_UNREADABLE
    detail = envelope.fault_detail or "The poller could not read the row."
    return Unmapped(reason, envelope.fault_field, detail)


def _body_fault(error: ValidationError) -> Unmapped:
    # Without input: the letter holds the raw bytes, a message must not repeat them.
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".") or None
    return Unmapped(Reason.EVENT_UNREADABLE, place, f"The body is not what its type promises: {first['msg']}.")
