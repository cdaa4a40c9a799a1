"""Tripletex's front door: routes, authentication, rate window, and the headers of every answer.

Owns the order in which a request is judged. It must not know faults: those stand around it.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bridge.simulator.clock import Clock
from bridge.simulator.exchange import Answer, Json, JsonObject, Request, as_list, as_object, encode
from bridge.simulator.rate import Grant
from bridge.simulator.tripletex import customers, errors, sessions
from bridge.simulator.tripletex.customers import HONEST, ListView
from bridge.simulator.tripletex.errors import JSON_TYPE, TripletexError
from bridge.simulator.tripletex.fields import parse_fields, project
from bridge.simulator.tripletex.invoicing import check_rights, invoicing_answer
from bridge.simulator.tripletex.language import translated
from bridge.simulator.tripletex.listing import list_answer
from bridge.simulator.tripletex.model import COUNTRY, CURRENCY, STUB, WHO_AM_I, Model
from bridge.simulator.tripletex.registers import COUNTRIES, CURRENCIES
from bridge.simulator.tripletex.sessions import Caller
from bridge.simulator.tripletex.state import Company

_SESSION = Model(
    "SessionTokenDTO",
    "token/session",
    ("id", "version", "url", "consumerToken", "employeeToken", "expirationDate", "token", "encryptionKey"),
    {"consumerToken": STUB, "employeeToken": STUB},
)


@dataclass(slots=True)
class Tripletex:
    """All simulated companies behind one host."""

    clock: Clock
    companies: dict[int, Company] = field(default_factory=dict)

    def company_of(self, request: Request) -> Company | None:
        """The company a request is about, by its session or, when creating one, by its employee token."""
        caller = sessions.find_caller(self.companies, request.headers.get("authorization"))
        if caller is not None:
            return caller.company
        return self._company_by_employee_token(request)

    def _company_by_employee_token(self, request: Request) -> Company | None:
        if not request.path.startswith("/token/session/:create"):
            return None
        try:
            token = as_object(request.json()).get("employeeToken") if request.body else None
        except ValueError:
            return None
        token = token or request.param("employeeToken")
        for company in self.companies.values():
            if company.settings.employee_token == token:
                return company
        return None

    def numbers_of(self, request: Request) -> frozenset[int]:
        """The customer numbers a request names in its path, its query or its body."""
        found: set[int] = set()
        company = self.company_of(request)
        last = request.path.rsplit("/", 1)[-1]
        if company is not None and request.path.startswith("/customer/") and last.isdigit():
            customer = company.customers.get(int(last))
            found.update([customer.number] if customer is not None else [])
        listed = request.param("customerAccountNumber") or ""
        found.update(int(part) for part in listed.split(",") if part.strip().isdigit())
        try:
            number = as_object(request.json()).get("customerNumber") if request.body else None
        except ValueError:
            number = None
        return frozenset(found | ({number} if isinstance(number, int) else set()))

    def invoice_numbers_of(self, request: Request) -> frozenset[int]:
        """The invoice numbers a request names in its path, its query or its body; of a list, all of them."""
        found = {request.param("invoiceNumber")}
        company = self.company_of(request)
        last = request.path.rsplit("/", 1)[-1]
        if company is not None and request.path.startswith("/invoice/") and last.isdigit():
            invoice = company.books.invoices.get(int(last))
            found.add(str(invoice.number) if invoice is not None else None)
        try:
            body = request.json() if request.body and request.path.startswith("/invoice") else None
        except ValueError:
            body = None
        found.update(str(as_object(row).get("invoiceNumber")) for row in as_list(body) or [body])
        return frozenset(int(text) for text in found if text is not None and text.isascii() and text.isdigit())

    def handle(self, request: Request, view: ListView = HONEST) -> Answer:
        """The answer, with its effect done."""
        headers: dict[str, str] = {"x-tlx-request-id": str(uuid.uuid4()), "Cache-Control": "no-store"}
        try:
            answer = self._route(request, view, headers)
        except TripletexError as refusal:
            company = self.company_of(request)
            language = "no" if company is None else company.settings.language
            answer = translated(refusal, language).answer()
        return answer.with_headers(headers)

    def _route(self, request: Request, view: ListView, headers: dict[str, str]) -> Answer:
        if request.path == "/token/session/:create":
            return self._create_session(request, headers)
        if request.path.startswith("/token/session/") and request.method == "DELETE":
            token = request.path.removeprefix("/token/session/").replace("%2F", "/")
            return self._delete_session(token)
        caller = sessions.authenticate(self.companies, request.headers.get("authorization"), self.clock)
        self._count(caller.company, caller.session.employee_token, headers)
        check_rights(caller.company, request)
        if request.path == "/token/session/>whoAmI":
            _only(request, "GET")
            selection = parse_fields(request.param("fields"), WHO_AM_I)
            return _value(200, project(sessions.who_am_i(caller), WHO_AM_I, selection, _url_base(request)))
        if request.path in ("/country", "/currency"):
            return _register(request, caller)
        if request.path == "/customer" or request.path.startswith("/customer/"):
            return self._customers(request, caller.company, view)
        found = invoicing_answer(
            caller.company, request, url_base=_url_base(request), clock=self.clock, hidden=view.hidden_invoices
        )
        if found is None:
            raise errors.unconvertible_query()
        return found

    def _create_session(self, request: Request, headers: dict[str, str]) -> Answer:
        _only(request, "POST", "PUT")
        company, value = sessions.create_session(self.companies, request, self.clock)
        self._count(company, company.settings.employee_token, headers)
        shown = project(value, _SESSION, parse_fields(None, _SESSION), _url_base(request))
        return _value(201 if request.method == "POST" else 200, shown)

    def _delete_session(self, token: str) -> Answer:
        for company in self.companies.values():
            if company.sessions.pop(token, None) is not None:
                return Answer(204)
        raise errors.not_found()

    def _count(self, company: Company, employee_token: str, headers: dict[str, str]) -> None:
        """Count the call in its window and set the rate headers; the 429 itself carries no reset."""
        grant = company.window(employee_token).take(limit=company.settings.rate_limit, at=self.clock.epoch())
        headers.update(_rate_headers(grant))
        if not grant.allowed:
            raise errors.rate_limited()

    def rate_headers(self, request: Request) -> dict[str, str]:
        """The rate headers for an answer made outside `handle`, its call counted but never refused."""
        company = self.company_of(request)
        if company is None:
            return {}
        window = company.window(company.settings.employee_token)
        return _rate_headers(window.take(limit=company.settings.rate_limit, at=self.clock.epoch()))

    def _customers(self, request: Request, company: Company, view: ListView) -> Answer:
        base = _url_base(request)
        if request.path == "/customer":
            _only(request, "GET", "POST")
            if request.method == "POST":
                return customers.post_customer(company, request, url_base=base, clock=self.clock)
            return customers.list_customers(company, request, url_base=base, view=view)
        text = request.path.removeprefix("/customer/")
        if not (text.isascii() and text.isdigit()):
            raise errors.not_a_number(text)
        by_method: Mapping[str, Callable[[int], Answer]] = {
            "GET": lambda number: customers.get_customer(company, number, request, url_base=base),
            "PUT": lambda number: customers.put_customer(company, number, request, url_base=base, clock=self.clock),
            "DELETE": lambda number: customers.delete_customer(company, number, clock=self.clock),
        }
        _only(request, *by_method)
        return by_method[request.method](int(text))


def _only(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise errors.wrong_method()


def _url_base(request: Request) -> str:
    return f"{request.host}/tripletex/v2"


def _rate_headers(grant: Grant) -> dict[str, str]:
    headers = {
        "X-Rate-Limit-Limit": str(grant.limit),
        "X-Rate-Limit-Remaining": str(grant.remaining),
    }
    if grant.allowed:
        headers["X-Rate-Limit-Reset"] = str(grant.reset_seconds)
    return headers


def _value(status: int, value: Json) -> Answer:
    return Answer(status, encode({"value": value}), {"Content-Type": JSON_TYPE})


def _register(request: Request, caller: Caller) -> Answer:
    _only(request, "GET")
    register, model, code_field = (
        (COUNTRIES, COUNTRY, "isoAlpha2Code") if request.path == "/country" else (CURRENCIES, CURRENCY, "code")
    )
    code = request.param("code")
    rows: list[JsonObject] = [row for row in register.values() if not code or row[code_field] == code]
    return list_answer(rows, model, request, url_base=_url_base(request), mode=caller.company.settings.full_result_mode)
