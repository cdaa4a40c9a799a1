"""One customer's and one invoice's trace, from the poller's root span to the HTTP call, as a collector receives it.

The three services run as processes and export by the standard variables. Batches have traces of their own, which link
to the entity's: the relay's sending, the transformer's, the publisher's taking in.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from bridge.demo.billing import Billing
from bridge.demo.cast import Company, introduce, write_tenant_file
from bridge.demo.console import Console
from bridge.demo.ground import Ground
from bridge.demo.opening import prepare
from bridge.demo.processes import Part, running_services
from bridge.devstack import sql
from bridge.devstack.endpoints import KafkaEndpoint
from bridge.devstack.waiting import holds_within
from bridge.testkit.otlp import CollectedSpan, Collector, collecting
from bridge.testkit.simulator_answers import JsonObject, LoggedRequest
from bridge.testkit.simulators import SimulatorAdmin, SimulatorProcess

NUMBER = 10_472
INVOICE_NUMBER = 50_001
COMPANY = Company("acme", "Acme AS", 8_200, customers=1, first_number=NUMBER, invoices=1, first_invoice=INVOICE_NUMBER)
WHO = ("--who", "test", "--why", "test")


@dataclass(frozen=True, slots=True)
class Road:
    """How one flow's entity is named on its way: its number, topics and spans, and the request that matters."""

    number: int
    kind: str
    source_topic: str
    mapped_topic: str
    page: str
    call: str
    method: str
    path: str

    def made(self, entry: LoggedRequest) -> bool:
        """Tell whether this is the request that wrote the entity at its target."""
        return entry.method == self.method and entry.path == self.path


ROADS = (
    Road(
        NUMBER,
        "customer",
        "customer-changed",
        "customer-mapped",
        "poll customers page",
        "PUT oc2",
        "PUT",
        f"/v1/customers/{NUMBER}",
    ),
    Road(
        INVOICE_NUMBER,
        "invoice",
        "invoice-generated",
        "invoice-mapped",
        "poll invoices page",
        "POST tripletex",
        "POST",
        "/invoice",
    ),
)

pytestmark = pytest.mark.timeout(400)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What is there after one entity has travelled: its trace ids in the import log, the request, the spans."""

    road: Road
    logged: list[str]
    request: LoggedRequest
    spans: Collector

    @property
    def trace_id(self) -> str:
        """The trace of the request that reached the target."""
        assert self.request.traceparent is not None
        return self.request.traceparent.split("-")[1]

    @property
    def asked(self) -> CollectedSpan:
        """The span that the request carried."""
        assert self.request.traceparent is not None
        return self.by_id(self.request.traceparent.split("-")[2])

    def by_id(self, span_id: str) -> CollectedSpan:
        """The span of the entity's trace with this id."""
        found = [span for span in self.spans.trace(self.trace_id) if span.span_id == span_id]
        assert len(found) == 1, (span_id, self.spans.trace(self.trace_id))
        return found[0]

    def one(self, service: str, name: str) -> CollectedSpan:
        """The only span of this service and name in the entity's trace."""
        found = [s for s in self.spans.trace(self.trace_id) if (s.service, s.name) == (service, name)]
        assert len(found) == 1, (service, name, self.spans.trace(self.trace_id))
        return found[0]


@pytest.fixture(scope="module")
def ground(server_folder: Path, kafka: KafkaEndpoint, fresh_database: str, module_topic_prefix: str) -> Ground:
    """This test's own database and topics on the session's servers."""
    folder = server_folder / "one-trace"
    folder.mkdir()
    return Ground(folder, kafka.bootstrap_servers, fresh_database, module_topic_prefix, own_servers=False)


@pytest.fixture(scope="module")
def both(ground: Ground) -> Iterator[Mapping[str, Delivered]]:
    """A customer and an invoice, each through the three services, which have ended and sent their last spans."""
    parts = [Part(service, service) for service in ("poller", "transformer", "publisher")]
    with (
        pytest.MonkeyPatch.context() as environment,
        collecting() as collector,
        SimulatorProcess(log_file=ground.folder / "simulators.log") as simulators,
    ):
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        console, passwords = prepare(ground, lambda line: None)
        introduce(COMPANY, simulators.admin)
        with running_services(ground, passwords, parts, pytest.fail) as services:
            services.await_ready()
            _travel(console, simulators.admin, ground)
            answers = simulators.admin.requests()
        yield {
            road.kind: Delivered(road, _logged(ground, road), next(filter(road.made, answers)), collector)
            for road in ROADS
        }


