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


@pytest.mark.parametrize(
    ("form", "fields"),
    [("field", ["invoiceNumber"]), ("no_field", [None]), ("both", [None, "invoiceNumber"])],
)
async def test_invoice_number_in_use_is_refused_in_three_forms(shop: Shop, form: str, fields: list[str | None]) -> None:
    await shop.rules(duplicateForm=form)
    await shop.post(shop.body(9))

    again = await shop.post(shop.body(9))

    assert again.error == (422, 18000)
    assert again.messages == [(name, None) for name in fields]
    assert len(await shop.stored()) == len(await shop.orders()) == 1


async def test_order_number_is_shared_with_projects(shop: Shop) -> None:
    await shop.simulator.books("POST", "projects", [{"number": "50302"}])

    taken = await shop.post(shop.body(1, number="50302"))
    automatic = await shop.post(shop.body(2))

    assert (taken.error, taken.messages) == ((422, 18000), [("orders.number", None)])
    assert automatic.status == 201
    assert [order["number"] for order in await shop.orders()] == ["50303"]


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


async def test_missing_values_are_named_with_their_paths(shop: Shop) -> None:
    nothing = await shop.post({})
    empty = await shop.post({"invoiceDate": "2026-11-10", "invoiceDueDate": "2026-11-24", "orders": []})
    nested = await shop.post({"invoiceDate": "2026-11-10", "invoiceDueDate": "2026-11-24", "orders": [{}]})

    assert nothing.messages == [(name, f"null.{name}") for name in ("invoiceDate", "invoiceDueDate", "orders")]
    assert empty.messages == [("orders", None)]
    names = ("customer", "orderDate", "deliveryDate")
    assert nested.messages == [(f"orders.{name}", f"orders[0].{name}") for name in names]
    assert nested.object["developerMessage"] is None


async def test_unknown_and_mistyped_fields_are_refused_before_all_rules(shop: Shop) -> None:
    unknown = await shop.post({**shop.body(), "project": {"id": 1}})
    nested = await shop.post(shop.body(1, {**LINE, "price": 1}))
    mistyped = await shop.post(shop.body(1, {**LINE, "count": "1"}))

    assert [reply.error for reply in (unknown, nested, mistyped)] == [(422, 16000)] * 3
    assert unknown.messages == [("project", None)]
    assert nested.messages == [("orders.orderLines.price", None)]
    assert mistyped.messages == [("orders.orderLines.count", "orders[0].orderLines[0].count")]


async def test_release_without_internal_comment_refuses_it(shop: Shop) -> None:
    body = shop.body(1, internalComment="bridge 10302")
    await shop.rules(internalComment=False)
    refused = await shop.post(body)
    await shop.rules(internalComment=True)

    assert (refused.error, refused.messages) == ((422, 16000), [("orders.internalComment", None)])
    assert (await shop.post(body)).status == 201
    assert (await shop.orders())[0]["internalComment"] == "bridge 10302"


async def test_missing_bank_account_refuses_invoices_and_not_orders(shop: Shop) -> None:
    await shop.simulator.books("POST", "bank-account", {"number": None})
    refused = await shop.post(shop.body())
    order = await shop.simulator.tripletex("POST", "/order", shop.order())
    settings = await shop.simulator.tripletex("GET", "/invoice/settings", params={"fields": "bankAccountReady"})
    await shop.simulator.books("POST", "bank-account", {"number": "12345678903"})

    assert (refused.error, refused.messages) == ((422, 18000), [(None, None)])
    assert order.status == 201
    assert settings.json == {"value": {"bankAccountReady": False}}
    assert (await shop.post(shop.body())).status == 201


async def test_vat_code_not_in_use_is_one_message_with_a_list_of_fields(shop: Shop) -> None:
    await shop.simulator.books("POST", "vat-types", {"codes": [{"number": "33", "active": False}]})
    lines: list[JsonObject] = [{**LINE, "vatType": {"id": 32}}, LINE]
    project = as_object(as_list(await shop.simulator.books("POST", "projects", [{"number": "7"}]))[0])

    refused = await shop.post(shop.body(1, *lines))
    alone = await shop.simulator.tripletex("POST", "/order", shop.order(*lines))
    of_project = await shop.post(shop.body(1, *lines, project={"id": project["id"]}))
    await shop.simulator.books("POST", "vat-types", {"codes": [{"number": "33", "active": True}]})
    again = await shop.post(shop.body(1, *lines))

    names = "orders.orderGroups.orderLines.vatType.id,orders.orderLines.vatType.id,orderLines.vatType.id"
    assert (refused.error, refused.messages) == ((422, 18000), [(names, None)])
    assert as_object(as_list(refused.object["validationMessages"])[0])["rootId"] == 0
    assert alone.messages == [("orderGroups.orderLines.vatType.id,orderLines.vatType.id", None)]
    assert "project." in str(of_project.messages[0][0])
    assert again.status == 201


async def test_incoming_vat_code_adds_a_message_without_field(shop: Shop) -> None:
    refused = await shop.post(shop.body(1, {**LINE, "vatType": {"id": 1}}))

    assert [name for name, _ in refused.messages][1:] == [None]


