"""Simulated OC2's invoice batches over HTTP: listing, paging, corrections, and receipts that stand or fall together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

from bridge.simulator.contract import Document
from bridge.simulator.exchange import Json, JsonObject, as_list, as_object

if TYPE_CHECKING:
    from contract.simulator.conftest import Reply, Simulator

BATCHES = "/oc2/tenants/nord/batches"


def invoice(number: int, **changed: Json) -> JsonObject:
    """An invoice as OC2 generates it."""
    return {
        "invoiceNumber": number,
        "invoiceDate": "2026-11-10",
        "dueDate": "2026-11-24",
        "orderNumber": f"5{number}",
        "orderDate": "2026-11-03",
        "customerNumber": 10002,
        "currency": "NOK",
        "lines": [{"description": "Frakt pall", "unitPrice": "1250.00", "quantity": "1", "vatCode": "3"}],
        **changed,
    }


def transferred(*numbers: int) -> JsonObject:
    """A body of receipts."""
    rows: list[Json] = [
        {"invoiceNumber": number, "status": "TRANSFERRED", "tripletexInvoiceId": number} for number in numbers
    ]
    return {"receipts": rows}


async def batch(simulator: Simulator, *numbers: int, **more: Json) -> int:
    """A new batch with these invoices; returns its number."""
    rows: list[Json] = [invoice(number) for number in numbers]
    made = as_object(await simulator.admin("POST", BATCHES, {"invoices": rows, **more}))
    number = made["batchNumber"]
    assert isinstance(number, int)
    return number


async def listed(simulator: Simulator, **params: str) -> list[Json]:
    """The batch numbers of one list."""
    reply = await simulator.oc2("GET", "/invoice-batches", params=params)
    assert reply.status == 200, reply.json
    return [row["batchNumber"] for row in reply.values]


async def numbers(simulator: Simulator, batch_number: int, **params: str) -> list[Json]:
    """The invoice numbers of one page."""
    reply = await simulator.oc2("GET", f"/invoice-batches/{batch_number}/invoices", params=params)
    return [row["invoiceNumber"] for row in reply.values]


async def history(simulator: Simulator) -> list[tuple[Json, Json]]:
    """Number and status of every receipt ever recorded, in order."""
    rows = as_list(await simulator.admin("GET", "/oc2/tenants/nord/receipts"))
    return [(as_object(row)["invoiceNumber"], as_object(row)["status"]) for row in rows]


async def changed_at(simulator: Simulator) -> Json:
    """When the first listed batch last changed."""
    return (await simulator.oc2("GET", "/invoice-batches")).values[0]["changedAt"]


async def post(simulator: Simulator, batch_number: int, body: JsonObject) -> Reply:
    """POST receipts."""
    return await simulator.oc2("POST", f"/invoice-batches/{batch_number}/receipts", body)


@pytest.mark.parametrize("path", ["", "/{batchNumber}/invoices", "/{batchNumber}/receipts"])
async def test_answers_fit_the_contract(simulator: Simulator, documents: dict[str, Document], path: str) -> None:
    number = await batch(simulator, 2, 1)
    await post(simulator, number, transferred(1))
    item = as_object(as_object(documents["oc2"].root["paths"])[f"/v1/invoice-batches{path}"])
    answer = as_object(as_object(as_object(item["get"])["responses"])["200"])
    schema = as_object(as_object(as_object(answer["content"])["application/json"])["schema"])

    reply = await simulator.oc2("GET", f"/invoice-batches{path}".replace("{batchNumber}", str(number)))

    assert [error.json_path for error in documents["oc2"].schema(schema).iter_errors(reply.json)] == []
    assert reply.values
    assert await simulator.admin("GET", "/violations") == []


async def test_batches_are_listed_by_state_after_a_number_and_up_to_a_limit(simulator: Simulator) -> None:
    for number in (5, 3, 9):
        await batch(simulator, number * 10, batchNumber=number)
    await post(simulator, 5, transferred(50))

    assert await listed(simulator) == [3, 9]
    assert await listed(simulator, state="TRANSFERRED") == [5]
    assert await listed(simulator, afterBatch="3") == [9]
    assert await listed(simulator, limit="1") == [3]


@pytest.mark.parametrize("params", [{"limit": "101"}, {"limit": "0"}, {"afterBatch": "-1"}, {"state": "OPEN"}])
async def test_list_parameters_out_of_bounds_are_refused(simulator: Simulator, params: Mapping[str, str]) -> None:
    assert (await simulator.oc2("GET", "/invoice-batches", params=params)).status == 422


async def test_number_given_out_early_appears_after_a_higher_one(simulator: Simulator) -> None:
    early = await batch(simulator, 1, visible=False)
    late = await batch(simulator, 2)

    before = await listed(simulator)
    hidden = await simulator.oc2("GET", f"/invoice-batches/{early}/invoices")
    await simulator.admin("PATCH", f"{BATCHES}/{early}", {"visible": True})

    assert (before, hidden.status) == ([late], 404)
    assert await listed(simulator) == [early, late]


async def test_invoices_are_paged_in_ascending_number_with_their_total(simulator: Simulator) -> None:
    number = await batch(simulator, 3, 1, 2)

    reply = await simulator.oc2("GET", f"/invoice-batches/{number}/invoices", params={"offset": "2", "limit": "2"})

    assert reply.object["total"] == 3
    assert await numbers(simulator, number, limit="2") == [1, 2]
    assert [row["invoiceNumber"] for row in reply.values] == [3]


async def test_correction_moves_changed_at_unless_it_falls_within_the_same_second(simulator: Simulator) -> None:
    number = await batch(simulator, 1, generatedAt="2026-11-10T06:00:00Z")
    begin = await changed_at(simulator)

    await simulator.admin("PATCH", f"{BATCHES}/{number}", {"put": [invoice(1, kid="18")], "keepChangedAt": True})
    silent = await changed_at(simulator)
    await simulator.admin("PATCH", f"{BATCHES}/{number}", {"put": [invoice(1, kid="26")]})

    rows = (await simulator.oc2("GET", f"/invoice-batches/{number}/invoices")).values
    assert (begin, silent) == ("2026-11-10T06:00:00Z", "2026-11-10T06:00:00Z")
    assert await changed_at(simulator) != begin
    assert [row["kid"] for row in rows] == ["26"]


async def test_invoice_taken_back_is_gone_and_may_come_in_another_batch(simulator: Simulator) -> None:
    first = await batch(simulator, 1, 2)
    second = await batch(simulator, 2)

    both = await numbers(simulator, first), await numbers(simulator, second)
    await simulator.admin("PATCH", f"{BATCHES}/{first}", {"takeBack": [2]})

    assert both == ([1, 2], [2])
    assert await numbers(simulator, first) == [1]
    assert (await simulator.oc2("GET", "/invoice-batches")).values[0]["invoiceCount"] == 1


async def test_broken_row_comes_out_as_it_went_in(simulator: Simulator) -> None:
    broken: list[Json] = ["?", invoice(2, dueDate=None, lines="many"), {"invoiceNumber": "x"}, invoice(1)]
    made = as_object(await simulator.admin("POST", BATCHES, {"invoices": broken, "invoiceCount": 7}))

    reply = await simulator.oc2("GET", f"/invoice-batches/{made['batchNumber']}/invoices")

    assert reply.object["values"] == [broken[3], broken[1], broken[0], broken[2]]
    assert (made["invoiceCount"], reply.object["total"]) == (7, 4)


async def test_batch_is_transferred_when_every_invoice_is_and_not_before(simulator: Simulator) -> None:
    number = await batch(simulator, 1, 2)

    partly = await post(simulator, number, transferred(1))
    still = await listed(simulator)
    await post(simulator, number, transferred(2))

    assert partly.status == 204
    assert still == [number]
    assert await listed(simulator, state="TRANSFERRED") == [number]


async def test_newest_receipt_stands_and_every_one_is_in_the_history(simulator: Simulator) -> None:
    number = await batch(simulator, 1, 2)
    rejected: JsonObject = {"receipts": [{"invoiceNumber": 1, "status": "REJECTED", "reason": "Ukjent kunde"}]}

    for body in (rejected, rejected, transferred(1)):
        await post(simulator, number, body)

    reply = await simulator.oc2("GET", f"/invoice-batches/{number}/receipts")
    assert reply.object["total"] == 1
    assert [row["status"] for row in reply.values] == ["TRANSFERRED"]
    assert await history(simulator) == [(1, "REJECTED"), (1, "REJECTED"), (1, "TRANSFERRED")]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param(transferred(1, 99), "receipts[1].invoiceNumber", id="not in the batch"),
        pytest.param({"receipts": []}, "receipts", id="none"),
        pytest.param({"receipts": [{"invoiceNumber": 1}] * 501}, "receipts", id="more than 500"),
        pytest.param({"receipts": [{"invoiceNumber": 1, "status": "DONE"}]}, "receipts[0].status", id="status"),
        pytest.param(
            {"receipts": [{"invoiceNumber": 1, "status": "REJECTED", "reason": "x" * 501}]},
            "receipts[0].reason",
            id="long reason",
        ),
    ],
)
async def test_one_bad_receipt_leaves_the_whole_list_unrecorded(
    simulator: Simulator, body: JsonObject, field: str
) -> None:
    number = await batch(simulator, 1)

    reply = await post(simulator, number, body)

    assert reply.status == 422
    assert [as_object(error)["field"] for error in as_list(reply.object["errors"])] == [field]
    assert await history(simulator) == []


async def test_archived_batch_is_not_found_any_more(simulator: Simulator) -> None:
    number = await batch(simulator, 1)
    await simulator.admin("PATCH", f"{BATCHES}/{number}", {"archived": True})

    statuses = [
        (await post(simulator, number, transferred(1))).status,
        (await simulator.oc2("GET", f"/invoice-batches/{number}/receipts")).status,
        (await simulator.oc2("GET", f"/invoice-batches/{number}/invoices")).status,
    ]

    assert statuses == [404, 404, 404]
    assert await listed(simulator) == []


async def test_page_shift_inside_a_batch_hides_a_row_from_its_reader(simulator: Simulator) -> None:
    number = await batch(simulator, 1, 2, 3, 4)
    await simulator.fault("shift", "oc2", "page_shift", path="/invoices$", at_page=1, rows=1)

    assert await numbers(simulator, number, offset="0", limit="2") == [1, 2]
    assert await numbers(simulator, number, offset="2", limit="2") == [4]


async def test_invoice_taken_back_between_two_pages_shifts_them_for_real(simulator: Simulator) -> None:
    number = await batch(simulator, 1, 2, 3, 4)
    rows: JsonObject = {"delete": [1], "insert": [invoice(9)]}
    await simulator.fault("shift", "oc2", "page_shift", path="/invoices$", at_page=1, rows=rows, times=1)

    pages = [await numbers(simulator, number, offset=offset, limit="2") for offset in ("0", "2")]

    assert pages == [[1, 2], [4, 9]]
    assert await numbers(simulator, number) == [2, 3, 4, 9]


async def test_history_tells_from_when_on_each_invoice_was_shown_how_and_no_longer(simulator: Simulator) -> None:
    early = await batch(simulator, 1, visible=False)
    late = await batch(simulator, 2, 3)
    await simulator.admin("PATCH", f"{BATCHES}/{late}", {"put": [invoice(3), invoice(2, kid="602243")]})
    await simulator.admin("PATCH", f"{BATCHES}/{late}", {"takeBack": [3]})
    await simulator.admin("PATCH", f"{BATCHES}/{early}", {"visible": True})

    states = [as_object(row) for row in as_list(await simulator.admin("GET", f"{BATCHES}/history"))]

    assert [(state["batchNumber"], state["invoiceNumber"]) for state in states] == [
        (late, 2),
        (late, 3),
        (late, 2),
        (late, 3),
        (early, 1),
    ]
    assert [as_object(state["row"]).get("kid") for state in states] == [None, None, "602243", None, None]
    assert [state["row"] is None for state in states] == [False, False, False, True, False]


async def test_late_batch_and_missing_invoice_are_hidden_as_often_as_told(simulator: Simulator) -> None:
    first, second = await batch(simulator, 1, 2), await batch(simulator, 3)
    await simulator.fault("late", "oc2", "missing_rows", batchNumbers=[first], times=1, path="invoice-batches$")
    await simulator.fault("gap", "oc2", "missing_rows", invoiceNumbers=[2], path="/invoices$")

    assert [await listed(simulator) for _ in range(2)] == [[second], [first, second]]
    reply = await simulator.oc2("GET", f"/invoice-batches/{first}/invoices")
    assert (reply.object["total"], len(reply.values)) == (2, 1)


async def test_fault_meets_the_receipts_of_one_invoice_only(simulator: Simulator) -> None:
    number = await batch(simulator, 1, 2)
    await simulator.fault("broken", "oc2", "always_500_for", match={"invoiceNumber": 2})

    replies = [await post(simulator, number, transferred(invoice_number)) for invoice_number in (1, 2)]

    assert [reply.status for reply in replies] == [204, 500]