@pytest.fixture(params=[road.kind for road in ROADS])
def delivered(both: Mapping[str, Delivered], request: pytest.FixtureRequest) -> Delivered:
    """Each of the two in turn."""
    return both[request.param]


def _travel(console: Console, simulators: SimulatorAdmin, ground: Ground) -> None:
    file = write_tenant_file([COMPANY], simulators, ground.folder, poll_interval_seconds=1.0)
    console.act("tenants", "apply", str(file), *WHO)
    console.act("tenants", "go-live", COMPANY.tenant, *WHO)
    # The one term that OC2 has: the customer needs no other, so its own request is the only one that writes.
    customer: JsonObject = {
        "customerNumber": NUMBER,
        "name": "Fjord Handel AS",
        "invoicesDueIn": 14,
        "invoicesDueInType": "DAYS",
    }
    simulators.write_customers(COMPANY.company_id, [customer])
    assert holds_within(lambda: NUMBER in simulators.ledger(COMPANY.tenant).customers, timeout_seconds=90)
    invoices = Billing(1, date(2026, 11, 10)).invoices([INVOICE_NUMBER], customers=[NUMBER])
    plain: JsonObject = {"departmentNumber": None, "projectNumber": None}
    simulators.batches(COMPANY.tenant).begin([{**row, **plain} for row in invoices])
    transferred = {INVOICE_NUMBER: "TRANSFERRED"}
    assert holds_within(
        lambda: [each.statuses for each in simulators.batches(COMPANY.tenant).all()] == [transferred],
        timeout_seconds=90,
    )
    waiting = "select count(*) from publisher.delivery where state <> 'confirmed'"
    assert holds_within(lambda: sql.execute(ground.owner_dsn, waiting) == "0", timeout_seconds=90)


def _logged(ground: Ground, road: Road) -> list[str]:
    query = f"select distinct trace_id from publisher.delivery_log where entity = '{road.number}'"
    return sql.execute(ground.owner_dsn, query).splitlines()


def test_the_trace_goes_from_the_pollers_root_span_to_the_request_hop_by_hop(delivered: Delivered) -> None:
    road = delivered.road
    created = delivered.one("poller", f"create {road.source_topic}")
    mapped = delivered.one("transformer", f"process {road.source_topic}")
    asked = delivered.asked
    sent = delivered.by_id(asked.parent)

    assert created.parent == ""
    assert mapped.parent == created.span_id
    assert (sent.service, sent.name, sent.parent) == ("publisher", f"send {road.kind}", mapped.span_id)
    assert (asked.service, asked.name) == ("publisher", road.call)


def test_the_request_at_the_target_carries_the_span_of_its_call(delivered: Delivered) -> None:
    assert delivered.request.traceparent == f"00-{delivered.trace_id}-{delivered.asked.span_id}-01"


def test_every_batch_that_carried_the_entity_links_to_its_trace(delivered: Delivered) -> None:
    road = delivered.road
    created = ("poller", f"create {road.source_topic}")
    mapped = ("transformer", f"process {road.source_topic}")
    for service, name, linked in (
        ("poller", "send outbox", created),
        ("transformer", f"send {road.mapped_topic}", mapped),
        ("publisher", f"process {road.mapped_topic}", mapped),
    ):
        spans = delivered.spans.linked_to(delivered.trace_id)
        batches = [span for span in spans if (span.service, span.name) == (service, name)]

        assert len(batches) == 1, (service, name)
        assert (delivered.trace_id, delivered.one(*linked).span_id) in batches[0].links
        assert batches[0].trace_id != delivered.trace_id


def test_the_root_span_links_to_the_page_on_which_the_entity_was_seen(delivered: Delivered) -> None:
    ((page_trace, page_span),) = delivered.one("poller", f"create {delivered.road.source_topic}").links

    pages = [span for span in delivered.spans.trace(page_trace) if span.span_id == page_span]
    assert [(page.service, page.name) for page in pages] == [("poller", delivered.road.page)]


def test_the_trace_id_stands_on_every_row_of_the_import_log(delivered: Delivered) -> None:
    assert delivered.logged == [delivered.trace_id]


def test_no_span_holds_a_secret(delivered: Delivered) -> None:
    secrets = (COMPANY.consumer_token, COMPANY.employee_token, COMPANY.api_key)
    texts = [text for span in delivered.spans.spans for text in (span.name, *span.attributes.values())]

    assert texts
    assert not [text for text in texts if any(secret in text for secret in secrets)]
