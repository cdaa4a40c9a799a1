"""One customer's trace, from the poller's root span to the HTTP call, as an outside collector receives it.

The three services run as processes and export by the standard variables. Batches have traces of their own, which link
to the customer's: the relay's sending, the transformer's, the publisher's taking in.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

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
from bridge.testkit.simulators import SimulatorProcess

NUMBER = 10_472
COMPANY = Company("acme", "Acme AS", 8_200, customers=1, first_number=NUMBER)
WHO = ("--who", "test", "--why", "test")

pytestmark = pytest.mark.timeout(400)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What is there after one customer has travelled: its trace id in the import log, the request, the spans."""

    logged: list[str]
    request: LoggedRequest
    spans: Collector

    @property
    def trace_id(self) -> str:
        """The trace of the request that reached OC2."""
        assert self.request.traceparent is not None
        return self.request.traceparent.split("-")[1]

    def one(self, service: str, name: str) -> CollectedSpan:
        """The only span of this service and name in the customer's trace."""
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
def delivered(ground: Ground) -> Iterator[Delivered]:
    """One customer from Tripletex to OC2 through the three services, which have ended and sent their last spans."""
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
            _travel(console, simulators, ground)
            answers = simulators.admin.requests()
        query = f"select distinct trace_id from publisher.delivery_log where entity = '{NUMBER}'"
        logged = sql.execute(ground.owner_dsn, query).splitlines()
        yield Delivered(logged, next(entry for entry in answers if entry.method == "PUT"), collector)


def _travel(console: Console, simulators: SimulatorProcess, ground: Ground) -> None:
    file = write_tenant_file([COMPANY], simulators.admin, ground.folder, poll_interval_seconds=1.0)
    console.act("tenants", "apply", str(file), *WHO)
    console.act("tenants", "go-live", COMPANY.tenant, *WHO)
    # The one term that OC2 has: the customer needs no other, so its own request is the only one that writes.
    customer: JsonObject = {
        "customerNumber": NUMBER,
        "name": "Fjord Handel AS",
        "invoicesDueIn": 14,
        "invoicesDueInType": "DAYS",
    }
    simulators.admin.write_customers(COMPANY.company_id, [customer])
    assert holds_within(lambda: NUMBER in simulators.admin.ledger(COMPANY.tenant).customers, timeout_seconds=90)
    confirmed = f"select state from publisher.delivery where entity = '{NUMBER}'"
    assert holds_within(lambda: sql.execute(ground.owner_dsn, confirmed) == "confirmed", timeout_seconds=90)


def test_the_trace_goes_from_the_pollers_root_span_to_the_request_hop_by_hop(delivered: Delivered) -> None:
    created = delivered.one("poller", "create customer-changed")
    mapped = delivered.one("transformer", "process customer-changed")
    sent = delivered.one("publisher", "send customer")
    asked = delivered.one("publisher", "PUT oc2")

    assert created.parent == ""
    assert mapped.parent == created.span_id
    assert sent.parent == mapped.span_id
    assert asked.parent == sent.span_id


def test_the_request_at_oc2_carries_the_span_of_its_call(delivered: Delivered) -> None:
    traceparent = delivered.request.traceparent

    assert traceparent == f"00-{delivered.trace_id}-{delivered.one('publisher', 'PUT oc2').span_id}-01"


@pytest.mark.parametrize(
    ("service", "name", "linked"),
    [
        pytest.param("poller", "send outbox", ("poller", "create customer-changed"), id="the relay"),
        pytest.param(
            "transformer", "send customer-mapped", ("transformer", "process customer-changed"), id="the transformer"
        ),
        pytest.param(
            "publisher", "process customer-mapped", ("transformer", "process customer-changed"), id="the taking in"
        ),
    ],
)
def test_every_batch_that_carried_the_customer_links_to_its_trace(
    delivered: Delivered, service: str, name: str, linked: tuple[str, str]
) -> None:
    batches = [s for s in delivered.spans.linked_to(delivered.trace_id) if (s.service, s.name) == (service, name)]

    assert len(batches) == 1
    assert (delivered.trace_id, delivered.one(*linked).span_id) in batches[0].links
    assert batches[0].trace_id != delivered.trace_id


def test_the_root_span_links_to_the_page_on_which_the_customer_was_seen(delivered: Delivered) -> None:
    ((page_trace, page_span),) = delivered.one("poller", "create customer-changed").links

    pages = [span for span in delivered.spans.trace(page_trace) if span.span_id == page_span]
    assert [(page.service, page.name) for page in pages] == [("poller", "poll customers page")]


def test_the_trace_id_stands_on_every_row_of_the_import_log(delivered: Delivered) -> None:
    assert delivered.logged == [delivered.trace_id]


def test_no_span_holds_a_secret(delivered: Delivered) -> None:
    secrets = (COMPANY.consumer_token, COMPANY.employee_token, COMPANY.api_key)
    texts = [text for span in delivered.spans.spans for text in (span.name, *span.attributes.values())]

    assert texts
    assert not [text for text in texts if any(secret in text for secret in secrets)]
