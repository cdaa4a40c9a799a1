"""Simulated OC2 over HTTP: its answers fit the contract document, and mistakes are refused field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.simulator.contract import Document
from bridge.simulator.exchange import Json, JsonObject, as_list, as_object

if TYPE_CHECKING:
    from contract.simulator.conftest import Reply, Simulator

CUSTOMER: JsonObject = {"customerNumber": 10042, "name": "Nordfjord Is AS", "active": True, "currency": "NOK"}


def breaches(document: Document, schema: JsonObject, value: Json) -> list[str]:
    """What of the value breaks the schema."""
    return [f"{error.json_path} {error.validator}" for error in document.schema(schema).iter_errors(value)]


def of_document(document: Document, method: str, path: str, status: str) -> JsonObject:
    """The schema that the document gives for an answer."""
    operation = as_object(as_object(as_object(document.root["paths"])[path])[method])
    answer = as_object(as_object(operation["responses"])[status])
    if "$ref" in answer:
        name = str(answer["$ref"]).rsplit("/", 1)[-1]
        answer = as_object(as_object(as_object(document.root["components"])["responses"])[name])
    contents = list(as_object(answer["content"]).values())
    return as_object(as_object(contents[0])["schema"])


def broken_fields(reply: Reply) -> list[Json]:
    """The fields that a problem names."""
    return [as_object(error)["field"] for error in as_list(reply.object.get("errors"))]


async def ledger(simulator: Simulator) -> JsonObject:
    """The tenant's ledger."""
    return as_object(await simulator.admin("GET", "/oc2/tenants/nord/ledger"))


async def test_every_answer_fits_its_schema(simulator: Simulator, documents: dict[str, Document]) -> None:
    term: JsonObject = {"name": "14 dager", "days": 14}
    bulk: JsonObject = {"customers": [CUSTOMER, {**CUSTOMER, "customerNumber": 1, "currency": "kr"}]}
    calls: list[tuple[str, str, str, Json, int]] = [
        ("post", "/payment-terms", "/v1/payment-terms", term, 201),
        ("post", "/payment-terms", "/v1/payment-terms", term, 409),
        ("post", "/payment-terms", "/v1/payment-terms", {"name": "", "days": 400}, 422),
        ("get", "/payment-terms", "/v1/payment-terms", None, 200),
        ("put", "/customers/10042", "/v1/customers/{customerNumber}", CUSTOMER, 201),
        ("put", "/customers/10042", "/v1/customers/{customerNumber}", CUSTOMER, 200),
        ("put", "/customers/10042", "/v1/customers/{customerNumber}", {}, 422),
        ("get", "/customers/10042", "/v1/customers/{customerNumber}", None, 200),
        ("get", "/customers/404", "/v1/customers/{customerNumber}", None, 404),
        ("get", "/customers", "/v1/customers", None, 200),
        ("post", "/customers/bulk", "/v1/customers/bulk", bulk, 200),
    ]

    for method, path, template, body, status in calls:
        reply = await simulator.oc2(method.upper(), path, body)

        assert reply.status == status, (method, path, reply.json)
        schema = of_document(documents["oc2"], method, template, str(status))
        assert breaches(documents["oc2"], schema, reply.json) == [], (method, path)


async def test_the_schema_check_itself_refuses_a_broken_answer(documents: dict[str, Document]) -> None:
    schema = of_document(documents["oc2"], "get", "/v1/customers/{customerNumber}", "200")

    found = breaches(documents["oc2"], schema, {**CUSTOMER, "currency": "kr", "phone2": ""})

    assert sorted(found) == ["$ additionalProperties", "$.currency pattern"]


