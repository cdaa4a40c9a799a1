"""An envelope for a record whose headers do not make one.

Takes from the headers what can be trusted and says the rest so that it can belong to no tenant and no entity by
mistake. Knows no broker.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from bridge.contracts.envelope import Envelope
from bridge.contracts.headers import TRACEPARENT, Header, decode
from bridge.contracts.identity import (
    TENANT_PATTERN,
    EntityNumber,
    EventId,
    Generation,
    Revision,
    SourceId,
    TenantId,
    Version,
)
from bridge.transformer.application.record import SourceRecord

NO_TENANT: Final = TenantId("-")
"""Stands for a tenant that a record does not name; no tenant can be called so."""

MAX_INTEGER: Final = 2**63 - 1
"""Larger numbers fit into no column behind us, where one would refuse the whole batch."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def salvage(record: SourceRecord) -> Envelope:
    """Return an envelope that names an entity only if tenant, entity and the place of the change are all readable.

    Without its place a change could bury a newer one of the same entity, so the record then is about no entity. The
    event id is the same each time the same record is read.
    """
    try:
        envelope = decode(record.headers)
    except ValueError:  # a header that is missing or wrong, or a number of thousands of digits
        return _pieces(record)
    if doubt(envelope) is not None:
        return _pieces(record)
    return replace(envelope, flow=record.route.flow)


def doubt(envelope: Envelope) -> tuple[str, str] | None:
    """Return the header and the problem that keep a parsed envelope from being believed, or None."""
    if TENANT_PATTERN.fullmatch(envelope.tenant) is None:
        return "ce_tenant", "The tenant's name is not one that can be declared."
    if envelope.entity is not None and not is_number(envelope.entity):
        return "ce_entity", "The entity is not a number without padding."
    if max(envelope.version.revision, envelope.version.generation, envelope.change_no) > MAX_INTEGER:
        return "ce_revision", "The place of the change is out of range."
    if not all(text.isprintable() for text in (envelope.event_id, envelope.source_hash, envelope.source_ref)):
        return "ce_id", "A header holds characters that cannot be shown."
    return None


def _pieces(record: SourceRecord) -> Envelope:
    texts = _texts(record.headers)
    tenant, entity = texts.get("ce_tenant", ""), texts.get("ce_entity", "")
    revision, generation = _number(texts, "ce_revision"), _number(texts, "ce_generation")
    change_no = _number(texts, "ce_changeno")
    named = TENANT_PATTERN.fullmatch(tenant) is not None
    envelope = Envelope(
        event_id=EventId(str(uuid5(NAMESPACE_URL, f"{record.topic}/{record.partition}/{record.offset}"))),
        type=record.route.unmappable,
        tenant=TenantId(tenant) if named else NO_TENANT,
        flow=record.route.flow,
        entity=None,
        version=Version(Revision(0), Generation(0)),
        change_no=0,
        source_hash=texts.get("ce_sourcehash") or hashlib.sha256(record.value or b"").hexdigest(),
        source_ref=SourceId(texts.get("ce_sourceref", "")),
        time=_EPOCH + timedelta(milliseconds=max(record.timestamp_ms, 0)),
        traceparent=texts.get(TRACEPARENT),
    )
    if not (named and is_number(entity) and revision is not None and generation is not None and change_no):
        return envelope
    return replace(
        envelope,
        event_id=EventId(texts.get("ce_id") or envelope.event_id),
        entity=EntityNumber(entity),
        version=Version(Revision(revision), Generation(generation)),
        change_no=change_no,
    )


def is_number(text: str) -> bool:
    """Tell whether the text is a shared number as both systems write it: digits without padding."""
    return text.isascii() and text.isdigit() and len(text) < 20 and text[0] != "0"


def _texts(headers: Iterable[Header]) -> Mapping[str, str]:
    return {name: text for name, value in headers if (text := _readable(value)) is not None}


def _readable(value: bytes) -> str | None:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def _number(texts: Mapping[str, str], name: str) -> int | None:
    text = texts.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    number = int(text)
    return number if number <= MAX_INTEGER else None
