"""The simulator's answers look like the recorded ones: same keys in the same order, same types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bridge.simulator.exchange import Json, JsonObject, as_list, as_object
from bridge.simulator.misbehaviour import HTML_PAGE, PSEUDO_JSON

if TYPE_CHECKING:
    from contract.simulator.conftest import Simulator

RECORDINGS = Path(__file__).parents[1] / "documents" / "recordings"


def recorded(name: str, *, exchange: int = 0) -> JsonObject:
    """The exchange of a recording; both file forms are in use."""
    document: Json = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    exchanges = as_list(document) or as_list(as_object(document).get("exchanges"))
    return as_object(exchanges[exchange])


def body_of(exchange: JsonObject) -> JsonObject:
    """The answer's body."""
    return as_object(exchange.get("response") or exchange.get("body"))


def shape(value: Json) -> Json:
    """The value with every leaf replaced by the name of its type; a list by the shape of its first row."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


async def test_customer_list_has_the_recorded_keys_and_types(simulator: Simulator) -> None:
    await simulator.customers({"name": "Registry Seed Customer AS"}, {"name": "Registry Seed 2 AS"})

    reply = await simulator.tripletex("GET", "/customer", params={"from": "0", "count": "100"})

    expected = body_of(recorded("customers"))
    assert shape(reply.json) == shape(expected)
    assert list(reply.values[0]) == list(as_object(as_list(expected["values"])[0]))


async def test_created_customer_is_the_recorded_one_but_for_ids(simulator: Simulator) -> None:
    await simulator.customers({"name": "A"}, {"name": "B"}, {"name": "C"})

    reply = await simulator.tripletex("POST", "/customer", {"name": "Nango Dryrun Customer"})

    expected = as_object(body_of(recorded("create-customer"))["value"])
    assert shape(reply.value) == shape(expected)
    scalars = [name for name, value in expected.items() if not isinstance(value, dict)]
    differing = [name for name in scalars if reply.value[name] != expected[name]]
    assert differing == ["id", "url"]


async def test_who_am_i_has_the_recorded_keys_and_types(simulator: Simulator) -> None:
    reply = await simulator.tripletex("GET", "/token/session/>whoAmI")

    assert shape(reply.json) == shape(body_of(recorded("whoami")))


@pytest.mark.parametrize(
    ("name", "path", "code"),
    [("list-countries", "/country", "isoAlpha2Code"), ("list-currencies", "/currency", "code")],
)
async def test_registers_have_the_recorded_ids_codes_and_shape(
    simulator: Simulator, name: str, path: str, code: str
) -> None:
    reply = await simulator.tripletex("GET", path, params={"from": "0", "count": "100"})

    expected = [as_object(row) for row in as_list(body_of(recorded(name))["values"])]
    assert shape(reply.json) == shape(body_of(recorded(name)))
    assert [(row["id"], row[code]) for row in reply.values] == [(row["id"], row[code]) for row in expected]


@pytest.mark.parametrize(
    ("exchange", "method", "path", "params"),
    [
        pytest.param(0, "DELETE", "/customer", {}, id="wrong method"),
        pytest.param(1, "GET", "/customer", {"id": "120*"}, id="bad id list"),
        pytest.param(2, "GET", "/customer/forTimeSheet", {}, id="non-numeric path id"),
    ],
)
async def test_refusals_are_the_recorded_ones_but_for_the_request_id(
    simulator: Simulator, exchange: int, method: str, path: str, params: dict[str, str]
) -> None:
    reply = await simulator.tripletex(method, path, params=params)

    expected = recorded("errors-misc", exchange=exchange)
    assert reply.status == expected["status"]
    assert {**reply.object, "requestId": ""} == {**body_of(expected), "requestId": ""}


async def test_too_many_rows_is_the_recorded_refusal_whatever_the_page_size(simulator: Simulator) -> None:
    rows: list[JsonObject] = [{"name": f"Kunde {n}", "customerNumber": n} for n in range(1, 10_002)]
    await simulator.customers(*rows)

    reply = await simulator.tripletex("GET", "/customer", params={"count": "1"})

    expected = body_of(recorded("errors-misc", exchange=3))
    assert {**reply.object, "requestId": ""} == {**expected, "requestId": ""}


async def test_validation_refusal_has_the_recorded_shape(simulator: Simulator) -> None:
    await simulator.customers({"name": "Eksempel", "customerNumber": 77})

    reply = await simulator.tripletex("POST", "/customer", {"name": "Eksempel", "customerNumber": 77})

    expected = body_of(recorded("duplicate-number-project"))
    assert list(reply.object) == list(expected)
    assert reply.error == (422, 18000)
    assert reply.object["message"] == expected["message"]
    assert reply.object["developerMessage"] == expected["developerMessage"]
    first = as_object(as_list(reply.object["validationMessages"])[0])
    assert list(first) == list(as_object(as_list(expected["validationMessages"])[1]))


def test_pseudo_json_failure_is_the_recorded_body_and_does_not_parse() -> None:
    assert recorded("server-errors", exchange=0)["body_text"] == PSEUDO_JSON.decode()
    with pytest.raises(ValueError):
        json.loads(PSEUDO_JSON)


def test_html_failure_begins_like_the_recorded_page() -> None:
    text = str(recorded("server-errors", exchange=1)["body_text"])

    assert text.split("\n")[:3] == HTML_PAGE.decode().split("\n")[:3]
    assert "<title>Feilsituasjon - Tripletex</title>" in HTML_PAGE.decode()


async def test_json_failure_has_the_recorded_body(simulator: Simulator) -> None:
    await simulator.fault("broken", "tripletex", "status", status=500, path="^/customer$")

    reply = await simulator.tripletex("GET", "/customer")

    expected = recorded("server-errors", exchange=2)
    assert reply.status == expected["status"]
    assert {**reply.object, "requestId": ""} == {**body_of(expected), "requestId": ""}
    assert "X-Rate-Limit-Remaining" in reply.headers
