"""What simulated Tripletex refuses about invoices and orders, and in which shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.simulator.exchange import Json, JsonObject, as_list, as_object

if TYPE_CHECKING:
    from contract.simulator.conftest import Shop

LINE: JsonObject = {
    "description": "Frakt pall",
    "unitPriceExcludingVatCurrency": 1000,
    "count": 1,
    "vatType": {"id": 3},
}


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


async def test_electronic_invoice_rules_refuse_what_is_to_be_sent_and_by_a_switch_the_rest(shop: Shop) -> None:
    written = await shop.simulator.customers(
        {"name": "A", "customerNumber": 10005, "invoiceSendMethod": "EHF"},
        {"name": "B", "customerNumber": 10006, "invoiceSendMethod": "EFAKTURA"},
    )
    bodies = [shop.body(number, customer={"id": row["id"]}) for number, row in enumerate(written, start=1)]

    sent = [(await shop.post(body, mail="true")).error for body in bodies]
    unsent = [(await shop.post(body)).status for body in bodies]
    await shop.rules(ehfRefusal=True, uniqueInvoiceNumbers=False)
    replies = [await shop.post(body) for body in bodies]

    assert sent == [(422, 18000)] * 2
    assert unsent == [201, 201]
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


async def test_list_of_invoices_is_made_one_by_one_and_stops_at_the_refused_one(shop: Shop) -> None:
    bodies: list[Json] = [shop.body(1), shop.body(1), shop.body(2)]

    refused = await shop.simulator.tripletex("POST", "/invoice/list", bodies, params={"sendToCustomer": "false"})
    accepted = await shop.simulator.tripletex("POST", "/invoice/list", [shop.body(3)])

    assert refused.error == (422, 18000)
    assert [row["invoiceNumber"] for row in accepted.values] == [3]
    assert accepted.status == 201
    assert [row["invoiceNumber"] for row in await shop.stored()] == [1, 3]
