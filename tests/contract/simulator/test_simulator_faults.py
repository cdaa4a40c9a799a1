"""Each misbehaviour over real connections: what the caller sees, and what became of the effect."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import aiohttp
import pytest

from bridge.simulator.exchange import Json, JsonObject, as_list, as_object
from bridge.testkit.waiting import eventually

if TYPE_CHECKING:
    from contract.simulator.conftest import Simulator

CUSTOMER: JsonObject = {"customerNumber": 10042, "name": "Blåbær AS", "active": True, "currency": "NOK"}
LOST = (aiohttp.ClientError, TimeoutError)


async def names_at_oc2(simulator: Simulator) -> list[Json]:
    """The names written at OC2 so far, in order."""
    ledger = as_object(await simulator.admin("GET", "/oc2/tenants/nord/ledger"))
    return [as_object(as_object(row)["content"])["name"] for row in as_list(ledger["writes"])]


async def until_written(simulator: Simulator, count: int) -> list[Json]:
    """The names at OC2 as soon as there are `count` of them."""

    async def names() -> list[Json]:
        written = await names_at_oc2(simulator)
        return written if len(written) >= count else []

    return await eventually(names, what=f"{count} writes at OC2")


async def listed(simulator: Simulator, **params: str) -> list[Json]:
    """The names of one list answer."""
    reply = await simulator.tripletex("GET", "/customer", params={"fields": "name", **params})
    return [row["name"] for row in reply.values]


@pytest.mark.parametrize("kind", ["answer_lost", "half_answer"])
async def test_lost_answer_has_had_its_effect(simulator: Simulator, kind: str) -> None:
    await simulator.fault("lost", "oc2", kind, method="PUT", times=1)

    with pytest.raises(LOST):
        await simulator.oc2("PUT", "/customers/10042", CUSTOMER)

    assert await names_at_oc2(simulator) == ["Blåbær AS"]
    assert (await simulator.oc2("PUT", "/customers/10042", CUSTOMER)).status == 200


async def test_reset_before_has_no_effect(simulator: Simulator) -> None:
    await simulator.fault("reset", "oc2", "reset_before", times=1)

    with pytest.raises(LOST):
        await simulator.oc2("PUT", "/customers/10042", CUSTOMER)

    assert await names_at_oc2(simulator) == []


async def test_hanging_call_ends_without_answer_and_effect(simulator: Simulator) -> None:
    await simulator.fault("hang", "oc2", "hang", seconds=0.05)

    with pytest.raises(LOST):
        await simulator.oc2("PUT", "/customers/10042", CUSTOMER)

    assert await names_at_oc2(simulator) == []


async def test_effect_comes_after_the_caller_has_given_up(simulator: Simulator) -> None:
    await simulator.fault("late", "oc2", "effect_after", seconds=1.5, method="PUT", times=1)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await simulator.oc2("PUT", "/customers/10042", CUSTOMER)
    given_up = await names_at_oc2(simulator)
    await simulator.oc2("PUT", "/customers/10042", {**CUSTOMER, "name": "newer"})

    assert given_up == []
    assert await until_written(simulator, 2) == ["newer", "Blåbær AS"]


async def test_late_effect_answers_a_patient_caller(simulator: Simulator) -> None:
    await simulator.fault("late", "oc2", "effect_after", seconds=0.02, answerSeconds=1)

    call = asyncio.create_task(simulator.oc2("PUT", "/customers/10042", CUSTOMER))
    await until_written(simulator, 1)

    assert not call.done()
    assert (await call).status == 201


async def test_latency_delays_and_then_all_is_normal(simulator: Simulator) -> None:
    await simulator.fault("slow", "oc2", "latency", seconds=0.1)
    loop = asyncio.get_running_loop()
    begin = loop.time()

    reply = await simulator.oc2("PUT", "/customers/10042", CUSTOMER)

    assert reply.status == 201
    assert loop.time() - begin >= 0.1


async def test_malformed_success_has_had_its_effect(simulator: Simulator) -> None:
    await simulator.fault("broken", "oc2", "malformed_2xx")

    with pytest.raises(json.JSONDecodeError):
        await simulator.oc2("PUT", "/customers/10042", CUSTOMER)

    assert await names_at_oc2(simulator) == ["Blåbær AS"]


async def test_status_has_no_effect_and_carries_what_it_was_given(simulator: Simulator) -> None:
    await simulator.fault(
        "down", "oc2", "status", status=503, body={"title": "Down", "status": 503}, headers={"Retry-After": 7}
    )

    reply = await simulator.oc2("PUT", "/customers/10042", CUSTOMER)

    assert (reply.status, reply.headers["Retry-After"]) == (503, "7")
    assert reply.object["title"] == "Down"
    assert await names_at_oc2(simulator) == []


@pytest.mark.parametrize(("kind", "content_type"), [("html500", "text/html"), ("pseudo_json500", "json")])
async def test_failures_that_are_no_json(simulator: Simulator, kind: str, content_type: str) -> None:
    await simulator.fault("page", "tripletex", kind)

    async with simulator.http.get("/tripletex/v2/customer", headers=simulator.headers) as answer:
        assert answer.status == 500
        assert content_type in answer.content_type
        assert "X-Rate-Limit-Remaining" in answer.headers
        with pytest.raises(json.JSONDecodeError):
            json.loads(await answer.text())


@pytest.mark.parametrize("after", ["43200", "Wed, 11 Nov 2026 06:00:00 GMT", "-5", "soon"])
async def test_oc2_throttles_with_whatever_retry_after_it_is_told(simulator: Simulator, after: str) -> None:
    await simulator.fault("throttle", "oc2", "rate_limited", retryAfter=after)

    reply = await simulator.oc2("GET", "/customers")

    assert (reply.status, reply.headers["Retry-After"]) == (429, after)


async def test_tripletex_throttles_without_a_reset_header(simulator: Simulator) -> None:
    await simulator.fault("throttle", "tripletex", "rate_limited", times=1)

    throttled = await simulator.tripletex("GET", "/customer")

    assert (throttled.status, throttled.headers["X-Rate-Limit-Remaining"]) == (429, "0")
    assert "X-Rate-Limit-Reset" not in throttled.headers
    assert (await simulator.tripletex("GET", "/customer")).status == 200


async def test_one_customer_always_fails_alone_and_in_a_list(simulator: Simulator) -> None:
    await simulator.fault("poison", "oc2", "always_500_for", match={"customerNumber": 10042})
    other: JsonObject = {**CUSTOMER, "customerNumber": 1}

    alone = await simulator.oc2("PUT", "/customers/10042", CUSTOMER)
    in_list = await simulator.oc2("POST", "/customers/bulk", {"customers": [other, CUSTOMER]})
    without = await simulator.oc2("POST", "/customers/bulk", {"customers": [other]})

    assert (alone.status, in_list.status, without.status) == (500, 500, 200)
    assert await simulator.hits("poison") == 2


async def test_refused_customers_in_a_list_leave_the_others_alone(simulator: Simulator) -> None:
    refusal: Json = [{"field": "email1", "message": "domain cannot receive mail"}]
    await simulator.fault("mail", "oc2", "bulk_partial", errors={"10042": refusal})

    rows: list[Json] = [{**CUSTOMER, "customerNumber": 1}, CUSTOMER]
    bulk = await simulator.oc2("POST", "/customers/bulk", {"customers": rows})
    single = await simulator.oc2("PUT", "/customers/10042", CUSTOMER)

    results = [as_object(row) for row in as_list(bulk.object["results"])]
    assert [row["status"] for row in results] == ["CREATED", "REJECTED"]
    assert results[1]["errors"] == refusal
    assert (single.status, single.object["errors"]) == (422, refusal)


async def test_stale_page_shows_the_list_as_it_was(simulator: Simulator) -> None:
    written = await simulator.customers({"name": "A"}, {"name": "B"})
    await simulator.customers({"id": written[0]["id"], "name": "A2"}, {"name": "C"})
    await simulator.fault("stale", "tripletex", "stale_page", changes=2, times=1)

    assert await listed(simulator) == ["A", "B"]
    assert await listed(simulator) == ["A2", "B", "C"]


async def test_stale_rows_show_what_was_before_their_own_last_edit(simulator: Simulator) -> None:
    written = await simulator.customers({"name": "A"}, {"name": "B"})
    await simulator.customers({"id": written[0]["id"], "name": "A2"}, {"id": written[1]["id"], "name": "B2"})
    await simulator.fault("stale", "tripletex", "stale_page", numbers=[10001])

    assert await listed(simulator) == ["A", "B2"]


async def test_missing_rows_are_absent_from_lists_and_present_by_id(simulator: Simulator) -> None:
    written = await simulator.customers({"name": "A"}, {"name": "B"}, {"name": "C"})
    await simulator.fault(
        "gone", "tripletex", "missing_rows", numbers=[10001], ids=[written[2]["id"]], path="^/customer"
    )

    assert await listed(simulator) == ["B"]
    assert (await simulator.tripletex("GET", f"/customer/{written[0]['id']}")).status == 200


async def test_shifted_page_skips_rows_of_one_read_only(simulator: Simulator) -> None:
    await simulator.customers(*[{"name": name} for name in "ABCDE"])
    await simulator.fault("shift", "tripletex", "page_shift", at_page=1, rows=1, times=1)

    first = await listed(simulator, **{"from": "0", "count": "2"})
    second = await listed(simulator, **{"from": "2", "count": "2"})
    again = await listed(simulator, **{"from": "2", "count": "2"})

    assert (first, second, again) == (["A", "B"], ["D", "E"], ["C", "D"])


async def test_rows_really_move_between_two_pages(simulator: Simulator) -> None:
    await simulator.customers(*[{"name": name} for name in "ABCD"])
    moved: JsonObject = {"delete": [10001], "insert": [{"name": "E"}]}
    await simulator.fault("move", "tripletex", "page_shift", at_page=1, rows=moved, times=1)

    first = await listed(simulator, **{"from": "0", "count": "2"})
    second = await listed(simulator, **{"from": "2", "count": "2"})

    assert (first, second) == (["A", "B"], ["D", "E"])
    assert await listed(simulator) == ["B", "C", "D", "E"]


async def test_declared_charset_is_the_one_that_was_used(simulator: Simulator) -> None:
    await simulator.customers({"name": "Bjørkås 🐟 AS"})
    await simulator.fault("latin", "tripletex", "charset_latin1")

    async with simulator.http.get("/tripletex/v2/customer", headers=simulator.headers) as answer:
        raw = await answer.read()
        assert answer.charset == "ISO-8859-1"

    assert "Bjørkås".encode("latin-1") in raw
    assert json.loads(raw.decode("latin-1"))["values"][0]["name"] == "Bjørkås 🐟 AS"


async def test_invalid_bytes_come_without_a_charset(simulator: Simulator) -> None:
    await simulator.customers({"name": "A"})
    await simulator.fault("bytes", "tripletex", "invalid_utf8")

    async with simulator.http.get("/tripletex/v2/customer", headers=simulator.headers) as answer:
        raw = await answer.read()
        assert answer.charset is None

    with pytest.raises(UnicodeDecodeError):
        raw.decode("utf-8")


async def test_null_fields_hit_the_named_rows(simulator: Simulator) -> None:
    await simulator.customers({"name": "A"}, {"name": "B"})
    await simulator.fault("null", "tripletex", "null_fields", numbers=[10002])

    rows = (await simulator.tripletex("GET", "/customer")).values

    assert [row["email"] for row in rows] == ["", None]
    assert [row["postalAddress"] is None for row in rows] == [False, True]
    assert rows[1]["phoneNumberMobile"] == ""


async def test_null_inside_an_object_of_the_session_answer(simulator: Simulator) -> None:
    await simulator.fault("null", "tripletex", "null_fields", fields=["employeeToken.token"])

    reply = await simulator.create_session()

    assert as_object(reply.value["employeeToken"])["token"] is None
    assert reply.value["token"]


async def test_extra_fields_appear_in_rows_and_envelope(simulator: Simulator) -> None:
    await simulator.customers({"name": "A"})
    await simulator.fault("new", "tripletex", "extra_fields", count=30)

    reply = await simulator.tripletex("GET", "/customer", params={"fields": "id"})

    assert len(reply.values[0]) == 31
    assert "futureField1" in reply.object


async def test_fault_meets_only_its_scope(simulator: Simulator) -> None:
    await simulator.admin("PUT", "/oc2/tenants/sor", {"apiKey": "k"})
    await simulator.fault("down", "oc2", "status", status=500, scope="sor")

    other = await simulator.call("GET", "/oc2/sor/api/v1/customers", headers={"X-Api-Key": "k"})

    assert (await simulator.oc2("GET", "/customers")).status == 200
    assert other.status == 500


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"name": "x", "system": "oc2", "kind": "nonsense"}, id="unknown kind"),
        pytest.param({"name": "x", "system": "visma", "kind": "html500"}, id="unknown system"),
        pytest.param({"name": "x", "system": "oc2", "kind": "latency"}, id="missing parameter"),
        pytest.param({"name": "x", "system": "oc2", "kind": "html500", "sec": 1}, id="unknown parameter"),
        pytest.param({"name": "x", "system": "oc2", "kind": "html500", "path": "("}, id="bad pattern"),
        pytest.param({"name": "x", "system": "oc2", "kind": "html500", "match": {"n": 1}}, id="bad match"),
        pytest.param({"name": "x", "system": "oc2", "kind": "always_500_for"}, id="500 for whom?"),
        pytest.param({"name": "x", "system": "oc2", "kind": "latency", "seconds": "1"}, id="text as number"),
        pytest.param({"name": "x", "system": "oc2", "kind": "bulk_partial", "errors": {"a": []}}, id="no number"),
        pytest.param([], id="no object"),
    ],
)
async def test_mistyped_fault_is_refused_with_a_sentence(simulator: Simulator, body: Json) -> None:
    reply = await simulator.call("POST", "/admin/faults", body)

    assert reply.status == 400
    assert reply.object["error"]
    assert await simulator.admin("GET", "/faults") == []


async def test_faults_are_counted_listed_and_removed(simulator: Simulator) -> None:
    await simulator.fault("one", "oc2", "status", status=500, after=1, times=1)
    await simulator.fault("two", "tripletex", "html500")

    statuses = [(await simulator.oc2("GET", "/customers")).status for _ in range(3)]
    rows = [as_object(row) for row in as_list(await simulator.admin("GET", "/faults"))]
    await simulator.admin("DELETE", "/faults/one")
    unknown = await simulator.call("DELETE", "/admin/faults/one")
    await simulator.admin("DELETE", "/faults")

    assert statuses == [200, 500, 200]
    assert [(row["name"], row["seen"], row["hits"]) for row in rows] == [("one", 3, 1), ("two", 0, 0)]
    assert unknown.status == 404
    assert await simulator.admin("GET", "/faults") == []


async def test_reset_empties_everything(simulator: Simulator) -> None:
    await simulator.admin("POST", "/clock", {"offsetSeconds": 3600})
    await simulator.fault("one", "oc2", "html500")

    await simulator.admin("POST", "/reset")

    clock = as_object(await simulator.admin("GET", "/clock"))
    assert clock["offsetSeconds"] == 0
    assert await simulator.admin("GET", "/faults") == []
    assert await simulator.admin("GET", "/requests") == []
    assert (await simulator.tripletex("GET", "/customer")).status == 401
    assert (await simulator.oc2("GET", "/customers")).status == 404