async def test_problem_media_type_and_key_check(simulator: Simulator) -> None:
    reply = await simulator.oc2("GET", "/customers", key="wrong")

    assert reply.status == 401
    assert reply.headers["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        pytest.param({"name": "A" * 121}, ["name"], id="name of 121 characters"),
        pytest.param({"name": ""}, ["name"], id="empty name"),
        pytest.param({"active": 1}, ["active"], id="active as a number"),
        pytest.param({"currency": "nok"}, ["currency"], id="currency in lower case"),
        pytest.param({"paymentTermId": 99}, ["paymentTermId"], id="unknown payment term"),
        pytest.param({"paymentTermId": "1"}, ["paymentTermId"], id="payment term as text"),
        pytest.param({"phone2": "1"}, ["phone2"], id="unknown field"),
        pytest.param({"invoiceAddress": None}, ["invoiceAddress"], id="address null"),
        pytest.param({"invoiceAddress": {"zip": "1"}}, ["invoiceAddress.zip"], id="unknown part"),
        pytest.param({"invoiceAddress": {"country": "Norge"}}, ["invoiceAddress.country"], id="country name"),
        pytest.param({"customerNumber": 10043}, ["customerNumber"], id="number of another customer"),
        pytest.param(
            {"phone1": "1" * 31, "email1": "a" * 255, "website": "w" * 201},
            ["phone1", "email1", "website"],
            id="three at once",
        ),
    ],
)
async def test_broken_customers_are_refused_with_all_their_fields_and_not_stored(
    simulator: Simulator, change: JsonObject, fields: list[str]
) -> None:
    reply = await simulator.oc2("PUT", "/customers/10042", {**CUSTOMER, **change})

    assert reply.status == 422
    assert broken_fields(reply) == fields
    assert (await ledger(simulator))["writes"] == []


async def test_limits_themselves_are_accepted(simulator: Simulator) -> None:
    longest: JsonObject = {
        **CUSTOMER,
        "name": "Æ" * 120,
        "organizationNumber": None,
        "paymentTermId": None,
        "phone1": "1" * 30,
        "email1": "a" * 254,
        "website": "w" * 200,
        "invoiceAddress": {"line1": "l" * 100, "line2": None, "postalCode": "0" * 20, "country": "SJ"},
    }

    assert (await simulator.oc2("PUT", "/customers/10042", longest)).status == 201
    assert await simulator.admin("GET", "/violations") == []


async def test_bulk_results_come_in_order_and_one_failure_stops_no_other(simulator: Simulator) -> None:
    await simulator.oc2("PUT", "/customers/1", {**CUSTOMER, "customerNumber": 1})
    await simulator.oc2("PUT", "/customers/2", {**CUSTOMER, "customerNumber": 2})
    rows: list[Json] = [
        {**CUSTOMER, "customerNumber": 2},
        {**CUSTOMER, "customerNumber": 3, "name": ""},
        {**CUSTOMER, "customerNumber": 1, "name": "Nytt navn"},
        {**CUSTOMER, "customerNumber": 4},
    ]

    reply = await simulator.oc2("POST", "/customers/bulk", {"customers": rows})

    results = [as_object(row) for row in as_list(reply.object["results"])]
    assert [(row["customerNumber"], row["status"]) for row in results] == [
        (2, "UNCHANGED"),
        (3, "REJECTED"),
        (1, "REPLACED"),
        (4, "CREATED"),
    ]
    assert as_object(as_list(results[1]["errors"])[0])["field"] == "name"


@pytest.mark.parametrize("count", [0, 201])
async def test_lists_of_none_or_too_many_are_refused_as_a_whole(simulator: Simulator, count: int) -> None:
    rows: list[Json] = [{**CUSTOMER, "customerNumber": n} for n in range(1, count + 1)]

    reply = await simulator.oc2("POST", "/customers/bulk", {"customers": rows})

    assert reply.status == 422
    assert (await ledger(simulator))["customers"] == {}


async def test_ledger_keeps_every_effect_in_order_repeated_ones_too(simulator: Simulator) -> None:
    await simulator.oc2("PUT", "/customers/10042", CUSTOMER)
    await simulator.oc2("PUT", "/customers/10042", CUSTOMER)
    await simulator.oc2("POST", "/customers/bulk", {"customers": [{**CUSTOMER, "name": "B"}]})

    writes = [as_object(row) for row in as_list((await ledger(simulator))["writes"])]
    assert [(row["seq"], row["how"], row["outcome"]) for row in writes] == [
        (1, "put", "CREATED"),
        (2, "put", "UNCHANGED"),
        (3, "bulk", "REPLACED"),
    ]


