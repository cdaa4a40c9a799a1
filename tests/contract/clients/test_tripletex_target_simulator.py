"""The publisher's Tripletex target against the simulator: what each probe asks, and who must wait for whom."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from bridge.contracts.identity import TenantId
from bridge.contracts.reasons import Reason
from bridge.publisher.adapters.tripletex_target import BankAccountMissingError, TripletexTarget
from bridge.remote.errors import (
    AccessDeniedError,
    CredentialsRefusedError,
    RateLimitedError,
    RightsMissingError,
    WrongCompanyError,
)
from bridge.runtime.clock import SystemClock
from bridge.runtime.errors import SourceUnavailableError, TargetUnavailableError
from bridge.tenancy.directory import TenantDirectory
from bridge.tenancy.secrets import SecretMissingError
from bridge.tenancy.tenant import TenantSpec, UrlRules
from bridge.testkit.simulators import SimulatorAdmin
from bridge.tripletex.client import TripletexClient
from bridge.tripletex.invoices import StoredInvoice

if TYPE_CHECKING:
    from contract.clients.conftest import Shop

ACME = TenantId("acme")
COMPANY = 4711


@dataclass
class OneTenant:
    """What the target reads of the directory: the specs of its tenants."""

    spec: TenantSpec
    tenants: dict[TenantId, "OneTenant"] = field(default_factory=dict)


@pytest.fixture
def directory(admin: SimulatorAdmin, tmp_path: Path) -> OneTenant:
    for name, token in (("consumer", "consumer-1"), ("employee", "employee-1")):
        (tmp_path / name).write_text(token)
    one = OneTenant(spec_of(admin, tmp_path, COMPANY))
    one.tenants[ACME] = one
    return one


def spec_of(admin: SimulatorAdmin, folder: Path, company: int) -> TenantSpec:
    document = {
        "tripletex": {
            "base_url": admin.tripletex_url,
            "company_id": company,
            "consumer_token": {"file": str(folder / "consumer")},
            "employee_token": {"file": str(folder / "employee")},
        },
        "oc2": {"base_url": admin.oc2_url("acme"), "api_key": {"file": str(folder / "consumer")}},
    }
    return TenantSpec.model_validate(document, context=UrlRules(allow_loopback=True))


@pytest.fixture
def target(tripletex: TripletexClient, directory: OneTenant) -> TripletexTarget:
    return TripletexTarget(tripletex, cast("TenantDirectory", directory), SystemClock())


Mend = Callable[["Shop", SimulatorAdmin], None]


def no_bank_account(shop: "Shop", admin: SimulatorAdmin) -> None:
    shop.books.set_bank_account(None)


def bank_account(shop: "Shop", admin: SimulatorAdmin) -> None:
    shop.books.set_bank_account("15032080119")


def no_rights(shop: "Shop", admin: SimulatorAdmin) -> None:
    shop.books.set_rules(missingRights=["/invoice"])


def rights(shop: "Shop", admin: SimulatorAdmin) -> None:
    shop.books.set_rules(missingRights=[])


def other_token(shop: "Shop", admin: SimulatorAdmin) -> None:
    admin.put_company(COMPANY, name="Acme", consumer_token="consumer-1", employee_token="employee-2")


def same_token(shop: "Shop", admin: SimulatorAdmin) -> None:
    admin.put_company(COMPANY, name="Acme", consumer_token="consumer-1", employee_token="employee-1")


def down(shop: "Shop", admin: SimulatorAdmin) -> None:
    admin.add_fault("down", system="tripletex", kind="html500", path="^/invoice$")


def up(shop: "Shop", admin: SimulatorAdmin) -> None:
    admin.clear_faults()


@pytest.mark.parametrize(
    ("reason", "spoil", "mend", "error"),
    [
        pytest.param(Reason.BANK_ACCOUNT_MISSING, no_bank_account, bank_account, BankAccountMissingError, id="bank"),
        pytest.param(Reason.RIGHTS_MISSING, no_rights, rights, RightsMissingError, id="rights"),
        pytest.param(Reason.CREDENTIALS_REFUSED, other_token, same_token, CredentialsRefusedError, id="token"),
        pytest.param(Reason.TARGET_DOWN, down, up, SourceUnavailableError, id="down"),
    ],
)
async def test_a_probe_fails_until_what_its_reason_names_is_mended(
    target: TripletexTarget,
    tripletex: TripletexClient,
    admin: SimulatorAdmin,
    shop: "Shop",
    reason: Reason,
    spoil: Mend,
    mend: Mend,
    error: type[Exception],
) -> None:
    spoil(shop, admin)
    with pytest.raises(error) as caught:
        await target.probe(ACME, reason)
    if isinstance(caught.value, AccessDeniedError):
        assert caught.value.reason is reason
        assert "acme" in str(caught.value)

    mend(shop, admin)
    # Stands for the pause between two probes, after which a token that was refused is tried again.
    tripletex.forget(ACME)
    await target.probe(ACME, reason)


async def test_a_probe_for_one_reason_asks_nothing_of_another(
    target: TripletexTarget, admin: SimulatorAdmin, shop: "Shop"
) -> None:
    no_bank_account(shop, admin)
    no_rights(shop, admin)

    await target.probe(ACME, Reason.RATE_LIMITED)


async def test_another_company_and_a_missing_secret_are_told_as_such(
    target: TripletexTarget, admin: SimulatorAdmin, directory: OneTenant, tmp_path: Path
) -> None:
    directory.spec = spec_of(admin, tmp_path, COMPANY + 1)
    with pytest.raises(WrongCompanyError):
        await target.probe(ACME, Reason.WRONG_COMPANY)

    (tmp_path / "employee").unlink()
    with pytest.raises(SecretMissingError, match="acme"):
        await target.probe(ACME, Reason.SECRET_MISSING)


async def test_a_tenant_that_cannot_be_read_is_no_reason_to_give_up_its_invoices(
    target: TripletexTarget, directory: OneTenant
) -> None:
    directory.tenants.clear()

    with pytest.raises(TargetUnavailableError, match="acme"):
        await target.find_invoices(ACME, 10302)


async def test_a19_nobody_reads_or_writes_during_a_pause_until_a_probe_has_shown_that_it_is_over(
    target: TripletexTarget, admin: SimulatorAdmin, shop: "Shop"
) -> None:
    admin.add_fault(
        "pause", system="tripletex", kind="status", status=429, headers={"Retry-After": "43200"}, path="^/currency$"
    )
    with pytest.raises(RateLimitedError):
        await target.currencies(ACME, "NOK")
    before = len(admin.requests())

    with pytest.raises(RateLimitedError) as caught:
        await target.customers(ACME, [10002])
    wait = await target.room_for_invoice(ACME, latest=SystemClock().boot() + 5)

    assert caught.value.pause.total_seconds() > 43_000
    assert wait is not None
    assert wait > 43_000
    assert len(admin.requests()) == before

    admin.clear_faults()
    await target.probe(ACME, Reason.RATE_LIMITED)
    assert [one.number for one in await target.currencies(ACME, "NOK")] == ["NOK"]


async def test_what_is_made_is_found_with_its_order(target: TripletexTarget, shop: "Shop") -> None:
    clock = SystemClock()
    assert await target.room_for_invoice(ACME, latest=clock.boot() + 5) is None
    made = await target.create_invoice(ACME, shop.request(), not_after=clock.boot() + 30)
    assert isinstance(made, StoredInvoice)

    (found,) = await target.find_invoices(ACME, 10302)
    (by_number,) = await target.orders_by_number(ACME, "50302")
    (by_mark,) = await target.orders_by_invoice(ACME, 10302)

    assert (found.id, found.net) == (made.id, Decimal("1250.00"))
    assert by_number == by_mark
    assert by_number.any_charged


async def test_the_registers_are_read_as_they_are_now(target: TripletexTarget, shop: "Shop") -> None:
    assert await target.departments(ACME, "44") == ()
    shop.books.add_departments("44", "144")
    shop.books.add_projects("7")
    shop.books.set_vat_code("33", active=False)

    assert [one.number for one in await target.departments(ACME, "44")] == ["44"]
    assert [one.number for one in await target.projects(ACME, "7")] == ["7"]
    assert [one.number for one in await target.currencies(ACME, "NOK")] == ["NOK"]
    assert "33" not in await target.vat_types(ACME, "2026-11-10")
    assert [len(found) for found in (await target.customers(ACME, [10002, 99])).values()] == [1, 0]
    shop.books.close_periods("2026-10")
    assert await target.period_closed(ACME, "2026-10-31") is True
    assert await target.bank_account_ready(ACME) is True
