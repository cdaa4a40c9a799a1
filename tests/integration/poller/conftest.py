"""One cell and one running poller per module; each test declares tenants of its own."""

import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bridge.devstack import sql
from bridge.devstack.endpoints import KafkaEndpoint, PostgresEndpoint
from bridge.poller.main import Poller, compose_poller
from bridge.poller.settings import HttpSettings, LeaseSettings, PollerSettings, PollSettings, RelaySettings
from bridge.runtime.settings import KafkaSettings, TelemetrySettings
from bridge.runtime.tracing import configure_tracing
from bridge.testkit.simulators import SimulatorAdmin, SimulatorProcess
from bridge.testkit.source_cell import SourceCell, open_source_cell, turning

DOCUMENTS = Path(__file__).parents[2] / "contract" / "documents"


@pytest.fixture(scope="module")
def module_database(postgres: PostgresEndpoint) -> Iterator[str]:
    """The superuser's DSN of a fresh database for this module."""
    name = f"poller_{uuid.uuid4().hex}"
    yield sql.create_database(postgres.dsn, name)
    sql.drop_database(postgres.dsn, name)


@pytest.fixture(scope="module")
def simulators() -> Iterator[SimulatorAdmin]:
    """The simulators, which check every request of this module against the contract documents."""
    with SimulatorProcess(documents=DOCUMENTS) as process:
        yield process.admin
        assert process.admin.violations() == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cell(
    module_database: str,
    kafka: KafkaEndpoint,
    simulators: SimulatorAdmin,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[SourceCell]:
    """The module's cell."""
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers, topic_prefix=f"t{uuid.uuid4().hex[:12]}.")
    folder = tmp_path_factory.mktemp("cell")
    async with open_source_cell(dsn=module_database, kafka=settings, simulators=simulators, folder=folder) as opened:
        yield opened


def quick_settings(cell: SourceCell, poll: Mapping[str, float], lease: LeaseSettings) -> PollerSettings:
    """Settings of a poller that looks often, gives up soon and reads in small pages."""
    rules: dict[str, float] = {
        "page_rows": 10,
        "crawl_every_seconds": 0.5,
        "gate_probe_seconds": 0.5,
        "filter_probe_seconds": 3600.0,
    }
    return PollerSettings(
        kafka=cell.kafka,
        postgres=cell.postgres,
        http=HttpSettings(connect_seconds=10, read_seconds=20, total_seconds=25, allow_loopback=True),
        lease=lease,
        poll=PollSettings.model_validate({**rules, **poll}),
        relay=RelaySettings(idle_seconds=0.05, deadline_seconds=min(10.0, lease.ttl_seconds - lease.margin_seconds)),
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def settings(cell: SourceCell, request: pytest.FixtureRequest) -> PollerSettings:
    """The module's settings: its own `POLL` goes over the quick ones; its leases are long unless it has a `LEASE`."""
    lease = getattr(request.module, "LEASE", LeaseSettings(ttl_seconds=15, margin_seconds=2))
    return quick_settings(cell, getattr(request.module, "POLL", {}), lease)


@pytest.fixture(scope="module")
def spans() -> Iterator[InMemorySpanExporter]:
    """Every span of this module's poller."""
    exporter = InMemorySpanExporter()
    provider = configure_tracing("poller", TelemetrySettings(), exporter=exporter)
    yield exporter
    provider.shutdown()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def poller(settings: PollerSettings) -> AsyncIterator[Poller]:
    """The module's poller, running."""
    async with compose_poller(settings) as composed, turning(composed.loops):
        yield composed


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def retired(cell: SourceCell) -> AsyncIterator[None]:
    """Let each test's tenants rest after it."""
    yield
    await cell.retire()
