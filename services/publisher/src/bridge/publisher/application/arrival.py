"""From a record's headers to wanted content, or to the dead letter that says why it is none.

Ingest decides on headers alone; a body is read only where the mapping gave up, since its reason stands there. What the
tables could not hold is refused here, for that record alone.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from bridge.contracts.envelope import Envelope, EventType, Outcome
from bridge.contracts.events.unmappable import Unmappable
from bridge.contracts.headers import HeaderError, decode
from bridge.contracts.identity import TENANT_PATTERN, Flow
from bridge.contracts.reasons import Reason, Stage
from bridge.publisher.domain.delivery.model import EntityKey, Refusal, Wanted
from bridge.publisher.domain.journal import Letter, Origin

MAX_ENTITY_LENGTH: Final = 64
MAX_TEXT_LENGTH: Final = 128
MAX_PLACE_LENGTH: Final = 300
KNOWN_SCHEMA: Final = 1
_MAX_BIGINT: Final = (1 << 63) - 1
_MAX_INTEGER: Final = (1 << 31) - 1
_TRACEPARENT: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_ACCEPTED: Final = {
    Flow.CUSTOMERS: frozenset({EventType.CUSTOMER_MAPPED, EventType.CUSTOMER_WITHDRAWN, EventType.CUSTOMER_UNMAPPABLE}),
    Flow.INVOICES: frozenset({EventType.INVOICE_MAPPED, EventType.INVOICE_WITHDRAWN, EventType.INVOICE_UNMAPPABLE}),
}
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A record as it came from the log."""

    origin: Origin
    value: bytes


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record about an entity."""

    key: EntityKey
    wanted: Wanted
    record: Incoming
    mapped_from: str | None = None


def read_record(record: Incoming) -> Arrival | Letter:
    """Return the wanted content that a record carries, or the letter for a record that is about no entity."""
    try:
        envelope = _bounded(decode(record.origin.headers))
    except HeaderError as error:
        return _unreadable(record, error)
    wanted = _wanted(envelope, record.value)
    if envelope.entity is None:
        return letter_without_entity(envelope, wanted, record)
    key = EntityKey(envelope.tenant, envelope.flow, envelope.entity)
    return Arrival(key, wanted, record, envelope.mapped_from)


def letter_without_entity(envelope: Envelope, wanted: Wanted, record: Incoming) -> Letter:
    """Return the letter for a record whose source row belongs to no entity.

    One whose own version cannot be read is neither older nor newer than its row's other words: none of them closes it.
    """
    refusal = wanted.refusal or Refusal(Reason.EVENT_UNREADABLE, "ce_entity", "The record names no entity.")
    raw, origin = sendable_again(wanted, record.value, record.origin)
    return Letter(
        tenant=envelope.tenant,
        flow=envelope.flow,
        entity=None,
        version=envelope.version,
        event_id=envelope.event_id,
        stage=Stage.INGEST if wanted.sendable else Stage.MAPPING,
        reason=refusal.reason,
        field=refusal.field,
        error=refusal.detail,
        raw=raw,
        origin=origin,
        attempts=0,
        trace_id=trace_id(wanted.traceparent),
        dedupe_key=f"event:{envelope.event_id}",
        source_ref=(envelope.source_ref or None) if envelope.version.revision else None,
    )


def letter_of_stranger(arrival: Arrival) -> Letter:
    """Return the letter for a record of a tenant that was never declared here; it touches no delivery."""
    key, wanted, record = arrival.key, arrival.wanted, arrival.record
    return Letter(
        tenant=key.tenant,
        flow=key.flow,
        entity=None,
        version=wanted.version,
        event_id=wanted.event_id,
        stage=Stage.INGEST,
        reason=Reason.UNKNOWN_TENANT,
        field="ce_tenant",
        error=f"Tenant {key.tenant} was never declared here; its {key.flow.one} {key.entity} was not taken in.",
        raw=record.value,
        origin=record.origin,
        attempts=0,
        trace_id=trace_id(wanted.traceparent),
        dedupe_key=f"event:{wanted.event_id}",
    )


def letter_of_guilty(record: Incoming, error: str) -> Letter:
    """Return the letter for a record that alone made its batch fail in a way that nobody foresaw."""
    return _bare_letter(record, Reason.UNEXPECTED, None, error)


def sendable_again(wanted: Wanted, payload: bytes, origin: Origin) -> tuple[bytes, Origin]:
    """Return the bytes, key and headers that a retry would send, with their place in the log.

    For a record that the mapping gave up on these are the original ones, which its body carries.
    """
    body = read_unmappable(payload) if not wanted.sendable else None
    if body is None:
        return payload, origin
    original = Origin(body.origin_topic, body.origin_partition, body.origin_offset, body.raw_key, body.headers)
    return body.raw, original


def read_unmappable(payload: bytes) -> Unmappable | None:
    """Return the mapping's account of why it gave up, or None if the bytes are not one."""
    try:
        return Unmappable.model_validate_json(payload)
    except ValidationError:
        return None


