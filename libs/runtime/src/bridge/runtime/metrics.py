"""The closed registry of metrics: every name once, with kind, unit, labels and meaning.

An undeclared name or label is an error, so that dashboards and alerts cannot drift from the code. Tenants label
counters and gauges only where the table says so, never histograms: each tenant would make a dozen series.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.exposition import generate_latest

__all__ = [
    "CONTENT_TYPE",
    "DECLARATIONS",
    "Declaration",
    "Kind",
    "Metric",
    "Metrics",
    "count",
    "describe",
    "forget",
    "gauge",
    "observe",
    "render",
]


class Kind(StrEnum):
    """What one may do with a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Metric(StrEnum):
    """Every metric; the value is its name at the endpoint (counters gain `_total`)."""

    POLLS = "bridge_polls"
    POLL_SECONDS = "bridge_poll_seconds"
    ROWS_SEEN = "bridge_rows_seen"
    ROWS_EMITTED = "bridge_rows_emitted"
    ROWS_STALE = "bridge_rows_stale"
    LAST_GOOD_POLL = "bridge_last_good_poll_timestamp_seconds"
    OUTBOX_DEPTH = "bridge_outbox_depth"
    OUTBOX_OLDEST_SECONDS = "bridge_outbox_oldest_seconds"
    OUTBOX_SET_ASIDE = "bridge_outbox_set_aside"
    RELAY_RECORDS = "bridge_relay_records"
    RELAY_SECONDS = "bridge_relay_seconds"
    MAPPED_RECORDS = "bridge_mapped_records"
    INGESTED_RECORDS = "bridge_ingested_records"
    INGEST_SECONDS = "bridge_ingest_seconds"
    DELIVERIES = "bridge_deliveries"
    DELIVERY_OUTCOMES = "bridge_delivery_outcomes"
    DELIVERY_OLDEST_DUE_SECONDS = "bridge_delivery_oldest_due_seconds"
    DELIVERY_OLDEST_DOUBT_SECONDS = "bridge_delivery_oldest_doubt_seconds"
    RECEIPTS = "bridge_receipts"
    GATES_CLOSED = "bridge_gates_closed"
    HTTP_CALLS = "bridge_http_calls"
    HTTP_SECONDS = "bridge_http_seconds"
    DEAD_LETTERS_OPEN = "bridge_dead_letters_open"
    LEASE_CHANGES = "bridge_lease_changes"
    LEASES_HELD = "bridge_leases_held"
    CONSUMER_LAG = "bridge_consumer_lag"
    CONSUMER_POSITION_RESETS = "bridge_consumer_position_resets"
    PRODUCER_RECREATED = "bridge_producer_recreated"
    LOOP_BEATS = "bridge_loop_beats"


@dataclass(frozen=True, slots=True)
class Declaration:
    """One metric: what it counts in which unit, and the only labels it takes. `buckets` for histograms only."""

    metric: Metric
    kind: Kind
    unit: str
    labels: tuple[str, ...]
    meaning: str
    buckets: tuple[float, ...] = ()


_CALL: Final = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_C, _G, _H = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM
_D: Final = Declaration

DECLARATIONS: Final[tuple[Declaration, ...]] = (
    _D(Metric.POLLS, _C, "polls", ("tenant", "flow", "outcome"), "Polls of a source that ended, by how they ended."),
    _D(Metric.POLL_SECONDS, _H, "seconds", ("flow",), "Time from a poll's first request to its commit.", _CALL),
    _D(Metric.ROWS_SEEN, _C, "rows", ("tenant", "flow"), "Rows read at a source, repeated ones included."),
    _D(Metric.ROWS_EMITTED, _C, "changes", ("tenant", "flow"), "Changes written to the outbox."),
    _D(Metric.ROWS_STALE, _C, "rows", ("tenant", "flow"), "Rows ignored because a newer version was already known."),
    _D(Metric.LAST_GOOD_POLL, _G, "unix seconds", ("tenant", "flow"), "When the last complete poll was committed."),
    _D(Metric.OUTBOX_DEPTH, _G, "rows", ("schema",), "Rows that are not yet published."),
    _D(Metric.OUTBOX_OLDEST_SECONDS, _G, "seconds", ("schema",), "Age of the oldest row that is not yet published."),
    _D(Metric.OUTBOX_SET_ASIDE, _G, "rows", ("schema",), "Rows set aside because the broker refuses them."),
    _D(Metric.RELAY_RECORDS, _C, "records", ("schema", "outcome"), "Outbox rows handed to the broker, by outcome."),
    _D(Metric.RELAY_SECONDS, _H, "seconds", ("schema",), "Time for one round of the relay.", _CALL),
    _D(Metric.MAPPED_RECORDS, _C, "records", ("flow", "outcome"), "Records mapped, by outcome."),
    _D(Metric.INGESTED_RECORDS, _C, "records", ("flow", "outcome"), "Records taken in by the publisher, by outcome."),
    _D(Metric.INGEST_SECONDS, _H, "seconds", (), "Time for one batch from read to commit.", _CALL),
    _D(Metric.DELIVERIES, _G, "entities", ("tenant", "flow", "state"), "Entities in each state of delivery."),
    _D(Metric.DELIVERY_OUTCOMES, _C, "attempts", ("tenant", "flow", "outcome"), "Attempts that ended, by outcome."),
    _D(
        Metric.DELIVERY_OLDEST_DUE_SECONDS,
        _G,
        "seconds",
        ("tenant", "flow"),
        "How long the oldest due delivery has been due; this is the lag that people feel.",
    ),
    _D(
        Metric.DELIVERY_OLDEST_DOUBT_SECONDS,
        _G,
        "seconds",
        ("tenant", "flow"),
        "How long the oldest request has been without an answer; over an hour is an alert.",
    ),
    _D(Metric.RECEIPTS, _C, "receipts", ("tenant", "outcome"), "Receipts of invoices that were tried, by outcome."),
    _D(Metric.GATES_CLOSED, _G, "gates", ("tenant", "scope", "reason"), "Closed gates; tenant is empty for a host."),
    _D(Metric.HTTP_CALLS, _C, "calls", ("system", "outcome"), "Calls to the outside, by class of the answer."),
    _D(Metric.HTTP_SECONDS, _H, "seconds", ("system",), "Time from sending a request to its whole answer.", _CALL),
    _D(Metric.DEAD_LETTERS_OPEN, _G, "letters", ("tenant", "flow", "reason"), "Dead letters that wait for a person."),
    _D(Metric.LEASE_CHANGES, _C, "leases", ("schema", "change"), "Leases gained, lost and released."),
    _D(Metric.LEASES_HELD, _G, "leases", ("schema",), "Leases held by this process."),
    _D(Metric.CONSUMER_LAG, _G, "records", ("group", "topic", "partition"), "Records behind the end of the partition."),
    _D(
        Metric.CONSUMER_POSITION_RESETS,
        _C,
        "resets",
        ("group", "topic"),
        "Committed positions that the log no longer holds; reading went on at the beginning. Alert on any.",
    ),
    _D(Metric.PRODUCER_RECREATED, _C, "producers", ("client",), "Producers thrown away after a failure."),
    _D(Metric.LOOP_BEATS, _C, "turns", ("loop",), "Turns of each loop; one that stands still is stuck."),
)


