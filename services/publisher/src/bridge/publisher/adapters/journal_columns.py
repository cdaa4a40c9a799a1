"""Log rows and letters as the columns of their tables, and letters back."""

import json
from typing import Final

from bridge.contracts.identity import SourceId, Version
from bridge.contracts.reasons import Reason, Stage
from bridge.durable.row import Row
from bridge.publisher.adapters.parcel_columns import pack_headers, plain_or_none, unpack_headers
from bridge.publisher.application.ports import StoredLetter, version_of
from bridge.publisher.domain.journal import Letter, LogEntry, Origin

LOG_COLUMNS: Final = (
    "tenant, flow, entity, revision, generation, event_id, step, from_state, to_state, outcome, reason, detail, "
    "attempt, changed_fields, notes, topic, kafka_partition, kafka_offset, trace_id, how, request_id, duration_ms, "
    "claim_epoch, owner"
)


def log_columns(entry: LogEntry) -> tuple[object, ...]:
    """Return a log row's values in the order of `LOG_COLUMNS`."""
    origin, call = entry.origin, entry.call
    notes = json.dumps([[n.field, n.rule, n.was, n.now] for n in entry.notes]) if entry.notes else None
    return (
        *(entry.key.tenant, entry.key.flow.value, entry.key.entity, entry.version.revision, entry.version.generation),
        *(entry.event_id, entry.step.value, entry.before, entry.after, entry.outcome, entry.reason),
        *(plain_or_none(entry.detail), entry.attempt, list(entry.changed_fields), notes),
        *((origin.topic, origin.partition, origin.offset) if origin else (None, None, None)),
        *(entry.trace_id, *((call.how, call.request_id, call.duration_ms) if call else (None, None, None))),
        *(entry.claim_epoch, entry.owner),
    )


def letter_columns(letter: Letter) -> dict[str, object]:
    """Return a letter's values by the names that the query `open_letter` has for them."""
    origin, version = letter.origin, letter.version
    return {
        "tenant": letter.tenant,
        "flow": letter.flow,
        "entity": letter.entity,
        "revision": version.revision if version else None,
        "generation": version.generation if version else None,
        "event_id": letter.event_id,
        "dedupe_key": letter.dedupe_key,
        "source_ref": letter.source_ref,
        "stage": letter.stage.value,
        "reason": letter.reason.value,
        "field": plain_or_none(letter.field),
        "error": plain_or_none(letter.error),
        "raw": letter.raw,
        "raw_key": origin.key,
        "headers": pack_headers(origin.headers),
        "topic": origin.topic,
        "partition": origin.partition,
        "offset": origin.offset,
        "attempts": letter.attempts,
        "trace_id": letter.trace_id,
    }


def stored_letter(row: Row) -> StoredLetter:
    """Read a whole row of `publisher.dead_letter`."""
    origin = Origin(
        row.text_or_none("origin_topic") or "",
        row.number_or_none("origin_partition") or 0,
        row.number_or_none("origin_offset") or 0,
        row.octets_or_none("raw_key"),
        unpack_headers(row.octets("headers")),
    )
    source_ref = row.text_or_none("source_ref")
    letter = Letter(
        tenant=row.text_or_none("tenant"),
        flow=row.text_or_none("flow"),
        entity=row.text_or_none("entity"),
        version=_version_or_none(row),
        event_id=row.text_or_none("event_id"),
        stage=Stage(row.text("stage")),
        reason=Reason(row.text("reason")),
        field=row.text_or_none("field"),
        error=row.text("error"),
        raw=row.octets("raw"),
        origin=origin,
        attempts=row.number("attempts"),
        trace_id=row.text_or_none("trace_id"),
        dedupe_key=row.text_or_none("dedupe_key"),
        source_ref=SourceId(source_ref) if source_ref else None,
    )
    return StoredLetter(row.number("id"), row.instant_or_none("closed_at") is not None, letter, row.number("rounds"))


def _version_or_none(row: Row) -> Version | None:
    revision = row.number_or_none("revision")
    return None if revision is None else version_of(revision, row.number_or_none("generation") or 0)
