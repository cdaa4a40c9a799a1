"""References and preconditions through our client against the simulator: exact numbers, and nothing remembered."""

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from bridge.runtime.errors import SourceUnavailableError
from bridge.testkit.simulators import SimulatorAdmin
from bridge.tripletex.access import TripletexTenant
from bridge.tripletex.client import TripletexClient
from bridge.tripletex.references import MAX_NUMBERS

if TYPE_CHECKING:
    from contract.clients.conftest import Shop

_COMPANY = 4711


async def test_customers_are_found_by_number_active_and_inactive_and_a_missing_one_is_told(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    admin.write_customers(_COMPANY, [{"name": "Sluttet AS", "customerNumber": 10009, "isInactive": True}])

    found = await tripletex.customers_by_number(tripletex_tenant, [10009, 10002, 10004, 1000])

    assert {number: [(ref.name, ref.is_inactive) for ref in refs] for number, refs in found.items()} == {
        1000: [],
        10002: [("Ærlig Sjømat AS", False)],
        10004: [("Rabatt AS", False)],
        10009: [("Sluttet AS", True)],
    }
    assert [ref.discount_percentage for number in (10002, 10004) for ref in found[number]] == [0, 10]


async def test_t25_a_party_that_is_only_a_supplier_is_nobodys_customer(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    shop.books.set_rules(supplierNumbersMatch=True)
    admin.write_customers(
        _COMPANY, [{"name": "Leverandør AS", "customerNumber": 0, "supplierNumber": 20015, "isSupplier": True}]
    )

    assert await tripletex.customers_by_number(tripletex_tenant, [20015]) == {20015: ()}
    requests = [request for request in admin.requests() if request.path == "/customer"]
    assert len(requests) == 2


async def test_t25_two_customers_with_one_number_are_both_told(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    first, second = admin.write_customers(
        _COMPANY,
        [
            {"name": "Gammel AS", "customerNumber": 20015, "isInactive": True},
            {"name": "Ny AS", "customerNumber": 20015},
        ],
    )

    refs = (await tripletex.customers_by_number(tripletex_tenant, [20015]))[20015]

    assert [(ref.id, ref.is_inactive) for ref in refs] == [(first.id, True), (second.id, False)]


async def test_a_batch_of_many_customers_takes_few_calls(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant
) -> None:
    numbers = range(20001, 20001 + MAX_NUMBERS + 20)
    admin.write_customers(_COMPANY, [{"name": f"Kunde {number}", "customerNumber": number} for number in numbers])

    found = await tripletex.customers_by_number(tripletex_tenant, [*numbers, *numbers])

    assert {number: len(refs) for number, refs in found.items()} == dict.fromkeys(numbers, 1)
    assert len([request for request in admin.requests() if request.path == "/customer"]) == 4


async def test_a_department_is_compared_exactly_though_the_filter_is_contains(
    tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    ids = shop.books.add_departments("4", "44", "044", "440", "44")

    assert [ref.id for ref in await tripletex.departments(tripletex_tenant, "44")] == [ids[1], ids[4]]
    assert [ref.id for ref in await tripletex.departments(tripletex_tenant, "044")] == [ids[2]]
    assert await tripletex.departments(tripletex_tenant, "0440") == ()


async def test_more_departments_than_a_page_holds_are_all_compared(
    tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    ids = shop.books.add_departments(*[f"7{number:04}" for number in range(1100)], "7")

    assert [ref.id for ref in await tripletex.departments(tripletex_tenant, "7")] == [ids[-1]]


async def test_t20_a_reference_that_was_missing_is_found_by_the_next_look_up(
    tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    assert await tripletex.departments(tripletex_tenant, "44") == ()

    (made,) = shop.books.add_departments("44")

    (found,) = await tripletex.departments(tripletex_tenant, "44")
    assert (found.id, found.is_active) == (made, True)


async def test_a_project_is_found_by_its_number_and_an_offer_is_none(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    (wanted,) = shop.books.add_projects("7")
    admin.call("POST", f"/tripletex/companies/{_COMPANY}/projects", [{"number": "8", "isOffer": True}])
    admin.call("POST", f"/tripletex/companies/{_COMPANY}/projects", [{"number": "9", "isClosed": True}])

    (found,) = await tripletex.projects(tripletex_tenant, "7")
    assert (found.id, found.is_active) == (wanted, True)
    assert await tripletex.projects(tripletex_tenant, "8") == ()
    assert [ref.is_active for ref in await tripletex.projects(tripletex_tenant, "9")] == [False]


async def test_a_currency_is_found_by_its_code(tripletex: TripletexClient, tripletex_tenant: TripletexTenant) -> None:
    assert [ref.id for ref in await tripletex.currencies(tripletex_tenant, "EUR")] == [5]
    assert [ref.id for ref in await tripletex.currencies(tripletex_tenant, "NOK")] == [1]
    assert await tripletex.currencies(tripletex_tenant, "XXX") == ()


async def test_d14_a_code_for_sales_has_its_own_id_and_exact_rate_and_a_purchase_code_is_none(
    tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    shop.books.set_vat_code("32", active=True)

    codes = await tripletex.vat_types(tripletex_tenant, "2026-11-10")

    assert {code: (found.id, found.percentage) for code, found in codes.items()} == {
        "3": (3, 25),
        "31": (31, 15),
        "32": (311, Decimal("11.11")),
        "33": (32, 12),
        "5": (5, 0),
        "6": (6, 0),
        "52": (52, 0),
    }


async def test_t15_a_code_that_is_switched_off_is_gone_from_the_next_look_up(
    tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    assert "33" in await tripletex.vat_types(tripletex_tenant, "2026-11-10")

    shop.books.set_vat_code("33", active=False)

    assert "33" not in await tripletex.vat_types(tripletex_tenant, "2026-11-10")


async def test_a_register_that_cannot_be_read_is_no_absence(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant
) -> None:
    admin.add_fault("down", system="tripletex", kind="html500", path="^/(customer|department|ledger)")

    with pytest.raises(SourceUnavailableError, match="tenant acme, customers by number"):
        await tripletex.customers_by_number(tripletex_tenant, [10002])
    with pytest.raises(SourceUnavailableError, match="department 44"):
        await tripletex.departments(tripletex_tenant, "44")
    with pytest.raises(SourceUnavailableError, match="VAT codes"):
        await tripletex.vat_types(tripletex_tenant, "2026-11-10")


async def test_the_bank_account_is_asked_for_where_the_settings_tell_it(
    tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    assert await tripletex.bank_account_ready(tripletex_tenant) is True
    shop.books.set_bank_account(None)
    assert await tripletex.bank_account_ready(tripletex_tenant) is False


async def test_without_the_settings_the_accounts_tell_and_without_both_nobody_does(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    shop.books.set_rules(missingRights=["/invoice/settings"])
    assert await tripletex.bank_account_ready(tripletex_tenant) is True
    shop.books.set_bank_account(None)
    assert await tripletex.bank_account_ready(tripletex_tenant) is False

    shop.books.set_rules(missingRights=["/invoice/settings", "/ledger/account"])
    assert await tripletex.bank_account_ready(tripletex_tenant) is None


@pytest.mark.parametrize("day", ["2026-10-01", "2026-10-15", "2026-10-31"])
async def test_a_closed_period_is_told_for_each_of_its_days_and_no_other(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop", day: str
) -> None:
    admin.set_clock(now="2026-11-12T10:00:00Z")
    shop.books.close_periods("2026-10")

    assert await tripletex.period_closed(tripletex_tenant, day) is True
    assert await tripletex.period_closed(tripletex_tenant, "2026-09-30") is False
    assert await tripletex.period_closed(tripletex_tenant, "2026-11-01") is False
    assert await tripletex.period_closed(tripletex_tenant, "1999-01-01") is None


async def test_a_missing_right_to_invoices_or_orders_is_told(
    tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    assert await tripletex.may_invoice(tripletex_tenant) is True
    for path in ("/invoice", "/order"):
        shop.books.set_rules(missingRights=[path])
        assert await tripletex.may_invoice(tripletex_tenant) is False
