"""OC2's front door: API key, rate window, customers one by one and in lists, payment terms.

Owns the routes of the contract document and RFC 9457 problems. OC2 keeps no versions: the last write wins,
so nothing here protects anybody from an older one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.simulator.clock import Clock
from bridge.simulator.exchange import Answer, Json, JsonObject, NotJsonError, Request, as_object, encode
from bridge.simulator.oc2.rules import FieldError, customer_errors, term_errors
from bridge.simulator.oc2.state import Outcome, Tenant

MAX_BULK = 200
Refusals = Mapping[int, Sequence[FieldError]]


class Problem(Exception):  # noqa: N818 - the contract's own word
    """A refusal; the dispatcher turns it into a problem document."""

    def __init__(
        self,
        status: int,
        title: str,
        *,
        detail: str | None = None,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {title}")
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}

    def answer(self) -> Answer:
        """The problem document."""
        document: JsonObject = {"type": "about:blank", "title": self.title, "status": self.status}
        if self.detail is not None:
            document["detail"] = self.detail
        if self.errors:
            document["errors"] = [error.as_json() for error in self.errors]
        return Answer(self.status, encode(document), {"Content-Type": "application/problem+json", **self.headers})


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

    def handle(self, tenant_name: str, request: Request, refusals: Refusals | None = None) -> Answer:
        """The answer, with its effect done.

        Args:
            refusals: Field errors that OC2 raises for given customer numbers, besides its own rules.
        """
        try:
            return self._route(self._admit(tenant_name, request), request, refusals or {})
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

    def _route(self, tenant: Tenant, request: Request, refusals: Refusals) -> Answer:
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
            raise Problem(404, "Not Found")
        methods = routes[request.path]
        if request.method not in methods:
            raise Problem(405, "Method Not Allowed", headers={"Allow": ", ".join(sorted(methods))})
        return methods[request.method]()


def list_terms(tenant: Tenant, request: Request) -> Answer:
    """GET /v1/payment-terms: all, or those with that number of days."""
    days = _integer(request, "days", minimum=0, maximum=365)
    rows = [term for term in tenant.terms if days is None or term.days == days]
    return _json(200, {"values": [term.as_json() for term in sorted(rows, key=lambda term: term.id)]})


def create_term(tenant: Tenant, request: Request, *, at: float) -> Answer:
    """POST /v1/payment-terms: 201, or 409 with the term that already has that number of days."""
    body = _body(request)
    found = term_errors(body)
    if found:
        raise Problem(422, "Unprocessable Content", errors=found)
    values = as_object(body)
    name, days = values["name"], values["days"]
    if not isinstance(name, str) or not isinstance(days, int):
        raise Problem(422, "Unprocessable Content")
    existing = tenant.term_by_days(days)
    if existing is not None:
        return _json(409, existing.as_json())
    tenant.term_creates += 1
    return _json(201, tenant.add_term(name, days, at=at).as_json())


def list_customers(tenant: Tenant, request: Request) -> Answer:
    """GET /v1/customers: in ascending number; the last page is shorter than the limit."""
    after = _integer(request, "afterNumber", minimum=0) or 0
    limit = _integer(request, "limit", minimum=1, maximum=500) or 200
    numbers = sorted(number for number in tenant.customers if number > after)[:limit]
    return _json(200, {"values": [tenant.customers[number] for number in numbers]})


def get_customer(tenant: Tenant, number: int) -> Answer:
    """GET /v1/customers/{customerNumber}."""
    if number not in tenant.customers:
        raise Problem(404, "Not Found", detail=f"No customer has number {number}")
    return _json(200, tenant.customers[number])


def put_customer(tenant: Tenant, number: int, request: Request, refusals: Refusals, *, at: float) -> Answer:
    """PUT /v1/customers/{customerNumber}: 201 created, 200 replaced or as it was."""
    body = _body(request)
    found = _errors_of(tenant, body, refusals)
    if as_object(body).get("customerNumber") != number and not found:
        found = [FieldError("customerNumber", f"must be {number}, as in the path")]
    if found:
        raise Problem(422, "Unprocessable Content", errors=found)
    content = as_object(body)
    outcome = tenant.put(number, content, at=at, how="put")
    return _json(201 if outcome is Outcome.CREATED else 200, content)


def put_bulk(tenant: Tenant, request: Request, refusals: Refusals, *, at: float) -> Answer:
    """POST /v1/customers/bulk: up to 200, each on its own, one result each in the order sent."""
    body = as_object(_body(request))
    rows = body.get("customers")
    if set(body) != {"customers"} or not isinstance(rows, list) or not 1 <= len(rows) <= MAX_BULK:
        error = FieldError("customers", f"must be a list of 1 to {MAX_BULK} customers and nothing else")
        raise Problem(422, "Unprocessable Content", errors=[error])
    broken = [index for index, row in enumerate(rows) if _number_of(row) is None]
    if broken:
        found = [FieldError(f"customers[{index}].customerNumber", "is required") for index in broken]
        raise Problem(422, "Unprocessable Content", errors=found)
    results: list[Json] = [_put_one(tenant, as_object(row), refusals, at=at) for row in rows]
    return _json(200, {"results": results})


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


def _body(request: Request) -> Json:
    try:
        return request.json()
    except NotJsonError as cause:
        raise Problem(422, "Unprocessable Content", detail="The body is not JSON") from cause


def _integer(request: Request, name: str, *, minimum: int, maximum: int | None = None) -> int | None:
    text = request.param(name)
    if text is None:
        return None
    digits = text.removeprefix("-")
    value = int(text) if digits.isascii() and digits.isdigit() else None
    if value is None or value < minimum or (maximum is not None and value > maximum):
        error = FieldError(name, f"must be an integer from {minimum}" + (f" to {maximum}" if maximum else ""))
        raise Problem(422, "Unprocessable Content", errors=[error])
    return value


def _json(status: int, document: Json) -> Answer:
    return Answer(status, encode(document), {"Content-Type": "application/json"})
