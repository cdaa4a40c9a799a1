"""More than one publisher, and what is seen of a delivery from outside."""

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bridge.runtime.settings import TelemetrySettings
from bridge.runtime.tracing import configure_tracing
from bridge.testkit.mapped_cell import MappedCell, Runner
from bridge.testkit.waiting import eventually


async def test_two_publishers_share_the_tenants_and_send_everything_once(cell: MappedCell, publish: Runner) -> None:
    names = [f"t{number}" for number in range(8)]
    await cell.declare(*names)
    tenants = [cell.tenant(name) for name in names]

    lease = {"ttl_seconds": 6.0, "margin_seconds": 1.0}
    async with publish(lease=lease), publish(lease=lease):

        async def both_hold() -> bool:
            rows = await cell.rows(
                "SELECT owner, count(*) AS n FROM publisher.lease WHERE owner IS NOT NULL GROUP BY owner"
            )
            return len(rows) == 2 and min(row.number("n") for row in rows) >= 100

        await eventually(both_hold, 60)
        await cell.send(*(cell.mapped(tenant, number) for tenant in tenants for number in range(1, 31)))
        for tenant in tenants:
            await cell.settled(tenant, confirmed=30)

    for tenant in tenants:
        assert len(cell.admin.ledger(tenant).writes) == 30
    owners = await cell.rows("SELECT DISTINCT owner FROM publisher.delivery_log WHERE step = 'confirmed'")
    assert len(owners) == 2


async def test_a_publisher_that_leaves_hands_its_tenants_on_at_once(cell: MappedCell, publish: Runner) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    async with publish(lease={"ttl_seconds": 60.0}):
        await cell.send(cell.mapped(acme, 1))
        await cell.settled(acme, confirmed=1)

    async with publish(lease={"ttl_seconds": 60.0}):
        await cell.send(cell.mapped(acme, 2))
        await cell.settled(acme, confirmed=2)


@pytest.mark.parametrize("numbers", [pytest.param([1], id="alone"), pytest.param([1, 2, 3], id="in a list")])
async def test_the_trace_of_the_event_reaches_the_call_and_the_log(
    cell: MappedCell, publish: Runner, numbers: list[int]
) -> None:
    spans = InMemorySpanExporter()
    configure_tracing("publisher", TelemetrySettings(), exporter=spans)
    await cell.declare("acme")
    acme = cell.tenant("acme")
    await cell.pause(acme, True)
    parents = {number: f"00-{number:032x}-{'b' * 16}-01" for number in numbers}
    await cell.send(*(cell.mapped(acme, number, traceparent=parents[number]) for number in numbers))

    async with publish():
        await cell.settled(acme, ready=len(numbers))
        await cell.pause(acme, False)
        await cell.settled(acme, confirmed=len(numbers))

    for number in numbers:
        assert {row.text("trace_id") for row in await cell.log(acme, number)} == {f"{number:032x}"}
    finished = spans.get_finished_spans()
    delivery = next(span for span in named(finished, "send customer") if trace_of(span) == f"{1:032x}")
    calls = [span for span in finished if span.name.endswith("oc2")]
    if len(numbers) == 1:
        assert f"{1:032x}" in {trace_of(span) for span in calls}
    else:
        batch = named(finished, "send customers")[0]
        assert {f"{link.context.trace_id:032x}" for link in batch.links} == {f"{number:032x}" for number in numbers}
        assert [link.context.span_id for link in delivery.links] == [span_id(batch)]
        assert trace_of(batch) in {trace_of(span) for span in calls}
    sent = [one for one in cell.admin.requests() if one.scope == acme and one.method in ("PUT", "POST")]
    assert sent[-1].traceparent is not None


def named(spans: tuple[ReadableSpan, ...], name: str) -> list[ReadableSpan]:
    """Return the spans of that name."""
    return [span for span in spans if span.name == name]


def trace_of(span: ReadableSpan) -> str:
    """Return a span's trace id."""
    context = span.get_span_context()
    assert context is not None
    return f"{context.trace_id:032x}"


def span_id(span: ReadableSpan) -> int:
    """Return a span's id."""
    context = span.get_span_context()
    assert context is not None
    return context.span_id
