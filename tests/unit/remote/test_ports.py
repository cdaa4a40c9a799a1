"""The port over a transport that is handed in, and the port that is seen from outside."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bridge.remote.http import (
    AnswerLostError,
    HttpAnswer,
    HttpFailureError,
    HttpRequest,
    LostKind,
    NotSentError,
    NotSentWhy,
    Timeouts,
)
from bridge.remote.httpx_port import HttpxPort
from bridge.remote.observed_port import ObservedPort
from bridge.runtime import metrics
from bridge.runtime.metrics import Metric
from bridge.runtime.settings import TelemetrySettings
from bridge.runtime.tracing import SpanKind, configure_tracing, start_span, traceparent_of
from bridge.testkit.answers import json_answer, text_answer
from bridge.testkit.clock import ManualClock
from bridge.testkit.fake_http import ScriptedPort

_TIMEOUTS = Timeouts()
_REQUEST = HttpRequest("GET", "https://oc2.example/api/v1/customers/7", [("a", "b")], {"x-api-key": "very-secret"})


def _raises(error: type[httpx.HTTPError]) -> Callable[[httpx.Request], httpx.Response]:
    def handle(request: httpx.Request) -> httpx.Response:
        raise error("quotes very-secret")

    return handle


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (httpx.ConnectError, NotSentWhy.CONNECT),
        (httpx.ConnectTimeout, NotSentWhy.CONNECT),
        (httpx.PoolTimeout, NotSentWhy.POOL),
        (httpx.UnsupportedProtocol, NotSentWhy.REQUEST),
        (httpx.ReadTimeout, LostKind.TIMEOUT),
        (httpx.WriteTimeout, LostKind.TIMEOUT),
        (httpx.ReadError, LostKind.RESET),
        (httpx.WriteError, LostKind.RESET),
        (httpx.CloseError, LostKind.RESET),
        (httpx.RemoteProtocolError, LostKind.RESET),
        (httpx.LocalProtocolError, LostKind.RESET),
        (httpx.ProxyError, LostKind.RESET),
        (httpx.DecodingError, LostKind.HALF),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else str(value),
)
async def test_each_error_of_the_client_is_translated_once_and_quotes_nothing(
    error: type[httpx.HTTPError], expected: NotSentWhy | LostKind
) -> None:
    async with HttpxPort(ManualClock(), transport=httpx.MockTransport(_raises(error))) as port:
        with pytest.raises(HttpFailureError) as raised:
            await port.send(_REQUEST, timeouts=_TIMEOUTS)

    failure = raised.value
    assert isinstance(failure, NotSentError | AnswerLostError)
    assert (failure.reason if isinstance(failure, NotSentError) else failure.kind) is expected
    assert "very-secret" not in str(failure)
    assert failure.__cause__ is None
    assert failure.__suppress_context__


@pytest.mark.parametrize("name", ["connect", "write", "read", "pool", "total"])
def test_a_time_out_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        Timeouts(**{name: 0.0})


def test_no_representation_of_a_request_or_answer_shows_headers_or_bodies() -> None:
    request = HttpRequest("POST", "https://oc2.example/", (), {"x-api-key": "very-secret"}, b"very-secret")

    assert "very-secret" not in repr(request) + repr(HttpAnswer(200, {"set-cookie": "very-secret"}, b"very-secret"))


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = configure_tracing("test", TelemetrySettings(customer_trace_ratio=1.0), exporter=exporter)
    yield exporter
    provider.shutdown()
    configure_tracing("test", TelemetrySettings())


async def test_a_call_is_a_client_span_under_the_current_one_and_travels_with_the_request(
    spans: InMemorySpanExporter,
) -> None:
    inner = ScriptedPort(json_answer(201, {}))

    with start_span("deliver") as parent:
        answer = await ObservedPort(inner, system="oc2").send(_REQUEST, timeouts=_TIMEOUTS, not_after=7.0)

    call, outer = spans.get_finished_spans()
    assert answer.status == 201
    assert (call.kind, call.parent) == (SpanKind.CLIENT, outer.context)
    assert traceparent_of(parent).split("-")[1] == inner.requests[0].headers["traceparent"].split("-")[1]
    assert inner.requests[0].headers["x-api-key"] == "very-secret"
    assert inner.deadlines == [7.0]
    assert "very-secret" not in call.to_json()
    assert dict(call.attributes or {}) == {
        "http.request.method": "GET",
        "server.address": "oc2.example",
        "server.port": 443,
        "http.response.status_code": 201,
    }


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param(json_answer(200, {}), "2xx", id="2xx"),
        pytest.param(text_answer(503), "5xx", id="5xx"),
        pytest.param(NotSentError(NotSentWhy.CONNECT, "Nothing."), "not_sent", id="not-sent"),
        pytest.param(AnswerLostError(LostKind.RESET, "Lost."), "lost", id="lost"),
    ],
)
async def test_every_call_is_counted_by_how_it_ended(
    spans: InMemorySpanExporter, answer: HttpAnswer | HttpFailureError, outcome: str
) -> None:
    before = metrics.PROCESS.value(Metric.HTTP_CALLS, system="unit", outcome=outcome) or 0.0
    port = ObservedPort(ScriptedPort(answer), system="unit")

    if isinstance(answer, HttpFailureError):
        with pytest.raises(type(answer)):
            await port.send(_REQUEST, timeouts=_TIMEOUTS)
    else:
        await port.send(_REQUEST, timeouts=_TIMEOUTS)

    assert metrics.PROCESS.value(Metric.HTTP_CALLS, system="unit", outcome=outcome) == before + 1
