"""Header names on the wire, and values to bytes and back.

CloudEvents 1.0, Kafka binary mode: attributes are headers with the prefix `ce_`, our extensions among them, and the
record's value is the event's data. `traceparent` is the W3C header. Readers decide on headers alone.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from bridge.contracts.envelope import Envelope, EventType, Outcome
from bridge.contracts.identity import (
    EntityNumber,
    EventId,
    Flow,
    Generation,
    Revision,
    SourceId,
    TenantId,
    Version,
)
from bridge.contracts.reasons import Reason

TYPE_HEADER: Final = "ce_type"
Header = tuple[str, bytes]

SPEC_VERSION: Final = "1.0"
JSON_CONTENT: Final = "application/json"
TRACEPARENT: Final = "traceparent"
FIRST_PLACE: Final = "bridge_firstplace"
"""On a record that was sent again: where it lay first. The first one stays, however often it is sent."""
FIRST_TIME: Final = "bridge_firsttime"
"""On a record that was replayed: when the broker had it first."""
MAX_HEADER_BYTES: Final = 1024
"""A single header value is cut to this many bytes where it holds free text."""
MAX_DIGITS: Final = 40
"""Far above every number that we write; thousands of digits are refused by the language itself, in words of its own."""


class HeaderError(ValueError):
    """A record's headers do not make an envelope; `header` names the first one that is missing or wrong."""

    def __init__(self, header: str, problem: str) -> None:
        self.header = header
        super().__init__(f"header {header}: {problem}")


def encode(envelope: Envelope) -> list[Header]:
    """Write an envelope as Kafka headers, absent values left out."""
    values: dict[str, str | None] = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": envelope.event_id,
        "ce_source": f"/bridge/{envelope.tenant}/{envelope.flow}",
        TYPE_HEADER: envelope.type.value,
        "ce_time": _timestamp(envelope.time),
        "ce_subject": envelope.entity,
        "content-type": JSON_CONTENT,
        "ce_tenant": envelope.tenant,
        "ce_flow": envelope.flow.value,
        "ce_entity": envelope.entity,
        "ce_revision": str(envelope.version.revision),
        "ce_generation": str(envelope.version.generation),
        "ce_changeno": str(envelope.change_no),
        "ce_sourcehash": envelope.source_hash,
        "ce_sourceref": envelope.source_ref,
        "ce_sourcetime": _timestamp(envelope.source_time) if envelope.source_time else None,
        "ce_schemaversion": str(envelope.schema_version),
        "ce_outcome": envelope.outcome.value if envelope.outcome else None,
        "ce_faultreason": envelope.fault_reason.value if envelope.fault_reason else None,
        "ce_faultfield": envelope.fault_field,
        "ce_faultdetail": envelope.fault_detail,
        "ce_mappedfrom": envelope.mapped_from,
        TRACEPARENT: envelope.traceparent,
    }
    return [(name, value.encode()[:MAX_HEADER_BYTES]) for name, value in values.items() if value is not None]


def place(topic: str, partition: int, offset: int) -> bytes:
    """Return the value of `FIRST_PLACE`."""
    return f"{topic}-{partition}@{offset}".encode()


def decode(headers: Iterable[Header]) -> Envelope:
    """Read an envelope from Kafka headers; unknown headers are ignored.

    Raises:
        HeaderError: A required header is missing or does not parse.
    """
    found = _text(headers)
    try:
        event_type = EventType(_need(found, TYPE_HEADER))
    except ValueError as cause:
        raise HeaderError(TYPE_HEADER, "unknown event type") from cause
    entity = found.get("ce_entity")
    source_time = found.get("ce_sourcetime")
    return Envelope(
        event_id=EventId(_need(found, "ce_id")),
        type=event_type,
        tenant=TenantId(_need(found, "ce_tenant")),
        flow=_flow(_need(found, "ce_flow")),
        entity=EntityNumber(entity) if entity else None,
        version=Version(Revision(_integer(found, "ce_revision")), Generation(_integer(found, "ce_generation"))),
        change_no=_integer(found, "ce_changeno"),
        source_hash=_need(found, "ce_sourcehash"),
        source_ref=SourceId(found.get("ce_sourceref", "")),
        time=_instant("ce_time", _need(found, "ce_time")),
        source_time=_instant("ce_sourcetime", source_time) if source_time else None,
        schema_version=_integer(found, "ce_schemaversion"),
        traceparent=found.get(TRACEPARENT),
        outcome=_outcome(found.get("ce_outcome")),
        fault_reason=_reason(found.get("ce_faultreason")),
        fault_field=found.get("ce_faultfield"),
        fault_detail=found.get("ce_faultdetail"),
        mapped_from=found.get("ce_mappedfrom"),
    )


def _text(headers: Iterable[Header]) -> dict[str, str]:
    return {name: value.decode("utf-8", errors="replace") for name, value in headers}


def _need(found: dict[str, str], name: str) -> str:
    value = found.get(name)
    if not value:
        raise HeaderError(name, "missing")
    return value


def _integer(found: dict[str, str], name: str) -> int:
    text = _need(found, name)
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise HeaderError(name, f"not a whole number of at most {MAX_DIGITS} digits")
    return int(text)


def _flow(text: str) -> Flow:
    try:
        return Flow(text)
    except ValueError as cause:
        raise HeaderError("ce_flow", "unknown flow") from cause


def _outcome(text: str | None) -> Outcome | None:
    try:
        return Outcome(text) if text else None
    except ValueError as cause:
        raise HeaderError("ce_outcome", "unknown outcome") from cause


def _reason(text: str | None) -> Reason | None:
    try:
        return Reason(text) if text else None
    except ValueError as cause:
        raise HeaderError("ce_faultreason", "unknown reason") from cause


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _instant(name: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        in_utc = moment.astimezone(UTC)
    except (ValueError, OverflowError) as cause:
        raise HeaderError(name, "not a timestamp") from cause
    if moment.tzinfo is None:
        raise HeaderError(name, "a timestamp without a zone")
    return in_utc
