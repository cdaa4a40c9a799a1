"""From an event of the domain to its outbox row: id, revision, envelope, trace.

Owns the form in which a change leaves the poller. Each event gets the root span of its own trace, linked to the page
it was seen on.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bridge.contracts import headers
from bridge.contracts.envelope import Envelope
from bridge.contracts.identity import (
    EntityNumber,
    EventId,
    Flow,
    Revision,
    Version,
    event_id,
    partition_key,
    revision_of,
)
from bridge.contracts.topics import TopicName, wire_name
from bridge.durable.database import Tx
from bridge.durable.outbox import Outbox, OutboxRow
from bridge.poller.application.ports import Post
from bridge.poller.domain.cursor import Cursor
from bridge.poller.domain.memory import Event
from bridge.runtime import semconv
from bridge.runtime.tracing import SpanKind, start_root_span, traceparent_of

_TOPICS: Final = {Flow.CUSTOMERS: TopicName.CUSTOMER_CHANGED, Flow.INVOICES: TopicName.INVOICE_GENERATED}


class Announcer:
    """Writes events to the poller's outbox."""

    def __init__(self, outbox: Outbox, *, topic_prefix: str) -> None:
        self._outbox = outbox
        self._topics = {flow: wire_name(name, topic_prefix) for flow, name in _TOPICS.items()}

    async def announce(
        self, tx: Tx, post: Post, cursor: Cursor, events: Sequence[Event], *, page_traceparent: str | None
    ) -> dict[EntityNumber, Revision]:
        """Append one outbox row per event, ids taken behind the caller's fence, and return the new revisions."""
        ids = await self._outbox.reserve(tx, len(events))
        rows: list[OutboxRow] = []
        revisions: dict[EntityNumber, Revision] = {}
        for outbox_id, event in zip(ids, events, strict=True):
            revision = revision_of(cursor.era, outbox_id)
            if event.number is not None:
                revisions[event.number] = revision
            rows.append(self._row(post, event, outbox_id, Version(revision), cursor.as_of, page_traceparent))
        await self._outbox.append(tx, rows)
        return revisions

    def _row(
        self, post: Post, event: Event, outbox_id: int, version: Version, now: datetime, page: str | None
    ) -> OutboxRow:
        key = event_id(tenant=post.tenant, flow=post.flow, entity=event.number, version=version)
        fault = event.content.fault
        envelope = Envelope(
            event_id=key,
            type=event.type,
            tenant=post.tenant,
            flow=post.flow,
            entity=event.number,
            version=version,
            change_no=event.change_no,
            source_hash=event.content.source_hash,
            source_ref=event.source_id,
            time=now,
            source_time=event.source_time,
            traceparent=self._trace(post, event, key, version, page),
            fault_reason=fault.reason if fault else None,
            fault_field=fault.field if fault else None,
            fault_detail=fault.detail if fault else None,
        )
        return OutboxRow(
            id=outbox_id,
            topic=self._topics[post.flow],
            key=partition_key(post.tenant, event.number) if event.number is not None else None,
            value=event.content.body,
            headers=headers.encode(envelope),
            tenant=post.tenant,
            flow=post.flow,
            entity=event.number,
        )

    def _trace(self, post: Post, event: Event, key: EventId, version: Version, page: str | None) -> str:
        attributes = {
            semconv.MESSAGING_SYSTEM: semconv.KAFKA,
            semconv.MESSAGING_OPERATION_NAME: semconv.OPERATION_CREATE,
            semconv.MESSAGING_OPERATION_TYPE: semconv.OPERATION_CREATE,
            semconv.MESSAGING_DESTINATION_NAME: self._topics[post.flow],
            semconv.MESSAGING_MESSAGE_ID: key,
            semconv.TENANT: post.tenant,
            semconv.FLOW: post.flow.value,
            semconv.ENTITY: event.number or "",
            semconv.REVISION: version.revision,
        }
        name = f"create {_TOPICS[post.flow].value}"
        links = (page,) if page else ()
        with start_root_span(name, kind=SpanKind.PRODUCER, links=links, attributes=attributes) as span:
            return traceparent_of(span)
