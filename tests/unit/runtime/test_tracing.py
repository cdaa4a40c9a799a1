"""Traces as texts: parents, links, sampling by flow, errors without secrets."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import http_attributes, messaging_attributes, url_attributes
from opentelemetry.semconv.attributes import error_attributes, server_attributes, service_attributes

from bridge.runtime import redaction, semconv
from bridge.runtime.redaction import register_secret
from bridge.runtime.settings import TelemetrySettings
from bridge.runtime.tracing import (
    configure_tracing,
    flush_tracing,
    start_root_span,
    start_span,
    trace_id_of,
    traceparent_of,
)

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    exporter = InMemorySpanExporter()
    configure_tracing("poller", TelemetrySettings(), exporter=exporter)
    return exporter


@pytest.fixture(autouse=True)
def _no_secrets_left() -> Iterator[None]:
    yield
    redaction._values.clear()


def only(spans: InMemorySpanExporter) -> ReadableSpan:
    (span,) = spans.get_finished_spans()
    return span


def test_a_span_continues_the_trace_of_its_parent(spans: InMemorySpanExporter) -> None:
    with start_span("deliver", parent_traceparent=PARENT) as span:
        own = traceparent_of(span)

    finished = only(spans)
    assert finished.parent is not None
    assert f"{finished.parent.span_id:016x}" == "b7ad6b7169203331"
    assert trace_id_of(own) == trace_id_of(PARENT) == "0af7651916cd43dd8448eb211c80319c"
    assert own != PARENT


def test_a_span_inside_another_is_its_child(spans: InMemorySpanExporter) -> None:
    with start_span("outer") as outer, start_span("inner") as inner:
        pass

    assert trace_id_of(traceparent_of(inner)) == trace_id_of(traceparent_of(outer))


def test_a_root_span_begins_a_new_trace_and_links_to_the_others(spans: InMemorySpanExporter) -> None:
    with (
        start_span("poll page") as page,
        start_root_span("create customer-changed", links=[traceparent_of(page)]) as root,
    ):
        pass

    assert trace_id_of(traceparent_of(root)) != trace_id_of(traceparent_of(page))
    created = next(s for s in spans.get_finished_spans() if s.name == "create customer-changed")
    assert created.parent is None
    assert [link.context.trace_id for link in created.links] == [page.get_span_context().trace_id]


@pytest.mark.parametrize("text", ["", "nonsense", "00-0-0-01", "00-" + "0" * 32 + "-b7ad6b7169203331-01"])
def test_a_malformed_traceparent_is_no_parent_and_no_link(spans: InMemorySpanExporter, text: str) -> None:
    with start_span("deliver", parent_traceparent=text, links=[text]):
        pass

    finished = only(spans)
    assert finished.parent is None
    assert not finished.links
    assert trace_id_of(text) is None


def test_an_error_marks_the_span_and_shows_no_secret(spans: InMemorySpanExporter) -> None:
    register_secret("hunter2hunter2")

    with pytest.raises(ValueError), start_span("call", attributes={"url.full": "https://x/?k=hunter2hunter2"}):
        raise ValueError("refused for hunter2hunter2")

    finished = only(spans)
    assert not finished.status.is_ok
    assert (finished.attributes or {})[semconv.ERROR_TYPE] == "ValueError"
    assert "hunter2" not in finished.to_json()


def test_invoices_are_always_recorded_and_customers_by_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = InMemorySpanExporter()
    configure_tracing("poller", TelemetrySettings(customer_trace_ratio=0), exporter=exporter)

    for flow in ("customers", "invoices"):
        with start_root_span("create", attributes={semconv.FLOW: flow}) as span:
            with start_span("send", parent_traceparent=traceparent_of(span)):
                pass
            assert trace_id_of(traceparent_of(span)) is not None

    assert [(s.attributes or {}).get(semconv.FLOW) for s in exporter.get_finished_spans()] == [None, "invoices"]


def test_an_exporter_that_hangs_does_not_hold_up_the_exit() -> None:
    import threading

    release = threading.Event()

    class Hanging(SpanExporter):
        def export(self, spans: object) -> SpanExportResult:
            return SpanExportResult.SUCCESS

        def shutdown(self) -> None:
            release.wait(30)

    provider = configure_tracing("poller", TelemetrySettings(), exporter=Hanging())

    assert flush_tracing(provider, limit_seconds=0.05) is False
    release.set()


def test_attribute_names_are_those_of_the_current_conventions() -> None:
    known = {
        value
        for module in (
            messaging_attributes,
            http_attributes,
            url_attributes,
            error_attributes,
            server_attributes,
            service_attributes,
        )
        for value in vars(module).values()
        if isinstance(value, str)
    }
    ours = {
        value
        for name, value in vars(semconv).items()
        if name.isupper() and "." in value and not value.startswith("bridge.")
    }

    assert ours <= known
