"""An HTTP port that is seen from outside: a span and two metrics for every call.

Wraps any port and changes nothing about its answers. The span is a child of the current one and travels with the
request as `traceparent`. Neither span nor metric holds a header, a query or a body.
"""

from typing import Final
from urllib.parse import urlsplit

from bridge.contracts.headers import TRACEPARENT
from bridge.remote.http import AnswerLostError, HttpAnswer, HttpPort, HttpRequest, NotSentError, Timeouts
from bridge.runtime import metrics, semconv
from bridge.runtime.metrics import Metric
from bridge.runtime.tracing import SpanKind, start_span, traceparent_of

_ERROR_STATUS: Final = 400


class ObservedPort:
    """Adds span, `traceparent` and metrics to each call of `inner`; `system` names the far side, e.g. `oc2`."""

    def __init__(self, inner: HttpPort, *, system: str) -> None:
        self._inner = inner
        self._system = system

    async def send(self, request: HttpRequest, *, timeouts: Timeouts, not_after: float | None = None) -> HttpAnswer:
        """Send through the inner port; see `HttpPort.send`."""
        attributes: dict[str, str | int] = {
            semconv.HTTP_REQUEST_METHOD: request.method,
            semconv.SERVER_ADDRESS: request.host,
            semconv.SERVER_PORT: _port(request.url),
        }
        with start_span(f"{request.method} {self._system}", kind=SpanKind.CLIENT, attributes=attributes) as span:
            traced = HttpRequest(
                request.method,
                request.url,
                request.query,
                {**request.headers, TRACEPARENT: traceparent_of(span)},
                request.body,
            )
            try:
                answer = await self._inner.send(traced, timeouts=timeouts, not_after=not_after)
            except NotSentError:
                self._count("not_sent")
                raise
            except AnswerLostError:
                self._count("lost")
                raise
            span.set_attribute(semconv.HTTP_RESPONSE_STATUS_CODE, answer.status)
            if answer.status >= _ERROR_STATUS:
                span.set_attribute(semconv.ERROR_TYPE, str(answer.status))
            self._count(f"{answer.status // 100}xx")
            metrics.observe(Metric.HTTP_SECONDS, answer.elapsed, system=self._system)
            return answer

    def _count(self, outcome: str) -> None:
        metrics.count(Metric.HTTP_CALLS, system=self._system, outcome=outcome)


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (80 if parts.scheme == "http" else 443)
