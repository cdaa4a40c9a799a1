"""The closed registry: what is not declared cannot be written."""

import pytest

from bridge.runtime.metrics import DECLARATIONS, Declaration, Kind, Metric, Metrics, describe


def test_a_declared_counter_counts() -> None:
    metrics = Metrics()

    metrics.count(Metric.ROWS_SEEN, 3, tenant="acme", flow="customers")
    metrics.count(Metric.ROWS_SEEN, tenant="acme", flow="customers")

    assert metrics.value(Metric.ROWS_SEEN, tenant="acme", flow="customers") == 4
    assert b'bridge_rows_seen_total{flow="customers",tenant="acme"} 4.0' in metrics.render()


def test_an_undeclared_metric_is_an_error() -> None:
    metrics = Metrics(DECLARATIONS[:1])

    with pytest.raises(LookupError):
        metrics.count(Metric.LOOP_BEATS, loop="relay")


@pytest.mark.parametrize("labels", [{}, {"tenant": "a"}, {"tenant": "a", "flow": "c", "entity": "7"}], ids=repr)
def test_labels_other_than_the_declared_ones_are_an_error(labels: dict[str, str]) -> None:
    with pytest.raises(LookupError):
        Metrics().count(Metric.ROWS_SEEN, 1, **labels)


def test_a_gauge_cannot_be_counted() -> None:
    with pytest.raises(LookupError):
        Metrics().count(Metric.OUTBOX_DEPTH, schema="poller")


def test_a_histogram_takes_no_tenant() -> None:
    wrong = Declaration(Metric.HTTP_SECONDS, Kind.HISTOGRAM, "seconds", ("tenant",), "Wrong.", (1.0,))

    with pytest.raises(LookupError, match="tenant"):
        Metrics([wrong])


def test_a_forgotten_gauge_leaves_no_series_behind() -> None:
    metrics = Metrics()
    metrics.gauge(Metric.GATES_CLOSED, 1, tenant="acme", scope="system", reason="target_down")

    metrics.forget(Metric.GATES_CLOSED)

    assert metrics.value(Metric.GATES_CLOSED, tenant="acme", scope="system", reason="target_down") is None


def test_every_metric_is_declared_once_with_unit_and_meaning() -> None:
    assert sorted(d.metric for d in describe()) == sorted(Metric)
    assert all(d.unit and d.meaning.endswith(".") for d in describe())


def test_values_in_seconds_say_so_in_their_name() -> None:
    assert all(d.metric.value.endswith("_seconds") for d in describe() if d.unit == "seconds")
