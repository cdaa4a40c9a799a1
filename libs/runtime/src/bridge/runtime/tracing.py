"""Traces: spans, their parents and links as `traceparent` texts, sampling, export.

The context of an event travels as text (in the outbox row, in the record's headers), never by the ambient context of a
client library. Without OTEL_EXPORTER_OTLP_ENDPOINT (or ..._TRACES_ENDPOINT) nothing is exported; ids are real all the
same.
"""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import Attributes, AttributeValue

from bridge.runtime import semconv
from bridge.runtime.redaction import redact_text
from bridge.runtime.settings import TelemetrySettings

__all__ = [
    "Span",
    "SpanKind",
    "configure_tracing",
    "flush_tracing",
    "start_root_span",
    "start_span",
    "trace_id_of",
    "traceparent_of",
]

_OTLP_VARIABLES: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_SCOPE: Final = "bridge"
_ALWAYS_RECORDED_FLOW: Final = "invoices"
_W3C: Final = TraceContextTextMapPropagator()


class _ByFlow(Sampler):
    """Records every root span of the invoice flow, and a share of all others."""

    def __init__(self, ratio: float) -> None:
        self._others = TraceIdRatioBased(ratio)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: trace.TraceState | None = None,
    ) -> SamplingResult:
        flow = (attributes or {}).get(semconv.FLOW)
        chosen = ALWAYS_ON if flow == _ALWAYS_RECORDED_FLOW else self._others
        return chosen.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        return f"ByFlow({self._others.get_description()})"


class _Tracing:
    """The provider in use. OpenTelemetry's global one can be set only once per process: tests need many."""

    provider = TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False)


def configure_tracing(
    service: str, settings: TelemetrySettings, *, exporter: SpanExporter | None = None
) -> TracerProvider:
    """Set up the traces of this process; call once, before the first span.

    Spans go to OTLP if the standard variables name an endpoint, in the background; and to `exporter`, if given, at once
    as each span ends. Close with `flush_tracing`.
    """
    provider = TracerProvider(
        resource=Resource.create({semconv.SERVICE_NAME: service}),
        sampler=ParentBased(_ByFlow(settings.customer_trace_ratio)),
        shutdown_on_exit=False,
    )
    if exporter is not None:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    if any(os.environ.get(name) for name in _OTLP_VARIABLES):
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _Tracing.provider = provider
    return provider


def flush_tracing(provider: TracerProvider, *, limit_seconds: float) -> bool:
    """Send what is left and close; give up after `limit_seconds`. Return whether it was done in time."""
    # In a thread of its own: an exporter that retries against a dead collector must not hold up the exit.
    closing = threading.Thread(target=provider.shutdown, daemon=True)
    closing.start()
    closing.join(limit_seconds)
    return not closing.is_alive()


@contextmanager
def start_span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent_traceparent: str | None = None,
    links: Sequence[str] = (),
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Iterator[Span]:
    """Run the body inside a span, the current one for the spans begun within.

    The parent is `parent_traceparent` if it is given and well formed, else the current span, if any. `links` are
    traceparents too; malformed ones are left out. An exception marks the span with its class and passes on; its text is
    masked like a log line.
    """
    context = _context_of(parent_traceparent) if parent_traceparent else None
    with _span(name, kind, context, links, attributes) as span:
        yield span


@contextmanager
def start_root_span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    links: Sequence[str] = (),
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Iterator[Span]:
    """Run the body inside the first span of a new trace, whatever span is current."""
    with _span(name, kind, Context(), links, attributes) as span:
        yield span


def traceparent_of(span: Span) -> str:
    """Return the span's context as a W3C `traceparent`."""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & TraceFlags.SAMPLED:02x}"


def trace_id_of(traceparent: str | None) -> str | None:
    """Return the trace id of a `traceparent` as 32 hex digits; None if there is none or it is malformed."""
    context = _span_context_of(traceparent) if traceparent else None
    return f"{context.trace_id:032x}" if context else None


@contextmanager
def _span(
    name: str,
    kind: SpanKind,
    context: Context | None,
    links: Sequence[str],
    attributes: Mapping[str, AttributeValue] | None,
) -> Iterator[Span]:
    tracer = _Tracing.provider.get_tracer(_SCOPE)
    with tracer.start_as_current_span(
        name,
        context=context,
        kind=kind,
        attributes={key: _masked(value) for key, value in (attributes or {}).items()},
        links=[Link(found) for text in links if (found := _span_context_of(text))],
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield span
        except Exception as error:
            span.set_attribute(semconv.ERROR_TYPE, type(error).__qualname__)
            span.set_status(Status(StatusCode.ERROR, redact_text(str(error))))
            raise


def _context_of(traceparent: str) -> Context | None:
    found = _span_context_of(traceparent)
    return trace.set_span_in_context(trace.NonRecordingSpan(found), Context()) if found else None


def _span_context_of(traceparent: str) -> SpanContext | None:
    context = _W3C.extract({"traceparent": traceparent}, Context())
    found = trace.get_current_span(context).get_span_context()
    return found if found.is_valid else None


def _masked(value: AttributeValue) -> AttributeValue:
    return redact_text(value) if isinstance(value, str) else value
