"""What lies in the companies' Tripletex and OC2 before anything moves.

Owns the first content of the sources. Two customers are there to be set aside: one without a name, one with a currency
that is none.
"""

from collections.abc import Mapping, Sequence

from bridge.demo.billing import DEPARTMENTS, PROJECTS, Billing
from bridge.demo.cast import Company
from bridge.demo.norway import Register
from bridge.testkit.simulator_answers import Json, JsonObject
from bridge.testkit.simulators import SimulatorAdmin

_SPOILT: Mapping[str, tuple[int, JsonObject]] = {"nordlys": (70, {"name": ""}), "duottar": (80, {"currency": "kr"})}


def fill_sources(
    cast: Sequence[Company], simulators: SimulatorAdmin, register: Register
) -> Mapping[str, Mapping[int, int]]:
    """Write each company's customers, and the departments and projects that invoices name.

    Return the customers' ids at the source, by tenant and customer number.
    """
    return {company.tenant: _fill(company, simulators, register) for company in cast}


def _fill(company: Company, simulators: SimulatorAdmin, register: Register) -> Mapping[int, int]:
    books = simulators.books(company.company_id)
    books.add_departments(*DEPARTMENTS)
    books.add_projects(*PROJECTS)
    customers = register.customers(company.customers, first_number=company.first_number)
    if company.tenant in _SPOILT:
        index, values = _SPOILT[company.tenant]
        customers[index] = {**customers[index], **values}
    written = simulators.write_customers(company.company_id, customers)
    return {row.customer_number: row.id for row in written}


def fill_batches(cast: Sequence[Company], simulators: SimulatorAdmin, billing: Billing) -> None:
    """Generate each company's invoices as one batch of its OC2."""
    for company in cast:
        rows: Sequence[Json] = billing.invoices(company.invoice_numbers, customers=payers(company))
        simulators.batches(company.tenant).begin(rows)


def payers(company: Company) -> Sequence[int]:
    """Return the customers that get invoices: some that nothing befalls."""
    return range(company.first_number + 50, company.first_number + 65)
