"""The simulators as a process, and our clients over a real connection to them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from bridge.contracts.identity import TenantId
from bridge.oc2.access import Oc2Tenant
from bridge.oc2.client import Oc2Client
from bridge.remote.http import Timeouts
from bridge.remote.httpx_port import HttpxPort
from bridge.runtime.clock import SystemClock
from bridge.testkit.simulators import SimulatorAdmin, SimulatorProcess
from bridge.tripletex.access import Tokens, TripletexTenant
from bridge.tripletex.client import TripletexClient

DOCUMENTS = Path(__file__).parents[1] / "documents"
COMPANY = 4711
TIMEOUTS = Timeouts(connect=5.0, write=5.0, read=0.6, pool=5.0, total=5.0)


@pytest.fixture(scope="module")
def simulators() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(documents=DOCUMENTS) as process:
        yield process


@pytest.fixture
def admin(simulators: SimulatorProcess) -> Iterator[SimulatorAdmin]:
    """The admin door; whatever the test did, no request of our clients may have broken the contract documents."""
    door = simulators.admin
    door.reset()
    door.put_company(COMPANY, name="Acme", consumer_token="consumer-1", employee_token="employee-1")
    door.put_tenant("acme", api_key="key-1")
    yield door
    assert door.violations() == []


@pytest.fixture
async def port() -> AsyncIterator[HttpxPort]:
    async with HttpxPort(SystemClock(), allow_private_addresses=True) as made:
        yield made


@pytest.fixture
def tokens() -> dict[str, str]:
    """The tenant's secrets, changed by the test."""
    return {"consumer": "consumer-1", "employee": "employee-1", "key": "key-1"}


@pytest.fixture
def tripletex_tenant(admin: SimulatorAdmin, tokens: dict[str, str]) -> TripletexTenant:
    def read() -> Tokens:
        return Tokens(SecretStr(tokens["consumer"]), SecretStr(tokens["employee"]))

    return TripletexTenant(TenantId("acme"), admin.tripletex_url, COMPANY, read)


@pytest.fixture
def oc2_tenant(admin: SimulatorAdmin, tokens: dict[str, str]) -> Oc2Tenant:
    return Oc2Tenant(TenantId("acme"), admin.oc2_url("acme"), lambda: SecretStr(tokens["key"]))


@pytest.fixture
def tripletex(port: HttpxPort) -> TripletexClient:
    return TripletexClient(port, SystemClock(), timeouts=TIMEOUTS)


@pytest.fixture
def oc2(port: HttpxPort) -> Oc2Client:
    return Oc2Client(port, timeouts=TIMEOUTS)
