"""Export by the standard variables, received by an independent OTLP receiver."""

import socket

import pytest
from oteltap import OtelTapHttpProtobufReceiver, OtelTapHttpProtobufReceiverSettings

from bridge.runtime.settings import TelemetrySettings
from bridge.runtime.tracing import configure_tracing, flush_tracing, start_span, traceparent_of


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
async def test_a_named_endpoint_receives_the_spans(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    port = free_port()
    path = "/v1/traces" if "TRACES" in variable else ""
    monkeypatch.setenv(variable, f"http://127.0.0.1:{port}{path}")
    async with OtelTapHttpProtobufReceiver(OtelTapHttpProtobufReceiverSettings(http_port=port)) as receiver:
        provider = configure_tracing("poller", TelemetrySettings())
        with start_span("deliver") as span:
            traceparent = traceparent_of(span)

        assert flush_tracing(provider, limit_seconds=10)

        received = await receiver.await_trace(lambda found: found.name == "deliver", timeout=10)
        assert received.trace_id.hex() in traceparent
