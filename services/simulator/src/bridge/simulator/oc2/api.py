"""OC2's front door: API key, rate window, customers one by one and in lists, payment terms.

Owns the routes of the contract document but for batches. OC2 keeps no versions: the last write wins,
so nothing here protects anybody from an older one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.simulator.clock import Clock
from bridge.simulator.exchange import Answer, Json, JsonObject, NotJsonError, Request, as_list, as_object
from bridge.simulator.oc2.batch_api import HONEST, BatchView, batch_answer
from bridge.simulator.oc2.problem import Problem, body_of, integer_param, json_answer
from bridge.simulator.oc2.rules import FieldError, customer_errors, term_errors
from bridge.simulator.oc2.state import Outcome, Tenant

MAX_BULK = 200
Refusals = Mapping[int, Sequence[FieldError]]


@dataclass(slots=True)
class Oc2:
    """All tenants' OC2 installations behind one host; a path begins with the tenant's name."""

    clock: Clock
    tenants: dict[str, Tenant] = field(default_factory=dict)

    def numbers_of(self, request: Request) -> frozenset[int]:
        """The customer numbers a request names in its path or body; of a list, all of them."""
        found: set[int] = set()
        last = request.path.rsplit("/", 1)[-1]
        if request.path.startswith("/v1/customers/") and last.isdigit():
            found.add(int(last))
        try:
            body = as_object(request.json()) if request.body else {}
        except NotJsonError:
            body = {}
        listed = body.get("customers")
        for item in [body, *(listed if isinstance(listed, list) else [])]:
            number = as_object(item).get("customerNumber")
            if isinstance(number, int):
                found.add(number)
        return frozenset(found)

    def invoice_numbers_of(self, request: Request) -> frozenset[int]:
        """The invoice numbers that the receipts in a body name."""
        try:
            body = as_object(request.json()) if request.body else {}
        except NotJsonError:
            return frozenset()
        numbers = [as_object(row).get("invoiceNumber") for row in as_list(body.get("receipts"))]
        return frozenset(number for number in numbers if isinstance(number, int))

    def handle(
        self,
        tenant_name: str,
        request: Request,
        refusals: Refusals | None = None,
        view: BatchView = HONEST,
    ) -> Answer:
        """The answer, with its effect done.

        Args:
            refusals: Field errors that OC2 raises for given customer numbers, besides its own rules.
            view: What lists of batches and of their invoices show instead of the truth.
        """
        try:
            return self._route(self._admit(tenant_name, request), request, refusals or {}, view)
        except Problem as problem:
            return problem.answer()

    def _admit(self, tenant_name: str, request: Request) -> Tenant:
        tenant = self.tenants.get(tenant_name)
        if tenant is None:
            raise Problem(404, "Not Found", detail=f"No OC2 installation is called {tenant_name}")
        if request.headers.get("x-api-key") != tenant.api_key:
            raise Problem(401, "Unauthorized", detail="The API key is missing or wrong")
        grant = tenant.window.take(limit=tenant.rate_limit, at=self.clock.epoch())
        if not grant.allowed:
            seconds = str(max(1, grant.reset_seconds))
            raise Problem(429, "Too Many Requests", headers={"Retry-After": seconds})
        return tenant

    def _route(self, tenant: Tenant, request: Request, refusals: Refusals, view: BatchView) -> Answer:
        routes: dict[str, dict[str, Callable[[], Answer]]] = {
            "/v1/payment-terms": {
                "GET": lambda: list_terms(tenant, request),
                "POST": lambda: create_term(tenant, request, at=self.clock.epoch()),
            },
            "/v1/customers": {"GET": lambda: list_customers(tenant, request)},
            "/v1/customers/bulk": {"POST": lambda: put_bulk(tenant, request, refusals, at=self.clock.epoch())},
        }
        last = request.path.removeprefix("/v1/customers/")
        if request.path.startswith("/v1/customers/") and last.isdigit():
            routes[request.path] = {
                "GET": lambda: get_customer(tenant, int(last)),
                "PUT": lambda: put_customer(tenant, int(last), request, refusals, at=self.clock.epoch()),
            }
        if request.path not in routes:
            return batch_answer(tenant, request, view, at=self.clock.epoch())
        methods = routes[request.path]
        if request.method not in methods:
            raise Problem(405, "Method Not Allowed", headers={"Allow": ", ".join(sorted(methods))})
        return methods[request.method]()


def list_terms(tenant: Tenant, request: Request) -> Answer:
    """GET /v1/payment-terms: all, or those with that number of days."""
    days = integer_param(request, "days", minimum=0, maximum=365)
    rows = [term for term in tenant.terms if days is None or term.days == days]
    return json_answer(200, {"values": [term.as_json() for term in sorted(rows, key=lambda term: term.id)]})


def create_term(tenant: Tenant, request: Request, *, at: float) -> Answer:
    """POST /v1/payment-terms: 201, or 409 with the term that already has that number of days."""
    body = body_of(request)
    found = term_errors(body)
    if found:
        raise Problem(422, "Unprocessable Content", errors=found)
    values = as_object(body)
    name, days = values["name"], values["days"]
    if not isinstance(name, str) or not isinstance(days, int):
        raise Problem(422, "Unprocessable Content")
    existing = tenant.term_by_days(days)
    if existing is not None:
        return json_answer(409, existing.as_json())
    tenant.term_creates += 1
    return json_answer(201, tenant.add_term(name, days, at=at).as_json())


def list_customers(tenant: Tenant, request: Request) -> Answer:
    """GET /v1/customers: in ascending number; the last page is shorter than the limit."""
    after = integer_param(request, "afterNumber", minimum=0) or 0
    limit = integer_param(request, "limit", minimum=1, maximum=500) or 200
    numbers = sorted(number for number in tenant.customers if number > after)[:limit]
    return json_answer(200, {"values": [tenant.customers[number] for number in numbers]})


def get_customer(tenant: Tenant, number: int) -> Answer:
    """GET /v1/customers/{customerNumber}."""
    if number not in tenant.customers:
        raise Problem(404, "Not Found", detail=f"No customer has number {number}")
    return json_answer(200, tenant.customers[number])


def put_customer(tenant: Tenant, number: int, request: Request, refusals: Refusals, *, at: float) -> Answer:
    """PUT /v1/customers/{customerNumber}: 201 created, 200 replaced or as it was."""
    body = body_of(request)
    found = _errors_of(tenant, body, refusals)
    if as_object(body).get("customerNumber") != number and not found:
        found = [FieldError("customerNumber", f"must be {number}, as in the path")]
    if found:
        raise Problem(422, "Unprocessable Content", errors=found)
    content = as_object(body)
    outcome = tenant.put(number, content, at=at, how="put")
    return json_answer(201 if outcome is Outcome.CREATED else 200, content)


def put_bulk(tenant: Tenant, request: Request, refusals: Refusals, *, at: float) -> Answer:
    """POST /v1/customers/bulk: up to 200, each on its own, one result each in the order sent."""
    body = as_object(body_of(request))
    rows = body.get("customers")
    if set(body) != {"customers"} or not isinstance(rows, list) or not 1 <= len(rows) <= MAX_BULK:
        error = FieldError("customers", f"must be a list of 1 to {MAX_BULK} customers and nothing else")
        raise Problem(422, "Unprocessable Content", errors=[error])
    broken = [index for index, row in enumerate(rows) if _number_of(row) is None]
    if broken:
        found = [FieldError(f"customers[{index}].customerNumber", "is required") for index in broken]
        raise Problem(422, "Unprocessable Content", errors=found)
    results: list[Json] = [_put_one(tenant, as_object(row), refusals, at=at) for row in rows]
    return json_answer(200, {"results": results})


def _put_one(tenant: Tenant, content: JsonObject, refusals: Refusals, *, at: float) -> JsonObject:
    number = _number_of(content) or 0
    found = _errors_of(tenant, content, refusals)
    if found:
        return {
            "customerNumber": number,
            "status": "REJECTED",
            "errors": [error.as_json() for error in found],
        }
    return {"customerNumber": number, "status": tenant.put(number, content, at=at, how="bulk").value}


def _number_of(row: Json) -> int | None:
    number = as_object(row).get("customerNumber")
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _errors_of(tenant: Tenant, content: Json, refusals: Refusals) -> list[FieldError]:
    found = customer_errors(content)
    term_id = as_object(content).get("paymentTermId")
    if isinstance(term_id, int) and not tenant.has_term(term_id):
        found.append(FieldError("paymentTermId", f"no payment term has id {term_id}"))
    return [*found, *refusals.get(_number_of(content) or 0, ())]
