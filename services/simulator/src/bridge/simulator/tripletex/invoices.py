"""POST and GET on invoices, and the invoice settings.

Owns the invoice's part of the API. The order behind an invoice stays open, a zero invoice is made without
a word, and an own number does not move Tripletex's counter: traps, all of them seen at the real one.
"""

from dataclasses import replace

from bridge.simulator.clock import Clock
from bridge.simulator.exchange import Answer, JsonObject, Request, as_list, as_object, encode
from bridge.simulator.tripletex import errors
from bridge.simulator.tripletex.amounts import totals
from bridge.simulator.tripletex.bodies import checked, parsed, read_body
from bridge.simulator.tripletex.books import Invoice, Order
from bridge.simulator.tripletex.errors import JSON_TYPE
from bridge.simulator.tripletex.fields import parse_fields, project
from bridge.simulator.tripletex.invoice_graph import invoice_graph, preliminary_graph
from bridge.simulator.tripletex.invoice_model import INVOICE, INVOICE_SETTINGS
from bridge.simulator.tripletex.invoice_rules import check_invoice
from bridge.simulator.tripletex.listing import list_answer
from bridge.simulator.tripletex.order_making import make_order
from bridge.simulator.tripletex.order_rules import reference
from bridge.simulator.tripletex.orders import absent_fields
from bridge.simulator.tripletex.reading_lists import equals, kept, mandatory_range, of_ids
from bridge.simulator.tripletex.state import Company, new_id

_MAX_LIST = 100


def post_invoice(company: Company, request: Request, *, url_base: str, clock: Clock) -> Answer:
    """POST /invoice: one order, new or existing, becomes a charged invoice; a refusal changes nothing."""
    values = read_body(request, INVOICE, absent=absent_fields(company))
    invoice = _charge(company, values, mail=_sends(request), clock=clock)
    shown = project(invoice_graph(invoice), INVOICE, parse_fields(None, INVOICE), url_base)
    return _value(201, shown)


def post_invoices(company: Company, request: Request, *, url_base: str, clock: Clock) -> Answer:
    """POST /invoice/list: up to 100, one after the other.

    Whether the real call is atomic is not published. Here it is not: what stood before the refused one stays.
    """
    rows = parsed(request)
    if not isinstance(rows, list) or len(rows) > _MAX_LIST:
        raise errors.invalid_json()
    bodies = [checked(row, INVOICE, absent=absent_fields(company)) for row in rows]
    made = [_charge(company, values, mail=_sends(request), clock=clock) for values in bodies]
    graphs = [invoice_graph(invoice) for invoice in made]
    answer = list_answer(graphs, INVOICE, request, url_base=url_base, mode=company.settings.full_result_mode)
    return replace(answer, status=201)


def _sends(request: Request) -> bool:
    return request.param("sendToCustomer") != "false"


def _charge(company: Company, values: JsonObject, *, mail: bool, clock: Clock) -> Invoice:
    check_invoice(company, values, mail=mail)
    order = _order(company, as_object(as_list(values["orders"])[0]), clock)
    lines = tuple(line for line in order.lines if not line.charged)
    rules = company.settings.rules
    amounts = [line.amount for line in lines]
    books = company.books
    for line in lines:
        line.charged, line.version = True, line.version + 1
    order.version += 2
    order.preliminary_id = None
    invoice_id = new_id()
    invoice = Invoice(
        seq=len(books.invoices) + 1,
        at=clock.epoch(),
        id=invoice_id,
        number=_number(company, values),
        content=_content(values),
        order=order,
        lines=lines,
        totals=totals(amounts, vat_rounding=rules.vat_rounding, whole_kroner=rules.round_to_kroner),
        mails=int(mail),
    )
    books.add_invoice(invoice)
    return invoice


def _order(company: Company, values: JsonObject, clock: Clock) -> Order:
    existing = reference(values)
    return company.books.orders[existing] if existing is not None else make_order(company, values, at=clock.epoch())


def _number(company: Company, values: JsonObject) -> int:
    """The own number, or the counter's next one; only the latter moves the counter."""
    number = values.get("invoiceNumber")
    if isinstance(number, int) and number > 0:
        return number
    company.books.next_invoice_number += 1
    return company.books.next_invoice_number - 1


def _content(values: JsonObject) -> JsonObject:
    return {
        "invoiceDate": values["invoiceDate"],
        "invoiceDueDate": values["invoiceDueDate"],
        "kid": values.get("kid") or "",
        "comment": values.get("comment") or "",
        "invoiceRemarks": values.get("invoiceRemarks") or "",
        "voucher": {"id": new_id()},
        "postings": [{"id": new_id()}],
        "projectInvoiceDetails": [{"id": new_id()}],
        "documentId": new_id(),
    }


def list_invoices(company: Company, request: Request, *, url_base: str, hidden: frozenset[int] = frozenset()) -> Answer:
    """GET /invoice: charged ones only; the invoice date's range is mandatory; `invoiceNumber` is equals.

    Args:
        hidden: Invoice numbers that are silently absent.
    """
    first_number = (request.param("invoiceNumber") or "").partition(",")[0]
    tests = [
        mandatory_range(request, "invoiceDate"),
        *of_ids(request, "id", "id"),
        *of_ids(request, "customerId", "customer", "id"),
        *of_ids(request, "voucherId", "voucher", "id"),
        *equals(request, "kid"),
    ]
    invoices = [*company.books.invoices.values()]
    if first_number:
        is_number = first_number.isascii() and first_number.isdigit()
        invoices = company.books.invoices_numbered(int(first_number)) if is_number else []
    rows = kept([invoice_graph(invoice) for invoice in invoices if invoice.number not in hidden], tests)
    return list_answer(rows, INVOICE, request, url_base=url_base, mode=company.settings.full_result_mode)


def get_invoice(company: Company, invoice_id: int, request: Request, *, url_base: str) -> Answer:
    """GET /invoice/{id}: the hidden preliminary invoice of an open order too."""
    selection = parse_fields(request.param("fields"), INVOICE)
    invoice = company.books.invoices.get(invoice_id)
    if invoice is not None:
        return _value(200, project(invoice_graph(invoice), INVOICE, selection, url_base))
    order = company.books.order_of_preliminary(invoice_id)
    if order is None:
        raise errors.not_found()
    return _value(200, project(preliminary_graph(company, invoice_id, order), INVOICE, selection, url_base))


def get_settings(company: Company, request: Request, *, url_base: str) -> Answer:
    """GET /invoice/settings: whether the bank account stands; in no document, but seen 116 times."""
    books = company.books
    numbers = [invoice.number for invoice in books.invoices.values()]
    settings: JsonObject = {
        "bankAccountReady": bool(books.bank_account),
        "nextInvoiceNumber": books.next_invoice_number,
        "hasFirstInvoiceNumber": bool(numbers),
        "externalInvoiceNumber": max(numbers, default=0),
    }
    selection = parse_fields(request.param("fields"), INVOICE_SETTINGS)
    return _value(200, project(settings, INVOICE_SETTINGS, selection, url_base))


def _value(status: int, value: JsonObject) -> Answer:
    return Answer(status, encode({"value": value}), {"Content-Type": JSON_TYPE})
