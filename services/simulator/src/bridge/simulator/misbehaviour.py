"""What each kind of fault does to a list, to an answer, or instead of an answer.

Owns the wrongness itself, in the shapes that were recorded where there are any. When a fault acts is
decided in `faults`, and how a connection dies in `gateway`.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from bridge.simulator.exchange import Answer, Json, JsonObject, NotJsonError, Request, as_list, as_object, encode
from bridge.simulator.faults import Fault, Kind, Plan, System, Then, number_param
from bridge.simulator.oc2.api import Refusals
from bridge.simulator.oc2.batch_api import BatchView, batch_number_of
from bridge.simulator.oc2.problem import Problem
from bridge.simulator.oc2.rules import FieldError
from bridge.simulator.oc2.state import Tenant
from bridge.simulator.tripletex.customers import ListView
from bridge.simulator.tripletex.errors import Message, TripletexError, rate_limited, validation
from bridge.simulator.tripletex.hand import delete_numbers, write_customers
from bridge.simulator.tripletex.state import Company, Customer

PSEUDO_JSON = b'{\n  "code": 500,\n  "page": https://api-test.tripletex.tech/error\n}'
HTML_PAGE = (
    '<!DOCTYPE html>\n<html>\n<head>\n    <meta http-equiv="X-UA-Compatible" content="IE=10"/>\n'
    '    <title>Feilsituasjon - Tripletex</title>\n    <meta name="description" content="Feilsituasjon"/>\n'
    "</head>\n<body><h1>Det har oppstått en feil</h1></body>\n</html>\n"
).encode()
_NULLED = (
    "email",
    "phoneNumber",
    "organizationNumber",
    "invoicesDueIn",
    "invoicesDueInType",
    "postalAddress",
    "currency",
)


def replacement(fault: Fault, system: System) -> Answer:
    """The answer of a fault that has no effect."""
    match fault.kind:
        case Kind.HTML500:
            return Answer(500, HTML_PAGE, {"Content-Type": "text/html; charset=utf-8"})
        case Kind.PSEUDO_JSON500:
            return Answer(500, PSEUDO_JSON, {"Content-Type": "application/json"})
        case Kind.RATE_LIMITED:
            return _rate_limited(fault, system)
        case _:
            return _status(fault, system)


def told(fault: Fault, then: Then, system: System) -> Answer:
    """What hides an effect that has been: a refusal or a failure, with the given body if there is one."""
    match then:
        case Then.HTML500:
            return Answer(500, HTML_PAGE, {"Content-Type": "text/html; charset=utf-8"})
        case Then.PSEUDO_JSON500:
            return Answer(500, PSEUDO_JSON, {"Content-Type": "application/json"})
        case Then.STATUS_422 if fault.params.get("body") is None and system is System.TRIPLETEX:
            return validation((Message(None, "Det har oppstått en uventet feil."),)).answer()
        case _:
            return _status(fault, system, status=int(then))


def parts_done(plan: Plan, request: Request) -> list[Request]:
    """What a POST of invoices does before it fails: `invoices` of them, then the orders of `orders` more.

    Without these parameters: no invoice, and the order of each. An order that was there already is left alone.
    """
    if request.method != "POST" or request.path not in ("/invoice", "/invoice/list"):
        return []
    try:
        body = request.json()
    except NotJsonError:
        return [request]
    rows = [as_object(row) for row in as_list(body)] or [as_object(body)]
    params = plan.of(Kind.ORDER_LEFT)[0].params
    invoices = int(number_param(params, "invoices", 0))
    orders = int(number_param(params, "orders", len(rows)))
    parts = [replace(request, path="/invoice/list", body=encode([*rows[:invoices]]))] if invoices else []
    for row in rows[invoices : invoices + orders]:
        order = as_object((as_list(row.get("orders")) or [None])[0])
        if not order.get("id"):
            parts.append(replace(request, path="/order", query={}, body=encode(order)))
    return parts


def _rate_limited(fault: Fault, system: System) -> Answer:
    if system is System.TRIPLETEX:
        return rate_limited().answer().with_headers({"X-Rate-Limit-Remaining": "0"})
    after = fault.params.get("retryAfter")
    headers = {} if after is None else {"Retry-After": str(after)}
    return Problem(429, "Too Many Requests", headers=headers).answer()


def _status(fault: Fault, system: System, *, status: int | None = None) -> Answer:
    status = int(number_param(fault.params, "status", 500)) if status is None else status
    body = fault.params.get("body")
    headers = {name: str(value) for name, value in as_object(fault.params.get("headers")).items()}
    if body is None:
        return _plain_error(status, system).with_headers(headers)
    raw = body.encode() if isinstance(body, str) else encode(body)
    content_type = fault.params.get("contentType")
    return Answer(
        status,
        raw,
        {"Content-Type": content_type if isinstance(content_type, str) else "application/json", **headers},
    )


def _plain_error(status: int, system: System) -> Answer:
    if system is System.OC2:
        return Problem(status, "Simulated failure").answer()
    return TripletexError(status, 1002 if status >= 500 else 1000, None).answer()


def list_view(plan: Plan) -> ListView:
    """The list that the acting faults let a caller see."""
    view = ListView()
    for fault in plan.of(Kind.STALE_PAGE, Kind.MISSING_ROWS, Kind.PAGE_SHIFT):
        if fault.kind is Kind.STALE_PAGE:
            view = replace(view, rows=_stale_rows(fault))
        elif fault.kind is Kind.MISSING_ROWS:
            view = replace(
                view,
                hidden_ids=view.hidden_ids | _integers(fault, "ids"),
                hidden_numbers=view.hidden_numbers | _integers(fault, "numbers"),
                hidden_invoices=view.hidden_invoices | _integers(fault, "invoiceNumbers"),
            )
        else:
            view = replace(view, shift=view.shift + _shift(fault))
    return view


def _shift(fault: Fault) -> int:
    rows = fault.params.get("rows")
    return rows if isinstance(rows, int) else 0


def batch_view(plan: Plan) -> BatchView:
    """The batches and invoices that the acting faults let a caller of OC2 see."""
    missing, shifts = plan.of(Kind.MISSING_ROWS), plan.of(Kind.PAGE_SHIFT)
    return BatchView(
        hidden_batches=frozenset[int]().union(*(_integers(fault, "batchNumbers") for fault in missing)),
        hidden_invoices=frozenset[int]().union(*(_integers(fault, "invoiceNumbers") for fault in missing)),
        shift=sum(_shift(fault) for fault in shifts),
    )


def move_batch_rows(plan: Plan, tenant: Tenant, request: Request, *, at: float) -> None:
    """Really take back, insert and edit invoices of the batch being read, between two of its pages."""
    batch = tenant.batches.by_number.get(batch_number_of(request) or 0)
    for fault in plan.of(Kind.PAGE_SHIFT):
        rows = as_object(fault.params.get("rows"))
        if batch is None or not rows:
            continue
        before = batch.shown()
        batch.take_back([item for item in as_list(rows.get("delete")) if isinstance(item, int)])
        for row in [*as_list(rows.get("insert")), *as_list(rows.get("edit"))]:
            batch.put(row)
        batch.changed_at = at
        tenant.batches.remember(batch, before, at=at)


def _stale_rows(fault: Fault) -> Callable[[Company], Mapping[int, Customer]]:
    numbers = _integers(fault, "numbers")
    if numbers:
        return lambda company: company.before_last_edit(numbers)
    changes_ago = int(number_param(fault.params, "changes", 1))
    return lambda company: company.as_of(changes_ago=changes_ago)


def _integers(fault: Fault, name: str) -> frozenset[int]:
    return frozenset(item for item in as_list(fault.params.get(name)) if isinstance(item, int))


def move_rows(plan: Plan, company: Company, *, now: datetime) -> None:
    """Really delete, insert and edit the rows of the acting page shifts, between two pages of one read."""
    for fault in plan.of(Kind.PAGE_SHIFT):
        rows = as_object(fault.params.get("rows"))
        deleted = frozenset(item for item in as_list(rows.get("delete")) if isinstance(item, int))
        delete_numbers(company, deleted, at=now.timestamp())
        for name in ("insert", "edit"):
            write_customers(company, [as_object(row) for row in as_list(rows.get(name))], now=now)


def refusals(plan: Plan) -> Refusals:
    """The field errors that OC2 raises for given customers: `errors` is {number: [{field, message}]}."""
    found: dict[int, list[FieldError]] = {}
    for fault in plan.of(Kind.BULK_PARTIAL):
        for number, messages in as_object(fault.params.get("errors")).items():
            found[int(number)] = [
                FieldError(str(as_object(item).get("field")), str(as_object(item).get("message")))
                for item in as_list(messages)
            ]
    return found


def spoil(plan: Plan, answer: Answer) -> Answer:
    """The answer with the acting lies in it; answers without a JSON body stay as they are."""
    for fault in plan.faults:
        match fault.kind:
            case Kind.NULL_FIELDS | Kind.EXTRA_FIELDS:
                answer = _spoil_rows(fault, answer)
            case Kind.CHARSET_LATIN1:
                answer = answer.replace_body(_latin1(answer.body), content_type="application/json; charset=ISO-8859-1")
            case Kind.INVALID_UTF8:
                answer = answer.replace_body(_invalid(answer.body), content_type="application/json")
            case Kind.MALFORMED_2XX:
                answer = answer.replace_body(answer.body[: len(answer.body) * 2 // 3] or b"{")
            case _:
                pass
    return answer


def _latin1(body: bytes) -> bytes:
    def escape(found: re.Match[str]) -> str:
        return json.dumps(found.group())[1:-1]

    return re.sub(r"[^\x00-\xff]", escape, body.decode()).encode("latin-1")


def _invalid(body: bytes) -> bytes:
    """A byte that is no UTF-8 in the first text value, preferably a name."""
    place = body.find(b'"name":"')
    cut = place + len(b'"name":"') if place >= 0 else body.find(b'"') + 1
    return body[:cut] + b"\xff" + body[cut:]


def _spoil_rows(fault: Fault, answer: Answer) -> Answer:
    try:
        document = answer.json()
    except ValueError:
        return answer
    if not isinstance(document, dict) or answer.status >= 400:
        return answer
    change = _null if fault.kind is Kind.NULL_FIELDS else _extend
    for row in _rows_of(document):
        change(fault, row)
    if fault.kind is Kind.EXTRA_FIELDS:
        _extend(fault, document)
    return answer.replace_body(encode(document))


def _rows_of(document: JsonObject) -> list[JsonObject]:
    rows = [*as_list(document.get("values")), document.get("value")]
    return [row for row in rows if isinstance(row, dict)]


def _null(fault: Fault, row: JsonObject) -> None:
    numbers = _integers(fault, "numbers")
    if numbers and row.get("customerNumber") not in numbers:
        return
    names = [str(name) for name in as_list(fault.params.get("fields"))] or list(_NULLED)
    for name in names:
        outer, _, inner = name.partition(".")
        if not inner:
            if outer in row:
                row[outer] = None
        else:
            row[outer] = {**as_object(row.get(outer)), inner: None}


def _extend(fault: Fault, row: JsonObject) -> None:
    given = as_object(fault.params.get("fields"))
    count = int(number_param(fault.params, "count", 0 if given else 30))
    invented: dict[str, Json] = {f"futureField{n}": {"a": [n, None]} for n in range(1, count + 1)}
    row.update({**invented, **given})