@pytest.mark.parametrize(
    ("order", "line", "fields"),
    [
        pytest.param({"customer": {"id": 5}}, {}, ["orders.customer.id"], id="customer"),
        pytest.param({"department": {"id": 5}}, {}, ["orders.department.id"], id="department"),
        pytest.param({"project": {"id": 5}}, {}, ["orders.project.id"], id="project"),
        pytest.param({"currency": {"id": 9999}}, {}, ["orders.currency.id"], id="currency"),
        pytest.param(
            {},
            {"description": ""},
            ["orders.orderLines.description", "orders.orderLines.product.id"],
            id="neither text nor product",
        ),
        pytest.param(
            {"isPrioritizeAmountsIncludingVat": True},
            {},
            ["orders.orderLines.unitPriceExcludingVatCurrency"],
            id="net price where gross counts",
        ),
        pytest.param(
            {},
            {"unitPriceIncludingVatCurrency": 1300},
            ["orders.orderLines.unitPriceIncludingVatCurrency"],
            id="prices contradict",
        ),
        pytest.param({"id": 0, "version": 1}, {}, ["orders.version"], id="version on a new order"),
    ],
)
async def test_broken_rule_names_its_field(shop: Shop, order: JsonObject, line: JsonObject, fields: list[str]) -> None:
    refused = await shop.post(shop.body(1, {**LINE, **line}, **order))

    assert refused.error == (422, 18000)
    assert refused.messages == [(name, None) for name in fields]
    assert await shop.orders() == []


async def test_both_prices_may_stand_if_they_agree_and_the_companys_own_rule_fills_the_gap(shop: Shop) -> None:
    both = await shop.post(shop.body(1, {**LINE, "unitPriceIncludingVatCurrency": 1250}))
    await shop.rules(pricesIncludeVat=True)
    body = shop.body(2)
    del as_object(as_list(body["orders"])[0])["isPrioritizeAmountsIncludingVat"]

    assert (both.status, both.value["amountCurrency"]) == (201, 1250)
    assert (await shop.post(body)).error == (422, 18000)


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


async def test_electronic_invoice_rules_refuse_even_what_is_not_sent(shop: Shop) -> None:
    written = await shop.simulator.customers(
        {"name": "A", "customerNumber": 10005, "invoiceSendMethod": "EHF"},
        {"name": "B", "customerNumber": 10006, "invoiceSendMethod": "EFAKTURA"},
    )
    await shop.rules(ehfRefusal=True)

    replies = [await shop.post(shop.body(1, customer={"id": row["id"]})) for row in written]

    assert [(reply.error, reply.messages) for reply in replies] == [((422, 18000), [(None, None)])] * 2
    assert "<a href=" in str(as_object(as_list(replies[1].object["validationMessages"])[0])["message"])


async def test_closed_period_refuses_the_invoices_of_its_own_dates_only(shop: Shop) -> None:
    await shop.simulator.books("POST", "accounting-periods", {"closed": ["2026-10"]})
    await shop.simulator.admin("POST", "/clock", {"now": "2026-11-25T12:00:00Z"})
    await shop.simulator.sign_in()

    refused = await shop.post({**shop.body(1), "invoiceDate": "2026-10-31"})
    periods = await shop.simulator.tripletex(
        "GET", "/ledger/accountingPeriod", params={"startFrom": "2026-10-01", "startTo": "2026-12-01"}
    )

    assert (refused.error, refused.messages) == ((422, 18000), [("invoiceDate", None)])
    assert [(row["start"], row["isClosed"]) for row in periods.values] == [("2026-10-01", True), ("2026-11-01", False)]
    assert (await shop.post(shop.body(1))).status == 201


async def test_refused_invoice_burns_no_number(shop: Shop) -> None:
    await shop.post(shop.body(None, {**LINE, "vatType": {"id": 1}}))

    assert (await shop.post(shop.body(None))).value["invoiceNumber"] == 1


async def test_kid_of_more_than_25_characters_is_refused(shop: Shop) -> None:
    assert (await shop.post({**shop.body(), "kid": "1" * 26})).messages == [("kid", None)]


async def test_language_changes_the_texts_and_nothing_else(shop: Shop) -> None:
    texts = []
    for language in ("no", "en", "mixed"):
        await shop.rules(language=language)
        reply = await shop.post({})
        rows = [as_object(row)["message"] for row in as_list(reply.object["validationMessages"])]
        texts.append([reply.object["message"], *rows[:2]])

    assert texts == [
        ["Validering feilet.", "Kan ikke være null.", "Kan ikke være null."],
        ["Validation failed.", "Cannot be null.", "Cannot be null."],
        ["Validering feilet.", "Cannot be null.", "Kan ikke være null."],
    ]


async def test_missing_right_is_403_for_its_paths_only(shop: Shop) -> None:
    await shop.rules(missingRights=["POST /invoice", "/project"])

    assert (await shop.post(shop.body())).error == (403, 9000)
    assert (await shop.simulator.tripletex("GET", "/project")).error == (403, 9000)
    assert await shop.found() == []


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


async def test_list_of_invoices_is_made_one_by_one_and_stops_at_the_refused_one(shop: Shop) -> None:
    bodies: list[Json] = [shop.body(1), shop.body(1), shop.body(2)]

    refused = await shop.simulator.tripletex("POST", "/invoice/list", bodies, params={"sendToCustomer": "false"})
    accepted = await shop.simulator.tripletex("POST", "/invoice/list", [shop.body(3)])

    assert refused.error == (422, 18000)
    assert [row["invoiceNumber"] for row in accepted.values] == [3]
    assert accepted.status == 201
    assert [row["invoiceNumber"] for row in await shop.stored()] == [1, 3]


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
