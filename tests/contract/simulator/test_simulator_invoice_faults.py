"""Misbehaviour around POST /invoice: what the caller is told, and what became of invoice and order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import pytest

from bridge.simulator.exchange import Json, JsonObject
from bridge.testkit.waiting import eventually

if TYPE_CHECKING:
    from contract.simulator.conftest import Shop

LOST = (aiohttp.ClientError, TimeoutError)


async def left(shop: Shop) -> tuple[list[Json], list[Json]]:
    """The numbers of the stored invoices, and for each stored order the numbers made of it."""
    orders = [order["invoiceNumbers"] for order in await shop.orders()]
    return [row["invoiceNumber"] for row in await shop.stored()], orders


async def told(shop: Shop, body: JsonObject) -> int | str:
    """The status of a POST /invoice, `not JSON` if its body does not parse, `lost` if there is no answer."""
    try:
        async with asyncio.timeout(5):
            return (await shop.post(body)).status
    except LOST:
        return "lost"
    except ValueError:
        return "not JSON"


@pytest.mark.parametrize(
    ("then", "expected"),
    [("422", 422), ("500", 500), ("html500", 500), ("pseudo_json500", "not JSON"), ("lost", "lost")],
)
async def test_invoice_is_stored_although_the_answer_says_otherwise(shop: Shop, then: str, expected: int | str) -> None:
    await shop.simulator.fault("although", "tripletex", "stored_although", then=then, path="^/invoice$", times=1)

    assert await told(shop, shop.body(7)) == expected
    assert await left(shop) == ([7], [[7]])
    assert await shop.found(invoiceNumber="7") == [7]


@pytest.mark.parametrize(("then", "expected"), [("422", 422), ("500", 500), ("lost", "lost")])
async def test_order_is_left_without_its_invoice(shop: Shop, then: str, expected: int | str) -> None:
    await shop.simulator.fault("left", "tripletex", "order_left", then=then, path="^/invoice$", method="POST", times=1)
    body = shop.body(7, number="50302")

    assert await told(shop, body) == expected
    assert await left(shop) == ([], [[]])
    again = await shop.post(body)
    assert again.messages == [("orders.number", None)]


async def test_order_that_was_there_already_is_left_alone(shop: Shop) -> None:
    first = await shop.simulator.tripletex("POST", "/order", shop.order(number="50302"))
    await shop.simulator.fault("left", "tripletex", "order_left", then="500", path="^/invoice$", times=1)

    body: JsonObject = {**shop.body(7), "orders": [{"id": first.value["id"]}]}

    assert await told(shop, body) == 500
    assert await left(shop) == ([], [[]])
    assert await told(shop, body) == 201


@pytest.mark.parametrize(
    ("then", "invoices", "orders", "status"),
    [pytest.param("422", 1, 1, 422, id="422"), pytest.param("500", 1, 1, 500, id="500"), ("done", 2, 0, 201)],
)
async def test_list_fails_after_it_has_stored_a_part(
    shop: Shop, then: str, invoices: int, orders: int, status: int
) -> None:
    await shop.simulator.fault(
        "partly", "tripletex", "order_left", then=then, invoices=invoices, orders=orders, path="^/invoice/list$"
    )

    reply = await shop.simulator.tripletex("POST", "/invoice/list", [shop.body(1), shop.body(2), shop.body(3)])

    stored, of_orders = await left(shop)
    assert reply.status == status
    assert (len(stored), len(of_orders)) == (invoices, invoices + orders)


async def test_true_refusal_is_told_as_it_is(shop: Shop) -> None:
    await shop.simulator.fault("although", "tripletex", "stored_although", then="500", path="^/invoice$")

    assert await told(shop, {}) == 422


async def test_invoice_comes_after_the_caller_has_given_up(shop: Shop) -> None:
    await shop.simulator.fault("late", "tripletex", "effect_after", seconds=1.5, path="^/invoice$", method="POST")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await shop.post(shop.body(7))
    given_up = await shop.found(invoiceNumber="7")

    assert given_up == []
    assert await eventually(lambda: shop.found(invoiceNumber="7"), what="the late invoice") == [7]


async def test_half_answer_has_had_its_effect(shop: Shop) -> None:
    await shop.simulator.fault("half", "tripletex", "half_answer", method="POST", times=1)

    assert await told(shop, shop.body(7)) == "lost"
    assert await left(shop) == ([7], [[7]])


async def test_fault_meets_one_invoice_number_in_posts_lists_and_look_ups(shop: Shop) -> None:
    await shop.simulator.fault("broken", "tripletex", "always_500_for", match={"invoiceNumber": 10307})

    singles = [await told(shop, shop.body(number)) for number in (10306, 10307)]
    in_list = await shop.simulator.tripletex("POST", "/invoice/list", [shop.body(1), shop.body(10307)])
    looked_up = await shop.simulator.tripletex("GET", "/invoice", params={"invoiceNumber": "10307"})

    assert singles == [201, 500]
    assert [in_list.status, looked_up.status] == [500, 500]
    assert await left(shop) == ([10306], [[10306]])


async def test_stored_invoice_can_be_absent_from_lists_for_a_while(shop: Shop) -> None:
    posted = await shop.post(shop.body(7))
    await shop.simulator.fault("slow", "tripletex", "missing_rows", invoiceNumbers=[7], path="^/invoice$", times=1)

    assert await shop.found(invoiceNumber="7") == []
    assert await shop.found(invoiceNumber="7") == [7]
    assert (await shop.simulator.tripletex("GET", f"/invoice/{posted.value['id']}")).status == 200


async def test_fault_with_an_unknown_ending_is_refused(shop: Shop) -> None:
    fault: JsonObject = {"name": "x", "system": "tripletex", "kind": "stored_although", "then": "418"}

    reply = await shop.simulator.call("POST", "/admin/faults", fault)

    assert reply.status == 400
    assert "html500" in str(reply.object["error"])