class Metrics:
    """The declared metrics over a registry of their own."""

    def __init__(self, declarations: Sequence[Declaration] = DECLARATIONS) -> None:
        self._registry = CollectorRegistry()
        self._declared = {d.metric: d for d in declarations}
        self._counters: dict[Metric, Counter] = {}
        self._gauges: dict[Metric, Gauge] = {}
        self._histograms: dict[Metric, Histogram] = {}
        for declaration in declarations:
            self._build(declaration)

    def count(self, metric: Metric, amount: float = 1, **labels: str) -> None:
        """Raise a counter. An undeclared metric, kind or label is a LookupError."""
        self._check(metric, Kind.COUNTER, labels)
        _child(self._counters[metric], labels).inc(amount)

    def gauge(self, metric: Metric, value: float, **labels: str) -> None:
        """Set a gauge. An undeclared metric, kind or label is a LookupError."""
        self._check(metric, Kind.GAUGE, labels)
        _child(self._gauges[metric], labels).set(value)

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        """Add a value to a histogram. An undeclared metric, kind or label is a LookupError."""
        self._check(metric, Kind.HISTOGRAM, labels)
        _child(self._histograms[metric], labels).observe(value)

    def forget(self, metric: Metric) -> None:
        """Drop every series of a gauge, before it is set anew from a full reading: what is gone shall not linger."""
        if metric not in self._gauges:
            raise LookupError(f"{metric} is not a declared gauge")
        self._gauges[metric].clear()

    def value(self, metric: Metric, **labels: str) -> float | None:
        """Return the current value of a counter or gauge; None if this series was never written."""
        suffix = "_total" if self._declared[metric].kind is Kind.COUNTER else ""
        return self._registry.get_sample_value(f"{metric.value}{suffix}", labels)

    def render(self) -> bytes:
        """Return everything in the Prometheus text format."""
        return generate_latest(self._registry)

    def _build(self, d: Declaration) -> None:
        match d.kind:
            case Kind.COUNTER:
                self._counters[d.metric] = Counter(d.metric.value, d.meaning, d.labels, registry=self._registry)
            case Kind.GAUGE:
                self._gauges[d.metric] = Gauge(d.metric.value, d.meaning, d.labels, registry=self._registry)
            case Kind.HISTOGRAM:
                if "tenant" in d.labels:
                    raise LookupError(f"{d.metric}: a histogram takes no tenant label")
                self._histograms[d.metric] = Histogram(
                    d.metric.value, d.meaning, d.labels, registry=self._registry, buckets=d.buckets
                )

    def _check(self, metric: Metric, kind: Kind, labels: dict[str, str]) -> None:
        declared = self._declared.get(metric)
        if declared is None or declared.kind is not kind:
            raise LookupError(f"{metric} is not a declared {kind}")
        if set(labels) != set(declared.labels):
            raise LookupError(f"{metric} takes the labels {declared.labels}, not {tuple(labels)}")


T = TypeVar("T", Counter, Gauge, Histogram)


def _child(parent: T, labels: dict[str, str]) -> T:
    return parent.labels(**labels) if labels else parent


PROCESS: Final = Metrics()
"""The metrics of this process, as its endpoint shows them."""

count = PROCESS.count
gauge = PROCESS.gauge
observe = PROCESS.observe
forget = PROCESS.forget
render = PROCESS.render


def describe() -> tuple[Declaration, ...]:
    """Return every declared metric, for the generated documentation."""
    return DECLARATIONS
