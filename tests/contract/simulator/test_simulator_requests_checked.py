"""Requests that break the contract documents are recorded, and nothing secret with them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bridge.simulator.exchange import JsonObject, as_list, as_object

if TYPE_CHECKING:
    from contract.simulator.conftest import Simulator

CUSTOMER: JsonObject = {"customerNumber": 1, "name": "A", "active": True, "currency": "NOK"}


async def problems(simulator: Simulator) -> list[str]:
    """The sentences of all violations."""
    rows = as_list(await simulator.admin("GET", "/violations"))
    return [str(as_object(row)["problem"]) for row in rows]


@pytest.mark.parametrize(
    ("method", "path", "params", "body", "problem"),
    [
        ("GET", "/customers", {"page": "1"}, None, "query parameter page is not declared"),
        ("GET", "/customers", {"limit": "501"}, None, "query parameter limit breaks its schema"),
        ("GET", "/customers", {"limit": "many"}, None, "query parameter limit breaks its schema"),
        ("GET", "/customer", {}, None, "the path is not in the document"),
        ("DELETE", "/customers/1", {}, None, "the method is not in the document for this path"),
        ("PUT", "/customers/1", {}, None, "the body is required"),
        ("PUT", "/customers/1", {}, {**CUSTOMER, "phone2": ""}, "body $: breaks additionalProperties"),
        ("PUT", "/customers/1", {}, {**CUSTOMER, "currency": "kr"}, "body $.currency: breaks pattern"),
        ("POST", "/customers/bulk", {}, {"customers": []}, "body $.customers: breaks minItems"),
        ("GET", "/customers", {}, {}, "a body is not declared"),
    ],
)
async def test_breaches_of_the_oc2_contract_are_recorded(
    simulator: Simulator,
    method: str,
    path: str,
    params: dict[str, str],
    body: JsonObject | None,
    problem: str,
) -> None:
    await simulator.oc2(method, path, body, params=params)

    assert problem in await problems(simulator)


async def test_missing_headers_are_recorded(simulator: Simulator) -> None:
    await simulator.call("GET", "/oc2/nord/api/v1/customers")
    await simulator.call("GET", "/tripletex/v2/customer")

    assert await problems(simulator) == [
        "header X-Api-Key is missing",
        "header Authorization is not Basic",
    ]


async def test_parameter_given_twice_and_wrong_type_are_recorded_for_tripletex(simulator: Simulator) -> None:
    await simulator.call("GET", "/tripletex/v2/customer?from=0&from=1", headers=simulator.headers)
    await simulator.tripletex("GET", "/customer", params={"isInactive": "yes"})
    await simulator.tripletex("POST", "/customer", {"name": 5})

    assert await problems(simulator) == [
        "query parameter from is given more than once",
        "query parameter isInactive breaks its schema",
        "body $.name: breaks type",
    ]


async def test_correct_requests_leave_no_trace_among_the_violations(simulator: Simulator) -> None:
    await simulator.tripletex("GET", "/customer", params={"isInactive": "true", "fields": "id,changes"})
    await simulator.oc2("PUT", "/customers/1", {**CUSTOMER, "invoiceAddress": {"line2": None}})
    await simulator.oc2("POST", "/customers/bulk", {"customers": [CUSTOMER]})

    assert await problems(simulator) == []


async def test_log_names_company_status_and_trace_of_each_request(simulator: Simulator) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    last = as_object(as_list(await simulator.admin("GET", "/requests"))[-1])

    await simulator.tripletex("GET", "/customer", params={"count": "5"}, extra={"traceparent": trace})
    await simulator.oc2("PUT", "/customers/1", CUSTOMER)

    rows = [as_object(row) for row in as_list(await simulator.admin("GET", f"/requests?since={last['seq']}"))]
    assert [(row["system"], row["scope"], row["method"], row["path"], row["status"]) for row in rows] == [
        ("tripletex", "501", "GET", "/customer", 200),
        ("oc2", "nord", "PUT", "/v1/customers/1", 201),
    ]
    assert (rows[0]["query"], rows[0]["traceparent"]) == ({"count": "5"}, trace)
    assert rows[1]["body"] == CUSTOMER


async def test_no_token_and_no_key_is_shown_by_the_admin_door(simulator: Simulator) -> None:
    secrets = {"consumerToken": "cons-SECRET", "employeeToken": "empl-SECRET"}
    await simulator.company(**secrets)
    await simulator.create_session(secrets)
    await simulator.create_session({"employeeToken": "wrong-SECRET", "consumerToken": 5})
    params = {**secrets, "expirationDate": "2099-01-01"}
    made = await simulator.call("PUT", "/tripletex/v2/token/session/:create", params=params)
    token = str(made.value["token"])
    await simulator.tripletex("DELETE", f"/token/session/{token}")
    await simulator.oc2("GET", "/customers", key="key-SECRET")

    shown = json.dumps([await simulator.admin("GET", path) for path in ("/requests", "/violations", "/faults")])

    assert "SECRET" not in shown
    assert token not in shown
