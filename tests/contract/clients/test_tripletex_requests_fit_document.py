"""What we rely on at Tripletex stands in its own document and is not going away there.

The requests are those that the client really makes. A parameter or field that a new document no longer has, or marks as
deprecated, fails here before a release at Tripletex does it in the field.
"""

import copy
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from bridge.contracts.identity import TenantId
from bridge.remote.http import HttpRequest
from bridge.runtime.clock import SystemClock
from bridge.runtime.errors import TransientError
from bridge.testkit.answers import json_answer
from bridge.testkit.fake_tripletex import COMPANY, FakeTripletex, SecretFiles
from bridge.tripletex.access import TripletexTenant
from bridge.tripletex.client import TripletexClient
from bridge.tripletex.invoice_body import InvoiceLine, InvoiceRequest, NewOrder

_DOCUMENT: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "documents" / "tripletex-openapi.json").read_text(encoding="utf-8")
)
_IN_NO_DOCUMENT: Final = "/invoice/settings"
"""Recorded 116 times; the client does without it where it is missing."""
_ROWS: Final = {
    "/customer": "Customer",
    "/invoice": "Invoice",
    "/order": "Order",
    "/order/{id}": "Order",
    "/department": "Department",
    "/project": "Project",
    "/currency": "Currency",
    "/ledger/vatType": "VatType",
    "/ledger/account": "Account",
    "/ledger/accountingPeriod": "AccountingPeriod",
}
_LINE: Final = InvoiceLine("Frakt pall", Decimal(1), Decimal("1250.000001"), 3)
_NEW: Final = NewOrder(
    "50302", "2026-11-03", "2026-11-05", 7, 1, (_LINE,), department_id=44, project_id=70, reference="50302"
)


@pytest.fixture
async def requests() -> list[HttpRequest]:
    """One request of each kind that the invoice half makes."""
    tripletex = FakeTripletex(customers=json_answer(200, {"values": []}))
    tenant = TripletexTenant(TenantId("acme"), "https://tripletex.example/v2", COMPANY, SecretFiles())
    client = TripletexClient(tripletex, SystemClock())
    await client.create_invoice(tenant, InvoiceRequest(10302, "2026-11-10", "2026-11-24", _NEW, "7000103023"))
    await client.find_invoices(tenant, 10302)
    await client.find_orders_by_number(tenant, "50302")
    await client.find_orders_by_marker(tenant, 10302)
    with pytest.raises(TransientError):
        await client.get_order(tenant, 81)
    await client.close_order(tenant, 81, 2)
    await client.customers_by_number(tenant, [10002])
    await client.departments(tenant, "44")
    await client.projects(tenant, "7")
    await client.currencies(tenant, "NOK")
    await client.vat_types(tenant, "2026-11-10")
    await client.bank_account_ready(tenant)
    await client.period_closed(tenant, "2026-11-10")
    await client.may_invoice(tenant)
    return [made for made in tripletex.requests if "/token/" not in made.url]


def _path(request: HttpRequest) -> str:
    return re.sub(r"/\d+$", "/{id}", request.url.partition("/v2")[2])


def _complaints(document: Mapping[str, Any], request: HttpRequest) -> list[str]:
    """Return what of the request the document does not have or is about to drop."""
    path = _path(request)
    operation = document["paths"][path][request.method.lower()]
    declared = {each["name"]: each for each in operation["parameters"]} if "parameters" in operation else {}
    found = [f"{path} is deprecated"] if operation.get("deprecated") else []
    for name, value in request.query:
        found += _judge(declared.get(name), f"parameter {name}")
        found += _names_unknown(document, path, value) if name == "fields" else []
    if request.body is not None:
        (content,) = operation["requestBody"]["content"].values()
        found += _body_complaints(document, content["schema"], json.loads(request.body), "body")
    return found


def _judge(part: Mapping[str, Any] | None, what: str) -> list[str]:
    if part is None:
        return [f"{what} is not there"]
    text = str(part.get("description", ""))
    leaving = bool(part.get("deprecated")) or re.match(r"\[?deprecated", text, re.IGNORECASE) is not None
    return [f"{what} is deprecated"] if leaving else []


def _schema(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return document["components"]["schemas"][name] if name else schema


def _body_complaints(document: Mapping[str, Any], schema: Mapping[str, Any], value: object, what: str) -> Iterator[str]:
    known = _schema(document, schema)
    if isinstance(value, list):
        for row in value:
            yield from _body_complaints(document, known["items"], row, what)
    if isinstance(value, dict):
        for name, inner in value.items():
            part = known["properties"].get(name)
            yield from _judge(part, f"{what}.{name}")
            if part is not None and part.get("readOnly"):
                yield f"{what}.{name} is read-only"
            if part is not None:
                yield from _body_complaints(document, part, inner, f"{what}.{name}")


def _names_unknown(document: Mapping[str, Any], path: str, fields: str) -> list[str]:
    found, stack, last = list[str](), [document["components"]["schemas"][_ROWS[path]]], ""
    for token in re.findall(r"\w+|[(),]", fields):
        if token == "(":
            part = stack[-1]["properties"].get(last, {})
            stack.append(_schema(document, part.get("items", part)))
        elif token == ")":
            stack.pop()
        elif token != ",":
            last = token
            found += _judge(stack[-1]["properties"].get(token), f"field {token}")
    return found


async def test_t18_every_parameter_and_field_stands_in_the_document_and_none_is_deprecated(
    requests: list[HttpRequest],
) -> None:
    judged = [request for request in requests if _path(request) != _IN_NO_DOCUMENT]

    assert {_path(request) for request in judged} == set(_ROWS)
    assert {_path(request): found for request in judged if (found := _complaints(_DOCUMENT, request))} == {}


@pytest.mark.parametrize(
    ("place", "complaint"),
    [
        (("paths", "/invoice", "post", "parameters", 0), "parameter sendToCustomer is deprecated"),
        (("paths", "/order", "get", "parameters", 5), "parameter deliveryComment is deprecated"),
        (
            ("components", "schemas", "OrderLine", "properties", "count"),
            "body.orders.orderLines.count is deprecated",
        ),
        (("components", "schemas", "Order", "properties", "deliveryComment"), "field deliveryComment is deprecated"),
    ],
    ids=str,
)
async def test_t18_a_document_that_deprecates_what_we_rely_on_is_noticed(
    requests: list[HttpRequest], place: tuple[str | int, ...], complaint: str
) -> None:
    newer = copy.deepcopy(_DOCUMENT)
    part: Any = newer
    for step in place:
        part = part[step]
    part["deprecated"] = True

    judged = [request for request in requests if _path(request) != _IN_NO_DOCUMENT]
    assert complaint in [found for request in judged for found in _complaints(newer, request)]


async def test_t18_a_parameter_that_is_gone_is_noticed(requests: list[HttpRequest]) -> None:
    newer = copy.deepcopy(_DOCUMENT)
    newer["paths"]["/invoice"]["post"]["parameters"] = []
    del newer["components"]["schemas"]["Order"]["properties"]["discountPercentage"]

    found = _complaints(newer, requests[0])

    assert found == ["parameter sendToCustomer is not there", "body.orders.discountPercentage is not there"]
