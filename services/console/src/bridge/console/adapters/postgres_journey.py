"""One entity's journey, read from every service's tables."""

import json
from collections.abc import Mapping
from typing import Final

from bridge.console.adapters.postgres_overview import PostgresOverview
from bridge.console.application.status import concerns_flow
from bridge.console.application.where import (
    AtSource,
    DeliveryView,
    EntityKey,
    InvoiceView,
    Journey,
    JourneyStep,
    LetterView,
    Place,
    ReceiptView,
    Unpublished,
)
from bridge.contracts.identity import Flow, Generation, Revision, SourceId, TenantId, Version, batch_of
from bridge.durable.database import Database
from bridge.durable.queries import load_queries
from bridge.durable.row import Row
from bridge.tenancy.gates import Gate, GateStore

_SQL: Final = load_queries("bridge.console.sql", "where_queries.sql")


class PostgresJourneys:
    """See `application.where.JourneyStore`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def knows(self, tenant: TenantId) -> bool:
        """Whether this cell ever had the tenant."""
        return await PostgresOverview(self._db).knows(tenant)

    async def journey(self, key: EntityKey, *, steps: int) -> Journey:
        """Return everything known of an entity."""
        named: dict[str, object] = {"tenant": key.tenant, "flow": key.flow.value, "entity": key.entity}
        async with self._db.transaction() as tx:
            source = await tx.one(_SQL["source"], named)
            delivery = await tx.one(_SQL["delivery"], named)
            return Journey(
                key=key,
                source=_to_source(source) if source is not None else None,
                waiting_for=tuple(row.text("source_id") for row in await tx.all(_SQL["waiting_for"], named)),
                outbox=tuple(_to_unpublished(row) for row in await tx.all(_SQL["outbox"], named)),
                delivery=_to_delivery(key.flow, delivery) if delivery is not None else None,
                steps=tuple(_to_step(row) for row in await tx.all(_SQL["steps"], {**named, "limit": steps})),
                letters=tuple(_to_letter(row) for row in await tx.all(_SQL["letters"], named)),
                gates=tuple(gate for gate in await GateStore().all(tx) if _holds_up(gate, key)),
            )


def _holds_up(gate: Gate, key: EntityKey) -> bool:
    """Whether a closed gate may be what the entity waits for; a host's gate is everybody's."""
    return gate.key.tenant is None or (gate.key.tenant == key.tenant and concerns_flow(gate, key.flow.value))


def _to_source(row: Row) -> AtSource:
    fault = row.text_or_none("fault_reason")
    return AtSource(
        holder_id=row.text_or_none("holder_id"),
        source_version=row.number_or_none("source_version"),
        source_changed_at=row.instant_or_none("newest_change"),
        seen_at=row.instant_or_none("seen_at"),
        change_no=row.number("change_no"),
        revision=row.number("revision"),
        withdrawn_because=row.text_or_none("withdrawn_because"),
        forgotten=row.flag("forgotten"),
        first_seen_at=row.instant("first_seen_at"),
        last_changed_at=row.instant("last_changed_at"),
        fault=f"{fault}: {row.text_or_none('fault_detail') or ''}" if fault is not None else None,
    )


def _to_unpublished(row: Row) -> Unpublished:
    return Unpublished(
        service=row.text("service"),
        outbox_id=row.number("id"),
        topic=row.text("topic"),
        created_at=row.instant("created_at"),
        attempts=row.number("attempts"),
        set_aside_at=row.instant_or_none("set_aside_at"),
        error=row.text_or_none("error"),
    )


def _to_delivery(flow: Flow, row: Row) -> DeliveryView:
    field, detail = row.text_or_none("refusal_field"), row.text_or_none("refusal_detail")
    return DeliveryView(
        state=row.text("state"),
        wanted=Version(Revision(row.number("revision")), Generation(row.number("generation"))),
        change_no=row.number("change_no"),
        event_id=row.text("event_id"),
        outcome=row.text("outcome"),
        trace_id=_trace_id(row.text_or_none("traceparent")),
        place=Place(row.text("topic"), row.number("kafka_partition"), row.number("kafka_offset")),
        due_at=row.instant_or_none("due_at"),
        attempt=row.number("attempt"),
        unknown_rounds=row.number("unknown_rounds"),
        reason=row.text_or_none("reason"),
        refusal=f"{field}: {detail}" if field and detail else detail or field,
        failing_since=row.instant_or_none("failing_since"),
        sent=_version(row, "sent"),
        sent_at=row.instant_or_none("sent_at"),
        maybe_there=row.flag("maybe_there"),
        confirmed=_version(row, "confirmed"),
        confirmed_at=row.instant_or_none("confirmed_at"),
        remote_id=row.text_or_none("remote_id"),
        invoice=_to_invoice(row) if flow is Flow.INVOICES else None,
    )


def _to_invoice(row: Row) -> InvoiceView:
    return InvoiceView(
        batch=batch_of(SourceId(row.text("source_ref"))),
        kid=row.text_or_none("kid"),
        order_number=row.text_or_none("order_number"),
        order_id=row.text_or_none("order_id"),
        order_due_at=row.instant_or_none("order_due_at"),
        amount_note=row.text_or_none("amount_note"),
        diverged=row.flag("diverged"),
        receipt=ReceiptView(
            wanted=_document(row.text_or_none("receipt_wanted")),
            told=_document(row.text_or_none("receipt_sent")),
            due_at=row.instant_or_none("receipt_due_at"),
            out=row.flag("receipt_out"),
            look=row.flag("receipt_look"),
        ),
    )


def _document(text: str | None) -> Mapping[str, object] | None:
    found = json.loads(text) if text is not None else None
    return found if isinstance(found, dict) else None


def _to_step(row: Row) -> JourneyStep:
    return JourneyStep(
        at=row.instant("at"),
        version=Version(Revision(row.number("revision")), Generation(row.number("generation"))),
        event_id=row.text_or_none("event_id"),
        step=row.text("step"),
        from_state=row.text_or_none("from_state"),
        to_state=row.text_or_none("to_state"),
        outcome=row.text_or_none("outcome"),
        reason=row.text_or_none("reason"),
        detail=row.text_or_none("detail"),
        attempt=row.number("attempt"),
        changed_fields=tuple(row.items_of("changed_fields", str)),
        notes=row["notes"],
        place=_place(row),
        trace_id=row.text_or_none("trace_id"),
        how=row.text_or_none("how"),
        request_id=row.text_or_none("request_id"),
        duration_ms=row.number_or_none("duration_ms"),
        claim_epoch=row.number_or_none("claim_epoch"),
        owner=row.text_or_none("owner"),
    )


def _to_letter(row: Row) -> LetterView:
    return LetterView(
        letter_id=row.number("id"),
        stage=row.text("stage"),
        reason=row.text("reason"),
        field=row.text_or_none("field"),
        error=row.text("error"),
        opened_at=row.instant("opened_at"),
        closed_at=row.instant_or_none("closed_at"),
        closed_as=row.text_or_none("closed_as"),
    )


def _version(row: Row, what: str) -> Version | None:
    revision = row.number_or_none(f"{what}_revision")
    generation = row.number_or_none(f"{what}_generation")
    return Version(Revision(revision), Generation(generation or 0)) if revision is not None else None


def _place(row: Row) -> Place | None:
    topic, partition, offset = (
        row.text_or_none("topic"),
        row.number_or_none("kafka_partition"),
        row.number_or_none("kafka_offset"),
    )
    if topic is None or partition is None or offset is None:
        return None
    return Place(topic, partition, offset)


def _trace_id(traceparent: str | None) -> str | None:
    parts = (traceparent or "").split("-")
    return parts[1] if len(parts) == 4 else None
