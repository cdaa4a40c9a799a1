"""The spans of a batch: one for the batch, one for each record in its own trace, and the context that travels on."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from bridge.contracts.headers import TRACEPARENT
from bridge.runtime import semconv
from bridge.runtime.tracing import SpanKind, start_root_span, start_span, traceparent_of
from bridge.transformer.application.map_batch import map_batch
from bridge.transformer.application.record import MappedRecord, SourceRecord

_MAX_LINKS: Final = 128
"""OpenTelemetry's own limit of links per span; more would be dropped silently."""


@contextmanager
def map_traced(batch: Sequence[SourceRecord]) -> Iterator[list[MappedRecord]]:
    """Map a batch, each record in a span of its own trace whose context goes into the mapped record's headers.

    The body runs in the batch's span, which links to the spans of its records, so it covers the delivery.
    """
    mapped = [_map_one(record) for record in batch]
    links = [record.envelope.traceparent for record in mapped if record.envelope.traceparent]
    attributes: dict[str, str | int] = {
        semconv.MESSAGING_SYSTEM: semconv.KAFKA,
        semconv.MESSAGING_OPERATION_NAME: semconv.OPERATION_SEND,
        semconv.MESSAGING_OPERATION_TYPE: semconv.OPERATION_SEND,
        semconv.MESSAGING_BATCH_MESSAGE_COUNT: len(mapped),
    }
    targets = ", ".join(sorted({record.route.target.value for record in mapped})) or "nothing"
    with start_root_span(f"send {targets}", kind=SpanKind.CLIENT, links=links[:_MAX_LINKS], attributes=attributes):
        yield mapped


def _map_one(record: SourceRecord) -> MappedRecord:
    attributes: dict[str, str | int] = {
        semconv.MESSAGING_SYSTEM: semconv.KAFKA,
        semconv.MESSAGING_OPERATION_NAME: semconv.OPERATION_PROCESS,
        semconv.MESSAGING_OPERATION_TYPE: semconv.OPERATION_PROCESS,
        semconv.MESSAGING_DESTINATION_NAME: record.topic,
        semconv.MESSAGING_DESTINATION_PARTITION_ID: str(record.partition),
        semconv.MESSAGING_KAFKA_OFFSET: record.offset,
        semconv.FLOW: record.route.flow.value,
    }
    name = f"process {record.route.source.value}"
    with start_span(name, kind=SpanKind.CONSUMER, parent_traceparent=_context(record), attributes=attributes) as span:
        mapped = map_batch([record])[0]
        envelope = mapped.envelope
        span.set_attribute(semconv.TENANT, envelope.tenant)
        span.set_attribute(semconv.ENTITY, envelope.entity or "")
        span.set_attribute(semconv.EVENT_ID, envelope.event_id)
        span.set_attribute(semconv.REVISION, envelope.version.revision)
        span.set_attribute(semconv.GENERATION, envelope.version.generation)
        span.set_attribute(semconv.OUTCOME, envelope.outcome.value if envelope.outcome else "")
        if envelope.fault_reason:
            span.set_attribute(semconv.REASON, envelope.fault_reason.value)
        return replace(mapped, envelope=replace(envelope, traceparent=traceparent_of(span)))


def _context(record: SourceRecord) -> str | None:
    found = dict(record.headers).get(TRACEPARENT)
    return found.decode("ascii", errors="replace") if found else None
