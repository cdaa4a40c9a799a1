"""The envelope every event travels in, without its transport.

Owns what is known about an event apart from its body. The wire form lives in `headers`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bridge.contracts.identity import EntityNumber, EventId, Flow, SourceId, TenantId, Version
from bridge.contracts.reasons import Reason


class EventType(StrEnum):
    """Every event type on the wire."""

    CUSTOMER_CHANGED = "customer.changed.v1"
    """Body: `events.customer.CustomerSnapshot`."""
    CUSTOMER_WITHDRAWN = "customer.withdrawn.v1"
    """Body: `events.customer.CustomerWithdrawn`; the number no longer belongs to a customer at the source."""
    CUSTOMER_UNREADABLE = "customer.unreadable.v1"
    """Body: the source row as it came, since it breaks the source contract; `fault_*` say where."""
    CUSTOMER_MAPPED = "customer.mapped.v1"
    """Body: `events.customer.CustomerWanted`."""
    CUSTOMER_UNMAPPABLE = "customer.unmappable.v1"
    """Body: `events.unmappable.Unmappable`."""
    INVOICE_GENERATED = "invoice.generated.v1"
    """Body: `events.invoice.InvoiceSnapshot`."""
    INVOICE_WITHDRAWN = "invoice.withdrawn.v1"
    """Body: `events.invoice.InvoiceWithdrawn`; no generated batch holds the invoice any more."""
    INVOICE_UNREADABLE = "invoice.unreadable.v1"
    """Body: the source row as it came, since it breaks the OC2 contract; `fault_*` say where."""
    INVOICE_MAPPED = "invoice.mapped.v1"
    """Body: `events.invoice.InvoiceWanted`."""
    INVOICE_UNMAPPABLE = "invoice.unmappable.v1"
    """Body: `events.unmappable.Unmappable`."""
    DEAD_LETTER_OPENED = "dead-letter.opened.v1"
    """Body: `events.dead_letter.DeadLetterOpened`."""


class Outcome(StrEnum):
    """What the mapping made of a change; decides at ingest without a look into the body."""

    MAPPED = "mapped"
    WITHDRAWN = "withdrawn"
    UNMAPPABLE = "unmappable"


@dataclass(frozen=True, slots=True)
class Envelope:
    """Identity, order and provenance of one event.

    `entity` is None for a record about no entity (it becomes a dead letter only). `change_no` counts the entity's
    events from 1. `source_hash` is the hex hash of the source content. `time` is when the poller stored the change,
    `source_time` when the source says it happened (None if it does not say). Both are in UTC. `mapped_from` is the
    place of the record that this one was mapped from, as `topic-partition@offset`.
    """

    event_id: EventId
    type: EventType
    tenant: TenantId
    flow: Flow
    entity: EntityNumber | None
    version: Version
    change_no: int
    source_hash: str
    source_ref: SourceId
    time: datetime
    source_time: datetime | None = None
    schema_version: int = 1
    traceparent: str | None = None
    outcome: Outcome | None = None
    fault_reason: Reason | None = None
    fault_field: str | None = None
    fault_detail: str | None = None
    mapped_from: str | None = None
