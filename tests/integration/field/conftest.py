"""One whole system per module: processes on the session's servers, and tenants of its own for each test."""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from bridge.devstack import sql
from bridge.devstack.endpoints import KafkaEndpoint, PostgresEndpoint
from bridge.runtime.settings import KafkaSettings
from bridge.testkit.simulators import SimulatorAdmin, SimulatorProcess
from bridge.testkit.system import System, open_system

DOCUMENTS = Path(__file__).parents[2] / "contract" / "documents"


@pytest.fixture(scope="module")
def simulators() -> Iterator[SimulatorAdmin]:
    """The simulators, which check every request of this module against the contract documents."""
    with SimulatorProcess(documents=DOCUMENTS) as process:
        yield process.admin
        assert process.admin.violations() == []


@pytest.fixture(scope="module")
def module_database(postgres: PostgresEndpoint) -> Iterator[str]:
    """The superuser's DSN of a fresh database for this module."""
    name = f"field_{uuid.uuid4().hex}"
    yield sql.create_database(postgres.dsn, name)
    sql.drop_database(postgres.dsn, name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    module_database: str,
    kafka: KafkaEndpoint,
    simulators: SimulatorAdmin,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[System]:
    """The module's system, no service started yet."""
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers, topic_prefix=f"t{uuid.uuid4().hex[:12]}.")
    folder = tmp_path_factory.mktemp("system")
    async with open_system(dsn=module_database, kafka=settings, simulators=simulators, folder=folder) as opened:
        yield opened


@pytest.fixture(autouse=True)
def no_faults_left(simulators: SimulatorAdmin) -> Iterator[None]:
    """Switch every misbehaviour off after a test."""
    yield
    simulators.clear_faults()
