"""A parcel as the columns of `publisher.delivery`, and back."""

import json
from typing import Final

from bridge.contracts.envelope import Outcome
from bridge.contracts.identity import EntityNumber, EventId, Flow, SourceId, TenantId, shard_of
from bridge.contracts.reasons import Reason
from bridge.durable.row import Row
from bridge.publisher.application.ports import version_of
from bridge.publisher.domain.content import plain, search_keys
from bridge.publisher.domain.delivery.model import (
    Confirmed,
    Delivery,
    EntityKey,
    Receipt,
    Refusal,
    Sent,
    State,
    Wanted,
)
from bridge.publisher.domain.journal import Headers, Origin, Parcel

COLUMNS: Final = (
    *("tenant", "flow", "entity", "shard"),
    *("revision", "generation", "change_no", "event_id", "outcome", "source_ref", "source_hash", "schema_version"),
    *("traceparent", "payload", "refusal_reason", "refusal_field", "refusal_detail"),
    *("headers", "record_key", "topic", "kafka_partition", "kafka_offset"),
    *("state", "due_at", "attempt", "unknown_rounds", "reason", "failing_since", "read_back"),
    *("claim_epoch", "sent_at", "sent_revision", "sent_generation", "sent_hash", "sent_payload", "maybe_there"),
    *("confirmed_revision", "confirmed_generation", "confirmed_payload", "confirmed_at", "remote_id"),
    *("order_id", "order_due_at", "amount_note", "diverged"),
    *("receipt_wanted", "receipt_sent", "receipt_due_at", "receipt_out", "receipt_out_epoch", "receipt_look"),
    *("kid", "order_number"),
)
_NO_INVOICE: Final = (*(None, None, None, False), *(None, None, None, None, None, False), *(None, None))


def to_columns(parcel: Parcel) -> tuple[object, ...]:
    """Return a parcel's values in the order of `COLUMNS`."""
    delivery, origin = parcel.delivery, parcel.origin
    key, wanted, sent, confirmed = delivery.key, delivery.wanted, delivery.sent, delivery.confirmed
    return (
        *(key.tenant, key.flow.value, key.entity, shard_of(key.tenant)),
        *_wanted_columns(wanted),
        *(pack_headers(origin.headers), origin.key, origin.topic, origin.partition, origin.offset),
        *(delivery.state.value, delivery.due_at, delivery.attempt, delivery.unknown_rounds),
        *(delivery.reason.value if delivery.reason else None, delivery.failing_since, delivery.read_back),
        *(delivery.claim_epoch, *_sent_columns(sent), delivery.maybe_there),
        *(confirmed.version.revision if confirmed else None, confirmed.version.generation if confirmed else None),
        *(parcel.confirmed_payload, confirmed.at if confirmed else None, delivery.remote_id),
        *(_invoice_columns(delivery) if delivery.once else _NO_INVOICE),
    )


def to_parcel(row: Row) -> Parcel:
    """Read a whole row of `publisher.delivery`."""
    reason = row.text_or_none("reason")
    delivery = Delivery(
        key=EntityKey(TenantId(row.text("tenant")), Flow(row.text("flow")), EntityNumber(row.text("entity"))),
        wanted=_wanted(row),
        state=State(row.text("state")),
        due_at=row.instant_or_none("due_at"),
        attempt=row.number("attempt"),
        unknown_rounds=row.number("unknown_rounds"),
        reason=Reason(reason) if reason else None,
        failing_since=row.instant_or_none("failing_since"),
        claim_epoch=row.number_or_none("claim_epoch"),
        sent=_sent(row),
        maybe_there=row.flag("maybe_there"),
        read_back=row.flag("read_back"),
        confirmed=_confirmed(row),
        remote_id=row.text_or_none("remote_id"),
        order_id=row.text_or_none("order_id"),
        order_due_at=row.instant_or_none("order_due_at"),
        amount_note=row.text_or_none("amount_note"),
        diverged=row.flag("diverged"),
        receipt=_receipt(row),
    )
    origin = Origin(
        row.text("topic"),
        row.number("kafka_partition"),
        row.number("kafka_offset"),
        row.octets_or_none("record_key"),
        unpack_headers(row.octets("headers")),
    )
    return Parcel(delivery, origin, row.octets_or_none("confirmed_payload"))


