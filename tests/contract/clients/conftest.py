"""The simulators as a process, and our clients over a real connection to them."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from bridge.contracts.identity import TenantId
from bridge.oc2.access import Oc2Tenant
from bridge.oc2.client import Oc2Client
from bridge.remote.http import Timeouts
from bridge.remote.httpx_port import HttpxPort
from bridge.runtime.clock import SystemClock
from bridge.testkit.simulator_invoices import CompanyBooks
from bridge.testkit.simulators import SimulatorAdmin, SimulatorProcess
from bridge.tripletex.access import Tokens, TripletexTenant
from bridge.tripletex.client import TripletexClient
from bridge.tripletex.invoice_body import ExistingOrder, InvoiceLine, InvoiceRequest, NewOrder

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


@dataclass(frozen=True)
class Shop:
    """The company's books at the simulator, two of its customers, and requests for the first of them."""

    books: CompanyBooks
    customer: int
    discounted: int

    def line(self, price: str = "1250.00", count: str = "1", *, text: str = "Frakt pall", vat: int = 3) -> InvoiceLine:
        """One line."""
        return InvoiceLine(text, Decimal(count), Decimal(price), vat)

    def order(
        self,
        *lines: InvoiceLine,
        number: str | None = "50302",
        reference: str | None = None,
        customer: int | None = None,
        department: int | None = None,
        project: int | None = None,
        currency: int = 1,
    ) -> NewOrder:
        """An order of one line unless others are given."""
        return NewOrder(
            number=number,
            order_date="2026-11-03",
            delivery_date="2026-11-05",
            customer_id=customer or self.customer,
            currency_id=currency,
            lines=lines or (self.line(),),
            department_id=department,
            project_id=project,
            reference=reference,
        )

    def request(
        self, number: int = 10302, order: NewOrder | ExistingOrder | None = None, *, kid: str | None = "7000103023"
    ) -> InvoiceRequest:
        """An invoice of that order."""
        return InvoiceRequest(number, "2026-11-10", "2026-11-24", order or self.order(), kid)


@pytest.fixture
def shop(admin: SimulatorAdmin) -> Shop:
    """Customers 10002 and, with a discount of its own, 10004."""
    first, second = admin.write_customers(
        COMPANY,
        [
            {"name": "Ærlig Sjømat AS", "customerNumber": 10002},
            {"name": "Rabatt AS", "customerNumber": 10004, "discountPercentage": 10},
        ],
    )
    return Shop(admin.books(COMPANY), first.id, second.id)
