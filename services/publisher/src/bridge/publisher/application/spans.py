"""The span of one delivery, in the trace of the event it delivers."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from bridge.publisher.application.verdict import Claim, Verdict
from bridge.runtime import semconv
from bridge.runtime.tracing import Span, SpanKind, start_span


def delivery_span(name: str, claim: Claim, links: Sequence[str] = ()) -> AbstractContextManager[Span]:
    """Begin the span; it ends with the block."""
    key, wanted = claim.parcel.key, claim.parcel.delivery.wanted
    return start_span(
        name,
        kind=SpanKind.PRODUCER,
        parent_traceparent=wanted.traceparent,
        links=links,
        attributes={
            semconv.TENANT: key.tenant,
            semconv.FLOW: key.flow.value,
            semconv.ENTITY: key.entity,
            semconv.EVENT_ID: wanted.event_id,
            semconv.REVISION: wanted.version.revision,
            semconv.GENERATION: wanted.version.generation,
        },
    )


def tell(span: Span, verdict: Verdict) -> None:
    """Note what became of the delivery."""
    span.set_attribute(semconv.OUTCOME, type(verdict).__name__.lower())
