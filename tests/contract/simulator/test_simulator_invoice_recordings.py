"""Simulated invoices, orders and registers look like the recorded answers: same keys in order, same types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bridge.simulator.exchange import Json, JsonObject, as_list, as_object

if TYPE_CHECKING:
    from contract.simulator.conftest import Shop

RECORDINGS = Path(__file__).parents[1] / "documents" / "recordings"
NEWER = ("contractReference", "internalComment", "attachmentRelation", "backorderParentId")


def recorded(name: str, *, exchange: int = 0) -> JsonObject:
    """The exchange of a recording; both file forms are in use."""
    document: Json = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    return as_object((as_list(document) or as_list(as_object(document).get("exchanges")))[exchange])


def body_of(exchange: JsonObject) -> JsonObject:
    """The answer's body."""
    return as_object(exchange.get("response") or exchange.get("body"))


def shape(value: Json) -> Json:
    """The value with every leaf replaced by its type; a list by its first row, a number by `number`."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if type(value) in (int, float) else type(value).__name__


async def test_invoice_of_an_order_without_lines_is_the_recorded_one_but_for_ids(shop: Shop) -> None:
    order = await shop.simulator.tripletex("POST", "/order", shop.order(orderLines=[]))
    request = as_object(as_object(recorded("create-invoice")["request"])["data"])

    reply = await shop.post({**request, "orders": [{"id": order.value["id"]}]}, mail=None)

    expected = as_object(body_of(recorded("create-invoice"))["value"])
    assert list(reply.value) == list(expected)
    assert shape(reply.value) == shape(expected)
    differing = {name for name, value in expected.items() if not isinstance(value, dict | list)} & {
        name for name in reply.value if reply.value[name] != expected[name]
    }
    assert differing == {"id", "url", "invoiceNumber", "deliveryDate", "documentId"}


async def test_new_order_is_the_recorded_one_but_for_ids(shop: Shop) -> None:
    reply = await shop.simulator.tripletex("POST", "/order", shop.order())

    expected = as_object(body_of(recorded("create-order"))["value"])
    assert list(reply.value) == list(expected)
    assert shape(reply.value) == shape(expected)


async def test_order_and_line_after_their_invoice_are_the_recorded_ones(shop: Shop) -> None:
    posted = await shop.post(shop.body(1))
    order_id = as_object(as_list(posted.value["orders"])[0])["id"]
    line_id = as_object(as_list(posted.value["orderLines"])[0])["id"]

    invoice = await shop.simulator.tripletex("GET", f"/invoice/{posted.value['id']}")
    order = await shop.simulator.tripletex("GET", f"/order/{order_id}")
    line = await shop.simulator.tripletex("GET", f"/order/orderline/{line_id}")

    after = "order-after-post-invoice"
    assert shape(posted.json) == shape(body_of(recorded(after)))
    assert shape(invoice.json) == shape(body_of(recorded(after, exchange=1)))
    expected = as_object(body_of(recorded(after, exchange=2))["value"])
    assert [name for name in order.value if name not in NEWER] == list(expected)
    assert shape({name: order.value[name] for name in expected}) == shape(expected)
    names = ("version", "isClosed", "preliminaryInvoice")
    assert [order.value[name] for name in names] == [expected[name] for name in names]
    recorded_line = as_object(body_of(recorded(after, exchange=3))["value"])
    assert list(line.value) == list(recorded_line)
    assert line.value["isCharged"] is recorded_line["isCharged"] is True
    assert shape({**line.value, "product": None}) == shape({**recorded_line, "product": None})


@pytest.mark.parametrize("exchange", [0, 1, 2])
async def test_look_up_by_number_answers_as_recorded(shop: Shop, exchange: int) -> None:
    for number in (2, 3, 4, 5):
        await shop.post(shop.body(number))
    call = recorded("invoice-list-by-number", exchange=exchange)
    params = {name: str(value) for name, value in as_object(call["query"]).items()}

    reply = await shop.simulator.tripletex("GET", "/invoice", params=params)

    expected = as_object(as_list(body_of(call)["values"])[0])
    assert shape(reply.json) == shape(body_of(call))
    assert reply.object["fullResultSize"] == 1
    assert [row["invoiceNumber"] for row in reply.values] == [expected["invoiceNumber"]]


@pytest.mark.parametrize(("exchange", "account"), [(0, "12345678903"), (1, None)])
async def test_invoice_settings_are_the_recorded_ones(shop: Shop, exchange: int, account: str | None) -> None:
    await shop.simulator.books("POST", "bank-account", {"number": account})

    reply = await shop.simulator.tripletex("GET", "/invoice/settings", params={"fields": "bankAccountReady"})

    assert reply.json == body_of(recorded("invoice-settings", exchange=exchange))


async def test_dead_session_asks_for_the_settings_in_vain(shop: Shop) -> None:
    shop.simulator.use("nothing")

    reply = await shop.simulator.tripletex("GET", "/invoice/settings")

    assert {**reply.object, "requestId": ""} == {
        **body_of(recorded("invoice-settings", exchange=2)),
        "requestId": "",
    }


async def test_bank_account_without_check_digit_is_the_recorded_refusal(shop: Shop) -> None:
    accounts = await shop.simulator.tripletex("GET", "/ledger/account", params={"isBankAccount": "true"})
    call = recorded("bank-account-invalid")
    path = f"/ledger/account/{accounts.values[0]['id']}"

    refused = await shop.simulator.tripletex("PUT", path, as_object(call["request"]))
    accepted = await shop.simulator.tripletex("PUT", path, {"bankAccountNumber": "12345678903"})

    assert refused.status == call["status"]
    assert {**refused.object, "requestId": ""} == {**body_of(call), "requestId": ""}
    assert accepted.value["bankAccountNumber"] == "12345678903"


async def test_order_number_in_use_is_refused_like_the_recorded_project_number(shop: Shop) -> None:
    await shop.rules(duplicateForm="both")
    await shop.simulator.books("POST", "projects", [{"number": "1"}])

    refused = await shop.simulator.tripletex("POST", "/order", shop.order(number="1"))

    expected = body_of(recorded("duplicate-number-project"))
    first, second = (as_object(row) for row in as_list(refused.object["validationMessages"]))
    recorded_first, recorded_second = (as_object(row) for row in as_list(expected["validationMessages"]))
    assert {**refused.object, "requestId": "", "validationMessages": []} == {
        **expected,
        "requestId": "",
        "validationMessages": [],
    }
    assert (first["field"], second) == (recorded_first["field"], recorded_second)
    assert str(first["message"]).startswith("Nummeret er allerede i bruk: <a href=")


@pytest.mark.parametrize("exchange", range(5))
async def test_codes_and_currencies_are_looked_up_as_recorded(shop: Shop, exchange: int) -> None:
    call = recorded("lookup-currency-vattype", exchange=exchange)
    path = str(call["path"]).removeprefix("/v2")
    params = {name: str(value) for name, value in as_object(call["query"]).items()}

    reply = await shop.simulator.tripletex("GET", path, params=params)

    expected = [as_object(row) for row in as_list(body_of(call)["values"])]
    assert shape(reply.json) == shape(body_of(call))
    assert [row["id"] for row in reply.values] == [row["id"] for row in expected]
    names = ("number", "name", "displayName", "percentage", "code")
    assert [row.get(name) for row in reply.values for name in names] == [
        row.get(name) for row in expected for name in names
    ]


async def test_departments_have_the_recorded_keys_and_types(shop: Shop) -> None:
    await shop.simulator.books("POST", "departments", [{"number": "", "name": "Avdeling"}])

    reply = await shop.simulator.tripletex("GET", "/department", params={"from": "0", "count": "100"})

    expected = as_object(as_list(body_of(recorded("list-departments"))["values"])[0])
    assert shape(reply.json) == shape(body_of(recorded("list-departments")))
    assert {**reply.values[0], "id": 0, "url": ""} == {**expected, "id": 0, "url": ""}
