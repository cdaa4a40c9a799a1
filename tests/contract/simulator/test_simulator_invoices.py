"""Simulated Tripletex's invoices and orders over HTTP: what is stored, what is refused, and every known trap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.simulator.contract import Document
from bridge.simulator.exchange import Json, JsonObject, as_list, as_object

if TYPE_CHECKING:
    from contract.simulator.conftest import Reply, Shop

WIDE = {"invoiceDateFrom": "2000-01-01", "invoiceDateTo": "2100-01-01"}
WIDE_ORDERS = {"orderDateFrom": "2000-01-01", "orderDateTo": "2100-01-01"}
LINE: JsonObject = {
    "description": "Frakt pall",
    "unitPriceExcludingVatCurrency": 1000,
    "count": 1,
    "vatType": {"id": 3},
}


def without_nulls(value: Json) -> Json:
    """Nulls left out: the document declares nothing nullable although the real answers hold nulls."""
    if isinstance(value, dict):
        return {name: without_nulls(part) for name, part in value.items() if part is not None}
    return [without_nulls(part) for part in value] if isinstance(value, list) else value


def breaches(document: Document, schema: str, value: Json) -> list[str]:
    """What of the value breaks the named schema."""
    check = document.schema({"$ref": f"#/components/schemas/{schema}"})
    return [f"{error.json_path} {error.validator}" for error in check.iter_errors(without_nulls(value))]


async def test_invoice_with_its_own_number_is_stored_and_found(shop: Shop, documents: dict[str, Document]) -> None:
    reply = await shop.post({**shop.body(10302, number="50302"), "kid": "7000103023"})

    assert reply.status == 201, reply.json
    assert breaches(documents["tripletex"], "ResponseWrapperInvoice", reply.json) == []
    assert (reply.value["amountExcludingVatCurrency"], reply.value["amountCurrency"]) == (1000, 1250)
    assert await shop.found(invoiceNumber="10302") == [10302]
    assert await shop.found(kid="7000103023") == [10302]
    [row] = await shop.stored()
    assert (row["orderNumber"], row["kid"], row["net"], row["gross"], row["mails"]) == (
        "50302",
        "7000103023",
        "1000.00",
        "1250.00",
        0,
    )
    assert await shop.simulator.admin("GET", "/violations") == []


@pytest.mark.parametrize(
    ("path", "params", "schema"),
    [
        ("/invoice", WIDE, "ListResponseInvoice"),
        (
            "/invoice",
            {**WIDE, "fields": "*,orders(*,orderLines(*,vatType(*)),department(*),project(*)),customer(*)"},
            "ListResponseInvoice",
        ),
        ("/order", WIDE_ORDERS, "ListResponseOrder"),
        ("/order", {**WIDE_ORDERS, "fields": "*,orderLines(*),preliminaryInvoice(id)"}, "ListResponseOrder"),
        ("/department", {}, "ListResponseDepartment"),
        ("/project", {}, "ListResponseProject"),
        ("/ledger/vatType", {"typeOfVat": "OUTGOING"}, "ListResponseVatType"),
        ("/ledger/account", {"isBankAccount": "true"}, "ListResponseAccount"),
        ("/ledger/accountingPeriod", {}, "ListResponseAccountingPeriod"),
        ("/ledger/vatSettings", {}, "ResponseWrapperVatSettings"),
    ],
)
async def test_lists_fit_the_schema(
    shop: Shop, documents: dict[str, Document], path: str, params: dict[str, str], schema: str
) -> None:
    await shop.simulator.books("POST", "departments", [{"number": "44"}])
    await shop.simulator.books("POST", "projects", [{"number": "7"}])
    await shop.post(shop.body())

    reply = await shop.simulator.tripletex("GET", path, params=params)

    assert reply.values or reply.value, reply.json
    assert breaches(documents["tripletex"], schema, reply.json) == []
    assert await shop.simulator.admin("GET", "/violations") == []


async def test_mail_is_sent_unless_it_is_forbidden(shop: Shop) -> None:
    for number, mail in ((1, None), (2, "true"), (3, "false")):
        await shop.post(shop.body(number), mail=mail)

    assert [row["mails"] for row in await shop.stored()] == [1, 1, 0]


async def test_order_stays_open_after_its_invoice_with_every_line_charged(shop: Shop) -> None:
    reply = await shop.post(shop.body())

    order_id = as_object(as_list(reply.value["orders"])[0])["id"]
    order = await shop.simulator.tripletex("GET", f"/order/{order_id}", params={"fields": "*,orderLines(isCharged)"})
    assert (order.value["isClosed"], order.value["preliminaryInvoice"], order.value["version"]) == (False, None, 2)
    assert order.value["orderLines"] == [{"isCharged": True}]
    closed = await shop.simulator.tripletex("PUT", f"/order/{order_id}", {"version": 2, "isClosed": True})
    assert (closed.status, closed.value["isClosed"], closed.value["version"]) == (200, True, 3)
    stale = await shop.simulator.tripletex("PUT", f"/order/{order_id}", {"version": 2, "isClosed": False})
    assert stale.error == (409, 8000)


async def test_order_and_then_its_invoice_need_two_calls_and_a_closed_order_is_refused(shop: Shop) -> None:
    order = shop.order()
    first = await shop.simulator.tripletex("POST", "/order", order)
    hidden_id = as_object(first.value["preliminaryInvoice"])["id"]
    hidden = await shop.simulator.tripletex("GET", f"/invoice/{hidden_id}")
    body: JsonObject = {**shop.body(77), "orders": [{"id": first.value["id"]}]}
    invoiced = await shop.post(body)

    assert first.value["orderLines"] == []
    assert (hidden.value["invoiceNumber"], hidden.value["isCharged"], hidden.value["voucher"]) == (0, False, None)
    assert await shop.found() == [77]
    assert (invoiced.status, invoiced.value["amountCurrency"]) == (201, 1250)
    await shop.simulator.tripletex("PUT", f"/order/{first.value['id']}", {"isClosed": True})
    again = await shop.post({**body, "invoiceNumber": 78})
    assert (again.error, again.messages) == ((422, 18000), [(None, None)])


async def test_order_without_lines_becomes_an_invoice_of_zero(shop: Shop) -> None:
    reply = await shop.post(shop.body(5, orderLines=[]))

    assert (reply.status, reply.value["amountCurrency"]) == (201, 0)


async def test_line_without_vat_type_gets_no_vat_and_nobody_is_told(shop: Shop) -> None:
    reply = await shop.post(shop.body(5, {name: value for name, value in LINE.items() if name != "vatType"}))

    assert (reply.value["amountExcludingVatCurrency"], reply.value["amountCurrency"]) == (1000, 1000)


async def test_lines_are_sorted_by_product_unless_the_order_says_otherwise(shop: Shop) -> None:
    lines = [{**LINE, "description": text} for text in ("b", "c", "a")]
    await shop.post(shop.body(1, *lines))
    await shop.post(shop.body(2, *lines, orderLineSorting="ID"))

    reply = await shop.simulator.tripletex(
        "GET", "/invoice", params={**WIDE, "fields": "invoiceNumber,orderLines(description)"}
    )

    shown = [[as_object(line)["description"] for line in as_list(row["orderLines"])] for row in reply.values]
    assert shown == [["a", "b", "c"], ["b", "c", "a"]]


async def test_numbers_may_repeat_where_uniqueness_is_off(shop: Shop) -> None:
    await shop.rules(uniqueInvoiceNumbers=False, uniqueOrderNumbers=False)

    replies = [await shop.post(shop.body(9, number="5")) for _ in range(2)]

    assert [reply.status for reply in replies] == [201, 201]
    assert as_object(await shop.simulator.books("GET", "invoices"))["doubled"] == [9]


async def test_own_numbers_do_not_move_the_counter_which_then_runs_into_them(shop: Shop) -> None:
    await shop.post(shop.body(2))
    first = await shop.post(shop.body(None))
    blocked = await shop.post(shop.body(None))

    assert first.value["invoiceNumber"] == 1
    assert (blocked.error, blocked.messages) == ((422, 18000), [("invoiceNumber", None)])


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        pytest.param({}, (1000, 1250, 0), id="none"),
        pytest.param({"ignoreUnitPrice": True}, (0, 0, 0), id="price ignored"),
        pytest.param({"applyCustomerDiscount": True}, (900, 1125, 0), id="customer's discount"),
        pytest.param({"roundToKroner": True}, (1000, 1250, 0), id="nothing to round"),
    ],
)
async def test_switches_change_the_amounts(shop: Shop, rules: JsonObject, expected: tuple[int, int, int]) -> None:
    await shop.rules(**rules)

    value = (await shop.post(shop.body())).value

    names = ("amountExcludingVatCurrency", "amountCurrency", "amountRoundoffCurrency")
    assert tuple(value[name] for name in names) == expected


async def test_discount_sent_as_zero_keeps_the_customers_own_away(shop: Shop) -> None:
    await shop.rules(applyCustomerDiscount=True)

    assert (await shop.post(shop.body(1, discountPercentage=0))).value["amountCurrency"] == 1250


async def test_foreign_currency_has_its_amount_in_kroner_too(shop: Shop) -> None:
    line: JsonObject = {**LINE, "unitPriceExcludingVatCurrency": 11671, "vatType": {"id": 52}}

    value = (await shop.post(shop.body(1, line, currency={"id": 5}))).value

    assert (value["amountCurrency"], value["amount"]) == (11671, 131829.78)


@pytest.mark.parametrize(("path", "name"), [("/invoice", "invoiceDate"), ("/order", "orderDate")])
async def test_date_range_is_mandatory_and_its_end_is_not_in_it(shop: Shop, path: str, name: str) -> None:
    await shop.post(shop.body())
    day, dates = {"invoiceDate": ("2026-11-10", "2026-11-11"), "orderDate": ("2026-11-03", "2026-11-04")}[name]

    async def get(**params: str) -> Reply:
        return await shop.simulator.tripletex("GET", path, params=params)

    missing = await get(invoiceNumber="10302", number="1")
    assert (missing.error, missing.messages) == ((422, 15000), [(f"{name}From", None), (f"{name}To", None)])
    assert (await get(**{f"{name}From": day, f"{name}To": day})).error == (422, 18000)
    assert len((await get(**{f"{name}From": day, f"{name}To": dates})).values) == 1
    assert (await get(**{f"{name}From": "2020-01-01", f"{name}To": day})).values == []


async def test_invoice_number_filter_is_equals_and_takes_the_first_of_a_list(shop: Shop) -> None:
    for number in (4, 5, 45):
        await shop.post(shop.body(number))

    assert await shop.found(invoiceNumber="4") == [4]
    assert await shop.found(invoiceNumber="4,5") == [4]
    assert await shop.found(invoiceNumber="6") == []
    assert await shop.found(customerId=str(shop.customer_id)) == [4, 5, 45]


async def test_orders_are_found_by_exact_number_and_by_state(shop: Shop) -> None:
    await shop.post(shop.body(1, number="503"))
    await shop.post(shop.body(2, number="5031"))

    async def get(**params: str) -> list[Json]:
        reply = await shop.simulator.tripletex("GET", "/order", params={**WIDE_ORDERS, **params})
        return [row["number"] for row in reply.values]

    assert await get(number="503") == ["503"]
    assert await get(isClosed="false") == ["503", "5031"]
    assert await get(isClosed="true") == []


async def test_department_filter_is_contains_and_project_filter_is_equals(shop: Shop) -> None:
    rows: list[Json] = [{"number": "4"}, {"number": "44"}, {"number": "5"}]
    await shop.simulator.books("POST", "departments", rows)
    await shop.simulator.books("POST", "projects", rows)

    departments = await shop.simulator.tripletex("GET", "/department", params={"departmentNumber": "4"})
    projects = await shop.simulator.tripletex("GET", "/project", params={"number": "4"})

    assert [row["departmentNumber"] for row in departments.values] == ["4", "44"]
    assert [row["number"] for row in projects.values] == ["4"]


async def test_vat_types_differ_in_number_and_id_and_only_those_in_use_are_outgoing(shop: Shop) -> None:
    async def get(**params: str) -> Reply:
        return await shop.simulator.tripletex("GET", "/ledger/vatType", params=params)

    assert [(row["number"], row["id"]) for row in (await get(number="33")).values] == [("33", 32)]
    assert {str(row["number"]) for row in (await get(typeOfVat="OUTGOING")).values} == {"3", "31", "33", "5", "52", "6"}
    assert (await get(typeOfVat="outgoing")).error == (404, 21000)
    await shop.simulator.books("POST", "vat-types", {"status": "VAT_NOT_REGISTERED"})
    assert [row["number"] for row in (await get(typeOfVat="OUTGOING")).values] == ["6"]
    settings = await shop.simulator.tripletex("GET", "/ledger/vatSettings")
    assert settings.value["vatRegistrationStatus"] == "VAT_NOT_REGISTERED"


async def test_party_that_is_only_a_supplier_is_found_by_its_number_where_the_switch_says_so(shop: Shop) -> None:
    await shop.simulator.customers(
        {"name": "Leverandør", "isCustomer": False, "isSupplier": True, "customerNumber": 0, "supplierNumber": 20015}
    )
    params = {"customerAccountNumber": "20015", "fields": "customerNumber,supplierNumber,isCustomer"}

    before = await shop.simulator.tripletex("GET", "/customer", params=params)
    await shop.rules(supplierNumbersMatch=True)
    after = await shop.simulator.tripletex("GET", "/customer", params=params)

    assert before.values == []
    assert after.values == [{"customerNumber": 0, "supplierNumber": 20015, "isCustomer": False}]
