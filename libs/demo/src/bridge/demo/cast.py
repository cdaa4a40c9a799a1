"""Who plays: three companies, their ids, their secrets and the file that declares them.

Owns the tenant file. The secrets are the simulators' own and open nothing else, but they lie in files of mode 0600 as
real ones would.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

from bridge.devstack.files import write_atomically
from bridge.testkit.simulators import SimulatorAdmin

FILE_NAME: Final = "tenants.yaml"


@dataclass(frozen=True, slots=True)
class Company:
    """One tenant: its Tripletex company, its OC2, how many customers and invoices it brings, and its language.

    `new_series` is whether its people say that Tripletex can hold no invoice of that series yet.
    """

    tenant: str
    name: str
    company_id: int
    customers: int
    first_number: int
    invoices: int = 0
    first_invoice: int = 1
    language: str = "nb"
    new_series: bool = False
    consumer_token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    employee_token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    api_key: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @property
    def invoice_numbers(self) -> range:
        """The numbers of its invoices."""
        return range(self.first_invoice, self.first_invoice + self.invoices)


def companies() -> tuple[Company, Company, Company]:
    """Return the three, with fresh secrets."""
    return (
        Company(
            "nordlys",
            "Nordlys Sjømat AS",
            8101,
            customers=110,
            first_number=10_001,
            invoices=40,
            first_invoice=50_001,
            new_series=True,
        ),
        Company(
            "fjordbygg",
            "Fjordbygg Engros AS",
            8102,
            customers=100,
            first_number=20_001,
            invoices=40,
            first_invoice=10_451,
            language="en",
        ),
        Company(
            "duottar",
            "Duottar Handel – Đuođđar Gávpi AS",
            8103,
            customers=90,
            first_number=501,
            invoices=40,
            first_invoice=7_001,
            new_series=True,
        ),
    )


def introduce(company: Company, simulators: SimulatorAdmin) -> None:
    """Make both systems know the company: nothing in Tripletex yet, and an OC2 with one payment term of its own."""
    simulators.put_company(
        company.company_id,
        name=company.name,
        consumer_token=company.consumer_token,
        employee_token=company.employee_token,
    )
    simulators.put_tenant(company.tenant, api_key=company.api_key, terms=[{"id": 1, "name": "14 dager", "days": 14}])


def write_tenant_file(
    cast: Sequence[Company], simulators: SimulatorAdmin, folder: Path, *, poll_interval_seconds: float
) -> Path:
    """Write the file and the secrets that it refers to; return its path."""
    entries = [_entry(each, simulators, folder / "secrets", poll_interval_seconds) for each in cast]
    path = folder / FILE_NAME
    write_atomically(path, yaml.safe_dump({"tenants": entries}, allow_unicode=True, sort_keys=False))
    return path


def _entry(
    company: Company, simulators: SimulatorAdmin, folder: Path, poll_interval_seconds: float
) -> dict[str, object]:
    def secret(name: str, value: str) -> dict[str, str]:
        path = folder / f"{company.tenant}-{name}"
        write_atomically(path, value + "\n", mode=0o600)
        return {"file": str(path.resolve())}

    return {
        "id": company.tenant,
        "name": company.name,
        "poll_interval": poll_interval_seconds,
        "tripletex": {
            "base_url": simulators.tripletex_url,
            "company_id": company.company_id,
            "consumer_token": secret("consumer-token", company.consumer_token),
            "employee_token": secret("employee-token", company.employee_token),
        },
        "oc2": {
            "base_url": simulators.oc2_url(company.tenant),
            "api_key": secret("oc2-key", company.api_key),
        },
        "flows": ["customers", "invoices"],
        "language": company.language,
    }
