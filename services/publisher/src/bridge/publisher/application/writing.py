"""From a decision of the state machine to what is written beside the row: log rows, dead letters, their records."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from typing import assert_never

from bridge.contracts.envelope import EventType
from bridge.contracts.events.dead_letter import DeadLetterOpened
from bridge.contracts.headers import JSON_CONTENT, SPEC_VERSION, TRACEPARENT, TYPE_HEADER
from bridge.contracts.identity import event_id
from bridge.contracts.reasons import REASONS, Stage
from bridge.contracts.topics import MAX_EVENT_BYTES
from bridge.publisher.application.arrival import sendable_again, trace_id
from bridge.publisher.application.ports import Resend, Unit
from bridge.publisher.domain.content import plain
from bridge.publisher.domain.delivery.effects import CloseLetter, Effect, OpenLetter, RefusalLogged, Superseded
from bridge.publisher.domain.delivery.model import EntityKey
from bridge.publisher.domain.journal import Letter, LetterClosing, LogEntry, OpenedLetter, Parcel, Step, Writings

MAX_ERROR_LENGTH = 2000


def note_effects(
    writings: Writings,
    parcel: Parcel,
    effects: Sequence[Effect],
    *,
    by: str | None = None,
    why: str | None = None,
) -> None:
    """Add what a decision asks for. A letter that is opened and closed by one batch is never written."""
    for effect in effects:
        match effect:
            case OpenLetter():
                _open(writings, parcel, effect)
            case CloseLetter():
                _close(writings, parcel, effect, by=by, why=why)
            case Superseded():
                writings.log.append(_superseded(parcel, effect))
            case RefusalLogged():
                writings.log.append(_refusal_logged(parcel, effect))
            case _:
                assert_never(effect)


async def write(unit: Unit, writings: Writings, *, dead_letter_topic: str) -> None:
    """Write everything in the unit's transaction: closings, letters with their outbox rows, log rows."""
    if writings.closings:
        await unit.close_letters(writings.closings)
    if writings.letters:
        opened = await unit.open_letters(writings.letters)
        await unit.publish([dead_letter_record(letter, dead_letter_topic) for letter in opened])
    if writings.log:
        await unit.log(writings.log)


def dead_letter_record(opened: OpenedLetter, topic: str) -> Resend:
    """Return the copy of a letter that goes to the platform team's tools.

    A record that does not fit beside its letter stays in the database alone, and the copy says so.
    """
    letter = opened.letter
    value = _body(opened, letter)
    if len(value) > MAX_EVENT_BYTES:
        error = f"{letter.error} The record is too large for this copy; letter {opened.letter_id} holds it."
        bare = replace(letter, raw=b"", error=error, origin=replace(letter.origin, key=None, headers=()))
        value = _body(opened, bare)
    return Resend(
        topic=topic,
        key=letter.origin.key,
        value=value,
        headers=_letter_headers(opened),
        tenant=letter.tenant,
        flow=letter.flow,
        entity=letter.entity,
    )


def _body(opened: OpenedLetter, letter: Letter) -> bytes:
    body = DeadLetterOpened(
        letter_id=opened.letter_id,
        opened_at=opened.opened_at,
        tenant=letter.tenant,
        flow=letter.flow,
        entity=letter.entity,
        revision=letter.version.revision if letter.version else None,
        generation=letter.version.generation if letter.version else None,
        stage=letter.stage,
        reason=letter.reason,
        field=letter.field,
        error=letter.error,
        remedy=REASONS[letter.reason].remedy,
        attempts=letter.attempts,
        trace_id=letter.trace_id,
        raw=b64encode(letter.raw),
        raw_key=b64encode(letter.origin.key) if letter.origin.key is not None else None,
        headers=tuple((name, b64encode(value)) for name, value in letter.origin.headers),
        origin_topic=letter.origin.topic,
        origin_partition=letter.origin.partition,
        origin_offset=letter.origin.offset,
    )
    return body.model_dump_json(by_alias=True, exclude_none=True).encode()


