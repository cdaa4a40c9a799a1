"""A simulator served over real HTTP inside the test's own loop."""

import base64
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bridge.simulator.contract import Checker, Document, load_documents
from bridge.simulator.exchange import Json, JsonObject, as_list, as_object, encode
from bridge.simulator.main import build_app
from bridge.simulator.world import World

DOCUMENTS = Path(__file__).parents[1] / "documents"
COMPANY = 501
TENANT = "nord"
WIDE = {"invoiceDateFrom": "2000-01-01", "invoiceDateTo": "2100-01-01"}
LINE: JsonObject = {
    "description": "Frakt pall",
    "unitPriceExcludingVatCurrency": 1000,
    "count": 1,
    "vatType": {"id": 3},
}


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, read to the end."""

    status: int
    headers: Mapping[str, str]
    json: Json

    @property
    def object(self) -> JsonObject:
        """The body, which is an object."""
        return as_object(self.json)

    @property
    def values(self) -> list[JsonObject]:
        """The rows of a list answer."""
        return [as_object(row) for row in as_list(self.object.get("values"))]

    @property
    def value(self) -> JsonObject:
        """The object of a single answer."""
        return as_object(self.object.get("value"))

    @property
    def error(self) -> tuple[int, Json]:
        """Status and code of a refusal by Tripletex."""
        return self.status, self.object.get("code")

    @property
    def messages(self) -> list[tuple[Json, Json]]:
        """Field and path of each validation message of a refusal by Tripletex."""
        rows = [as_object(row) for row in as_list(self.object.get("validationMessages"))]
        return [(row["field"], row["path"]) for row in rows]


@dataclass(slots=True)
class Simulator:
    """Both systems with one company and one tenant, and shortcuts to call them."""

    http: TestClient[web.Request, web.Application]
    world: World
    headers: dict[str, str] = field(default_factory=dict)

    async def call(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Any request; the body goes out as JSON."""
        raw = None if body is None else encode(body)
        sent = {"Content-Type": "application/json", **(headers or {})} if raw is not None else headers
        async with self.http.request(method, path, params=params, headers=sent, data=raw) as answer:
            is_json = "json" in answer.content_type and answer.status not in (204, 304)
            return Reply(answer.status, answer.headers, await answer.json() if is_json else None)

    async def admin(self, method: str, path: str, body: Json = None) -> Json:
        """An admin call that must succeed."""
        reply = await self.call(method, f"/admin{path}", body)
        assert reply.status == 200, reply.json
        return reply.json

    async def company(self, **settings: Json) -> None:
        """Create the company or change its settings."""
        body: JsonObject = {"name": "Nordfjord Is AS", "consumerToken": "c", "employeeToken": "e", **settings}
        await self.admin("PUT", f"/tripletex/companies/{COMPANY}", body)

    async def customers(self, *rows: Mapping[str, Json]) -> list[JsonObject]:
        """Write customers by hand."""
        written = await self.admin("POST", f"/tripletex/companies/{COMPANY}/customers", [dict(row) for row in rows])
        return [as_object(row) for row in as_list(written)]

    async def books(self, method: str, path: str, body: Json = None) -> Json:
        """An admin call about the company's books."""
        return await self.admin(method, f"/tripletex/companies/{COMPANY}/{path}", body)

    async def fault(self, name: str, system: str, kind: str, **rule: Json) -> None:
        """Switch a misbehaviour on."""
        await self.admin("POST", "/faults", {"name": name, "system": system, "kind": kind, **rule})

    async def hits(self, name: str) -> int:
        """How often a misbehaviour has acted."""
        return next(fault.hits for fault in self.world.faults.by_name.values() if fault.name == name)

    def session_body(self, *, days: int) -> JsonObject:
        """The body that creates a session ending in `days` days."""
        expires = self.world.clock.oslo_date() + timedelta(days=days)
        return {"consumerToken": "c", "employeeToken": "e", "expirationDate": expires.isoformat()}

    async def create_session(self, changed: Mapping[str, Json] | None = None, *, days: int = 2) -> Reply:
        """POST /token/session/:create."""
        body = {**self.session_body(days=days), **(changed or {})}
        return await self.call("POST", "/tripletex/v2/token/session/:create", body)

    async def sign_in(self, *, days: int = 2) -> str:
        """Create a session and use it from now on; returns its token."""
        reply = await self.create_session(days=days)
        token = str(reply.value["token"])
        self.use(token)
        return token

    def use(self, token: str, *, user: str = "0") -> None:
        """Use this session token from now on."""
        self.headers = {"Authorization": "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()}

    async def tripletex(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        params: Mapping[str, str] | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> Reply:
        """A call to Tripletex in the session."""
        headers = {**self.headers, **(extra or {})}
        return await self.call(method, f"/tripletex/v2{path}", body, params=params, headers=headers)

    async def oc2(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        key: str = "k",
        params: Mapping[str, str] | None = None,
    ) -> Reply:
        """A call to the tenant's OC2."""
        url = f"/oc2/{TENANT}/api/v1{path}"
        return await self.call(method, url, body, params=params, headers={"X-Api-Key": key})


@dataclass(slots=True)
class Shop:
    """A company with one customer, and the bodies to invoice it."""

    simulator: Simulator
    customer_id: Json

    def body(self, invoice_number: int | None = 10302, /, *lines: JsonObject, **order: Json) -> JsonObject:
        """The body of a POST /invoice with an embedded order."""
        embedded: Json = self.order(*lines, **order)
        body: JsonObject = {"invoiceDate": "2026-11-10", "invoiceDueDate": "2026-11-24", "orders": [embedded]}
        return body if invoice_number is None else {**body, "invoiceNumber": invoice_number}

    def order(self, *lines: JsonObject, **changed: Json) -> JsonObject:
        """The body of a POST /order; one line unless others are given."""
        return {
            "customer": {"id": self.customer_id},
            "orderDate": "2026-11-03",
            "deliveryDate": "2026-11-05",
            "isPrioritizeAmountsIncludingVat": False,
            "orderLines": [*(lines or (LINE,))],
            **changed,
        }

    async def post(self, body: JsonObject, *, mail: str | None = "false") -> Reply:
        """POST /invoice."""
        params = {} if mail is None else {"sendToCustomer": mail}
        return await self.simulator.tripletex("POST", "/invoice", body, params=params)

    async def rules(self, **rules: Json) -> None:
        """Change some of the company's switches."""
        await self.simulator.books("PATCH", "rules", rules)

    async def stored(self) -> list[JsonObject]:
        """Every invoice that was stored, in order."""
        return [as_object(row) for row in as_list(as_object(await self.simulator.books("GET", "invoices"))["invoices"])]

    async def orders(self) -> list[JsonObject]:
        """Every order that was stored, in order."""
        return [as_object(row) for row in as_list(await self.simulator.books("GET", "orders"))]

    async def found(self, **params: str) -> list[Json]:
        """The numbers of one invoice list."""
        reply = await self.simulator.tripletex("GET", "/invoice", params={**WIDE, **params})
        assert reply.status == 200, reply.json
        return [row["invoiceNumber"] for row in reply.values]


@pytest.fixture(scope="session")
def documents() -> dict[str, Document]:
    """The two OpenAPI documents."""
    return load_documents(DOCUMENTS)


@pytest.fixture
async def simulator(documents: dict[str, Document]) -> AsyncIterator[Simulator]:
    """A fresh simulator with one company, signed in, and one OC2 tenant."""
    world = World(checker=Checker(documents))
    async with TestClient(TestServer(build_app(world))) as http:
        simulator = Simulator(http, world)
        await simulator.company()
        await simulator.admin("PUT", f"/oc2/tenants/{TENANT}", {"apiKey": "k"})
        await simulator.sign_in()
        yield simulator


@pytest.fixture
async def shop(simulator: Simulator) -> Shop:
    """A company with one customer."""
    written = await simulator.customers({"name": "Ærlig Sjømat AS", "customerNumber": 10002, "discountPercentage": 10})
    return Shop(simulator, written[0]["id"])