def trace_id(traceparent: str | None) -> str | None:
    """Return the trace id of a traceparent that was checked on arrival."""
    return traceparent[3:35] if traceparent else None


def _wanted(envelope: Envelope, value: bytes) -> Wanted:
    refusal = _refusal(envelope, value)
    outcome = envelope.outcome or Outcome.UNMAPPABLE
    return Wanted(
        version=envelope.version,
        change_no=envelope.change_no,
        event_id=envelope.event_id,
        source_hash=envelope.source_hash,
        source_ref=envelope.source_ref,
        schema_version=envelope.schema_version,
        traceparent=_traceparent(envelope.traceparent),
        outcome=Outcome.UNMAPPABLE if refusal else outcome,
        payload=value,
        refusal=refusal,
    )


def _refusal(envelope: Envelope, value: bytes) -> Refusal | None:
    if envelope.outcome is not Outcome.UNMAPPABLE:
        if envelope.schema_version != KNOWN_SCHEMA:
            known = f"Schema version {envelope.schema_version} is not known here; this release knows {KNOWN_SCHEMA}."
            return Refusal(Reason.UNKNOWN_SCHEMA, "ce_schemaversion", known)
        return None
    body = read_unmappable(value)
    if body is None:
        return Refusal(Reason.EVENT_UNREADABLE, None, "The record says unmappable, and its body does not say why.")
    return Refusal(body.reason, body.field, body.detail)


def _bounded(envelope: Envelope) -> Envelope:
    """Refuse what the tables and their indexes could not hold, naming header and limit."""
    _check(TENANT_PATTERN.fullmatch(envelope.tenant) is not None, "ce_tenant", "not a tenant id")
    _check(envelope.type in _ACCEPTED[envelope.flow], "ce_type", "not an event of a mapped flow")
    _check(envelope.outcome is not None, "ce_outcome", "missing")
    if envelope.entity is not None:
        plain = envelope.entity.isprintable() and len(envelope.entity) <= MAX_ENTITY_LENGTH
        _check(plain, "ce_entity", f"not plain text of at most {MAX_ENTITY_LENGTH} characters")
        numbered = envelope.flow is not Flow.INVOICES or _NUMBER.fullmatch(envelope.entity) is not None
        _check(numbered, "ce_entity", "not an invoice number")
    for name, number in (
        ("ce_revision", envelope.version.revision),
        ("ce_generation", envelope.version.generation),
        ("ce_changeno", envelope.change_no),
    ):
        _check(number <= _MAX_BIGINT, name, f"above {_MAX_BIGINT}")
    _check(envelope.schema_version <= _MAX_INTEGER, "ce_schemaversion", f"above {_MAX_INTEGER}")
    for name, text in (
        ("ce_id", envelope.event_id),
        ("ce_sourcehash", envelope.source_hash),
        ("ce_sourceref", envelope.source_ref),
    ):
        plain = len(text) <= MAX_TEXT_LENGTH and (text.isprintable())
        _check(plain, name, f"not plain text of at most {MAX_TEXT_LENGTH} characters")
    if envelope.mapped_from is not None:
        plain = len(envelope.mapped_from) <= MAX_PLACE_LENGTH and envelope.mapped_from.isprintable()
        _check(plain, "ce_mappedfrom", f"not plain text of at most {MAX_PLACE_LENGTH} characters")
    return envelope


def _check(holds: bool, header: str, problem: str) -> None:
    if not holds:
        raise HeaderError(header, problem)


def _traceparent(text: str | None) -> str | None:
    return text if text and _TRACEPARENT.fullmatch(text) else None


def _unreadable(record: Incoming, error: HeaderError) -> Letter:
    return _bare_letter(record, Reason.EVENT_UNREADABLE, error.header, str(error))


def _bare_letter(record: Incoming, reason: Reason, field: str | None, error: str) -> Letter:
    origin = record.origin
    return Letter(
        tenant=None,
        flow=None,
        entity=None,
        version=None,
        event_id=None,
        stage=Stage.INGEST,
        reason=reason,
        field=field,
        error=error,
        raw=record.value,
        origin=origin,
        attempts=0,
        trace_id=None,
        dedupe_key=f"bytes:{_digest(record)}",
    )


def _digest(record: Incoming) -> str:
    digest = hashlib.sha256()
    for name, value in (*record.origin.headers, ("", record.origin.key or b""), ("", record.value)):
        digest.update(b"%d:%s%d:" % (len(name), name.encode("utf-8", "surrogateescape"), len(value)))
        digest.update(value)
    return digest.hexdigest()
