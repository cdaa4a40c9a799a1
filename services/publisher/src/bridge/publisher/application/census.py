"""What waits, as gauges: deliveries by state, the oldest doubt, open letters by reason, closed gates."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from bridge.publisher.application.ports import Census
from bridge.runtime.metrics import Metric, forget, gauge
from bridge.tenancy.gates import Gate

_SHOWN: Final = (
    Metric.DELIVERIES,
    Metric.DEAD_LETTERS_OPEN,
    Metric.DELIVERY_OLDEST_DOUBT_SECONDS,
    Metric.GATES_CLOSED,
)


def show_census(census: Census, gates: Iterable[Gate]) -> None:
    """Set every gauge anew; what is gone is shown no more."""
    forget_census()
    for (tenant, flow, state), number in census.states.items():
        gauge(Metric.DELIVERIES, number, tenant=tenant, flow=flow, state=state)
    for (tenant, flow, reason), number in census.letters.items():
        gauge(Metric.DEAD_LETTERS_OPEN, number, tenant=tenant, flow=flow, reason=reason)
    for (tenant, flow), seconds in census.doubts.items():
        gauge(Metric.DELIVERY_OLDEST_DOUBT_SECONDS, seconds, tenant=tenant, flow=flow)
    closed = Counter((gate.key.tenant or "", gate.key.scope.value, gate.reason.value) for gate in gates)
    for (tenant, scope, reason), number in closed.items():
        gauge(Metric.GATES_CLOSED, number, tenant=tenant, scope=scope, reason=reason)


def forget_census() -> None:
    """Show nothing: another process does."""
    for metric in _SHOWN:
        forget(metric)