def pack_headers(headers: Headers) -> bytes:
    """Write headers as JSON. Latin-1 maps each byte to one character, so any value comes back exactly."""
    return json.dumps([[name, value.decode("latin-1")] for name, value in headers]).encode()


def unpack_headers(packed: bytes) -> Headers:
    """Read what `pack_headers` wrote."""
    return tuple((str(name), str(value).encode("latin-1")) for name, value in json.loads(packed))


def _wanted_columns(wanted: Wanted) -> tuple[object, ...]:
    refusal = wanted.refusal
    return (
        *(wanted.version.revision, wanted.version.generation, wanted.change_no, wanted.event_id),
        *(wanted.outcome.value, wanted.source_ref, wanted.source_hash, wanted.schema_version),
        *(wanted.traceparent, wanted.payload, refusal.reason.value if refusal else None),
        *(plain_or_none(refusal.field) if refusal else None, plain(refusal.detail) if refusal else None),
    )


def plain_or_none(text: str | None) -> str | None:
    """Return text that a column can hold."""
    return None if text is None else plain(text)


def _sent_columns(sent: Sent | None) -> tuple[object, ...]:
    if sent is None:
        return (None, None, None, None, None)
    return (sent.at, sent.version.revision, sent.version.generation, sent.source_hash, sent.payload)


def _invoice_columns(delivery: Delivery) -> tuple[object, ...]:
    receipt = delivery.receipt
    keys = search_keys(delivery.wanted.payload)
    return (
        *(delivery.order_id, delivery.order_due_at, plain_or_none(delivery.amount_note), delivery.diverged),
        *(plain_or_none(receipt.wanted), plain_or_none(receipt.sent), receipt.due_at),
        *(plain_or_none(receipt.out), receipt.out_epoch, receipt.look),
        *(keys.kid, keys.order_number),
    )


def _receipt(row: Row) -> Receipt:
    return Receipt(
        wanted=row.text_or_none("receipt_wanted"),
        sent=row.text_or_none("receipt_sent"),
        due_at=row.instant_or_none("receipt_due_at"),
        out=row.text_or_none("receipt_out"),
        out_epoch=row.number_or_none("receipt_out_epoch"),
        look=row.flag("receipt_look"),
    )


def _wanted(row: Row) -> Wanted:
    reason = row.text_or_none("refusal_reason")
    detail = row.text_or_none("refusal_detail") or ""
    return Wanted(
        version=version_of(row.number("revision"), row.number("generation")),
        change_no=row.number("change_no"),
        event_id=EventId(row.text("event_id")),
        source_hash=row.text("source_hash"),
        source_ref=SourceId(row.text("source_ref")),
        schema_version=row.number("schema_version"),
        traceparent=row.text_or_none("traceparent"),
        outcome=Outcome(row.text("outcome")),
        payload=row.octets("payload"),
        refusal=Refusal(Reason(reason), row.text_or_none("refusal_field"), detail) if reason else None,
    )


def _sent(row: Row) -> Sent | None:
    at, revision, generation = row.instant_or_none("sent_at"), row["sent_revision"], row["sent_generation"]
    payload, source_hash = row.octets_or_none("sent_payload"), row.text_or_none("sent_hash")
    if at is None or payload is None or not isinstance(revision, int) or not isinstance(generation, int):
        return None
    return Sent(version_of(revision, generation), source_hash or "", payload, at)


def _confirmed(row: Row) -> Confirmed | None:
    at, revision = row.instant_or_none("confirmed_at"), row.number_or_none("confirmed_revision")
    if at is None or revision is None:
        return None
    return Confirmed(version_of(revision, row.number_or_none("confirmed_generation") or 0), at)