def _letter_headers(opened: OpenedLetter) -> tuple[tuple[str, bytes], ...]:
    letter = opened.letter
    values = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": f"dead-letter-{opened.letter_id}",
        "ce_source": f"/bridge/{letter.tenant or 'unknown'}/{letter.flow or 'unknown'}",
        TYPE_HEADER: EventType.DEAD_LETTER_OPENED.value,
        "ce_time": opened.opened_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "content-type": JSON_CONTENT,
        "ce_tenant": letter.tenant,
        "ce_flow": letter.flow,
        "ce_entity": letter.entity,
    }
    found = [(name, value.encode()) for name, value in values.items() if value is not None]
    traceparent = dict(letter.origin.headers).get(TRACEPARENT)
    return (*found, (TRACEPARENT, traceparent)) if traceparent else tuple(found)


def _open(writings: Writings, parcel: Parcel, effect: OpenLetter) -> None:
    delivery = parcel.delivery
    wanted, key, refusal = effect.unsent or delivery.wanted, delivery.key, effect.refusal
    raw, origin = (
        sendable_again(wanted, wanted.payload, parcel.origin)
        if effect.stage is Stage.MAPPING
        else (wanted.payload, parcel.origin)
    )
    letter = Letter(
        tenant=key.tenant,
        flow=key.flow,
        entity=key.entity,
        version=effect.version,
        event_id=wanted.event_id,
        stage=effect.stage,
        reason=refusal.reason,
        field=plain(refusal.field) if refusal.field else None,
        error=plain(refusal.detail[:MAX_ERROR_LENGTH]),
        raw=raw,
        origin=origin,
        attempts=delivery.attempt,
        trace_id=trace_id(wanted.traceparent),
    )
    writings.letters.append(letter)
    writings.log.append(
        LogEntry(
            key=key,
            version=effect.version,
            step=Step.LETTER_OPENED,
            event_id=wanted.event_id,
            after=delivery.state,
            reason=refusal.reason,
            detail=_with_field(refusal.field, refusal.detail),
            attempt=delivery.attempt,
            trace_id=letter.trace_id,
        )
    )


def _close(
    writings: Writings,
    parcel: Parcel,
    effect: CloseLetter,
    *,
    by: str | None,
    why: str | None,
) -> None:
    key = parcel.key
    if _withdraw_unwritten(writings, key):
        return
    writings.closings.append(LetterClosing(key, effect.closed_as.value, by, why))
    writings.log.append(
        LogEntry(
            key=key,
            version=parcel.delivery.wanted.version,
            step=Step.LETTER_CLOSED,
            event_id=parcel.delivery.wanted.event_id,
            outcome=effect.closed_as.value,
            detail=why,
            owner=by,
            trace_id=trace_id(parcel.delivery.wanted.traceparent),
        )
    )


def _withdraw_unwritten(writings: Writings, key: EntityKey) -> bool:
    """Drop the letter that this same batch was going to open; its log row stays, since it did stop there."""
    mine = [letter for letter in writings.letters if _is_about(letter, key)]
    for letter in mine:
        writings.letters.remove(letter)
    return bool(mine)


def _is_about(letter: Letter, key: EntityKey) -> bool:
    return letter.entity is not None and (letter.tenant, letter.flow, letter.entity) == (
        key.tenant,
        key.flow,
        key.entity,
    )


def _superseded(parcel: Parcel, effect: Superseded) -> LogEntry:
    key = parcel.key
    return LogEntry(
        key=key,
        version=effect.version,
        step=Step.SUPERSEDED,
        event_id=event_id(tenant=key.tenant, flow=key.flow, entity=key.entity, version=effect.version),
        detail=f"Version {parcel.delivery.wanted.version} took its place.",
        trace_id=trace_id(parcel.delivery.wanted.traceparent),
    )


def _refusal_logged(parcel: Parcel, effect: RefusalLogged) -> LogEntry:
    key, refusal = parcel.key, effect.refusal
    return LogEntry(
        key=key,
        version=effect.version,
        step=Step.REFUSED,
        event_id=event_id(tenant=key.tenant, flow=key.flow, entity=key.entity, version=effect.version),
        after=parcel.delivery.state,
        reason=refusal.reason,
        detail=_with_field(refusal.field, refusal.detail),
        trace_id=trace_id(parcel.delivery.wanted.traceparent),
    )


def _with_field(field: str | None, detail: str) -> str:
    return f"{field}: {detail}"[:MAX_ERROR_LENGTH] if field else detail[:MAX_ERROR_LENGTH]