async def test_older_version_overwrites_a_newer_one(simulator: Simulator) -> None:
    await simulator.oc2("PUT", "/customers/10042", {**CUSTOMER, "name": "new"})
    await simulator.oc2("PUT", "/customers/10042", {**CUSTOMER, "name": "old"})

    assert (await simulator.oc2("GET", "/customers/10042")).object["name"] == "old"


async def test_second_term_of_the_same_days_answers_409_with_the_first(simulator: Simulator) -> None:
    first = await simulator.oc2("POST", "/payment-terms", {"name": "45 dager", "days": 45})
    second = await simulator.oc2("POST", "/payment-terms", {"name": "Netto 45", "days": 45})

    assert (first.status, second.status) == (201, 409)
    assert second.json == first.json
    assert (await ledger(simulator))["termCreates"] == 1


async def test_terms_put_there_by_hand_may_repeat_their_days(simulator: Simulator) -> None:
    terms: list[Json] = [
        {"id": 31, "name": "Netto 14 dager", "days": 14},
        {"id": 7, "name": "14 dager", "days": 14},
        {"id": 9, "name": "30 dgr", "days": 30},
    ]
    await simulator.admin("PUT", "/oc2/tenants/nord", {"apiKey": "k", "terms": terms})

    fourteen = await simulator.oc2("GET", "/payment-terms", params={"days": "14"})
    refused = await simulator.oc2("POST", "/payment-terms", {"name": "x", "days": 14})

    assert [row["id"] for row in fourteen.values] == [7, 31]
    assert refused.object["id"] == 7


async def test_customers_are_paged_by_number(simulator: Simulator) -> None:
    for number in (3, 1, 2):
        await simulator.oc2("PUT", f"/customers/{number}", {**CUSTOMER, "customerNumber": number})

    first = await simulator.oc2("GET", "/customers", params={"limit": "2"})
    last = await simulator.oc2("GET", "/customers", params={"limit": "2", "afterNumber": "2"})

    assert [row["customerNumber"] for row in first.values] == [1, 2]
    assert [row["customerNumber"] for row in last.values] == [3]


@pytest.mark.parametrize("params", [{"limit": "501"}, {"limit": "0"}, {"afterNumber": "-1"}, {"limit": "x"}])
async def test_page_parameters_out_of_bounds_are_refused(simulator: Simulator, params: dict[str, str]) -> None:
    assert (await simulator.oc2("GET", "/customers", params=params)).status == 422


async def test_used_up_window_answers_429_with_retry_after(simulator: Simulator) -> None:
    await simulator.admin("PUT", "/oc2/tenants/nord", {"apiKey": "k", "rateLimit": 1})
    await simulator.admin("POST", "/clock", {"now": "2026-12-01T12:00:00Z"})

    replies = [await simulator.oc2("GET", "/customers") for _ in range(2)]

    assert [reply.status for reply in replies] == [200, 429]
    assert 1 <= int(replies[1].headers["Retry-After"]) <= 10


async def test_one_tenants_key_does_not_open_anothers_door(simulator: Simulator) -> None:
    await simulator.admin("PUT", "/oc2/tenants/sor", {"apiKey": "other"})
    await simulator.oc2("PUT", "/customers/10042", CUSTOMER)

    foreign = await simulator.call("GET", "/oc2/sor/api/v1/customers", headers={"X-Api-Key": "k"})
    own = await simulator.call("GET", "/oc2/sor/api/v1/customers", headers={"X-Api-Key": "other"})

    assert foreign.status == 401
    assert own.values == []


async def test_edits_by_hand_change_the_state_and_not_the_ledger(simulator: Simulator) -> None:
    await simulator.admin("PUT", "/oc2/tenants/nord/customers/5", {**CUSTOMER, "customerNumber": 5})
    there = await simulator.oc2("GET", "/customers/5")
    await simulator.admin("DELETE", "/oc2/tenants/nord/customers/5")
    gone = await simulator.oc2("GET", "/customers/5")

    assert (there.status, gone.status) == (200, 404)
    assert (await ledger(simulator))["writes"] == []
