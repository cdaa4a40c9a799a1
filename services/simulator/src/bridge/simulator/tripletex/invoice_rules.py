"""What Tripletex refuses about an invoice, in the order in which it is found.

Owns the invoice's rules; those of its order are `order_rules`' affair. It must not know HTTP.
"""

from bridge.simulator.exchange import JsonObject, as_list, as_object
from bridge.simulator.tripletex import errors
from bridge.simulator.tripletex.errors import Message
from bridge.simulator.tripletex.order_rules import (
    BAD_REFERENCE,
    IN_INVOICE,
    NULL,
    SET_ON_NEW,
    broken_rules,
    duplicate,
    missing_values,
    reference,
)
from bridge.simulator.tripletex.state import Company

_NO_BANK_ACCOUNT = "Faktura kan ikke opprettes før selskapet har registrert et bankkontonummer."
_MAX_KID = 25


def check_invoice(company: Company, values: JsonObject, *, mail: bool) -> None:
    """Refuse what cannot be charged; nothing is stored and no number burnt.

    First the null checks, then the bank account by itself, then every other rule in one body.

    Raises:
        TripletexError: 422/18000.
    """
    missing = _missing(values)
    if missing:
        raise errors.validation(tuple(missing), business_rule=False)
    if not company.books.bank_account:
        raise errors.validation((Message(None, _NO_BANK_ACCOUNT),))
    broken = _broken(company, values, mail=mail)
    if broken:
        raise errors.validation(tuple(broken))


def _missing(values: JsonObject) -> list[Message]:
    names = [name for name in ("invoiceDate", "invoiceDueDate", "orders") if values.get(name) is None]
    found = [Message(name, NULL, path=f"null.{name}") for name in names]
    orders = as_list(values.get("orders"))
    if values.get("orders") == []:
        found.append(Message("orders", "Listen kan ikke være tom."))
    if orders and reference(orders[0]) is None:
        found += missing_values(as_object(orders[0]), IN_INVOICE)
    return found


def _broken(company: Company, values: JsonObject, *, mail: bool) -> list[Message]:
    found = [Message(name, SET_ON_NEW) for name in ("id", "version") if values.get(name)]
    orders = as_list(values["orders"])
    if len(orders) > 1:
        return [Message("orders", "Bare én ordre støttes.")]
    if len(str(values.get("kid") or "")) > _MAX_KID:
        found.append(Message("kid", f"Kan ikke være lengre enn {_MAX_KID} tegn."))
    # No answer of Tripletex to a closed period is published: the field and the text are this simulator's choice.
    if str(values["invoiceDate"])[:7] in company.books.closed_months:
        found.append(Message("invoiceDate", "Regnskapsperioden er lukket."))
    found += _number(company, values)
    order = as_object(orders[0])
    existing = reference(order)
    found += broken_rules(company, order, IN_INVOICE) if existing is None else _existing_order(company, existing)
    return found or _send_method(company, order, mail=mail)


def _number(company: Company, values: JsonObject) -> list[Message]:
    """A number in use; the counter's own next one can be in use too and then fails like any other."""
    number = values.get("invoiceNumber")
    if isinstance(number, int) and number < 0:
        return [Message("invoiceNumber", "Må være større enn eller lik 0.")]
    wanted = number if isinstance(number, int) and number > 0 else company.books.next_invoice_number
    rules = company.settings.rules
    if rules.unique_invoice_numbers and company.books.invoices_numbered(wanted):
        return duplicate(rules.duplicate_form, "invoiceNumber", "Fakturanummeret er i bruk.")
    return []


def _existing_order(company: Company, order_id: int) -> list[Message]:
    order = company.books.orders.get(order_id)
    if order is None:
        return [Message("orders.id", BAD_REFERENCE)]
    return [Message(None, "Ordren er lukket og kan ikke faktureres.")] if order.closed else []


def _send_method(company: Company, order: JsonObject, *, mail: bool) -> list[Message]:
    """EHF and eFaktura for a customer in no such register: refused when sending, by a switch without it too."""
    existing = company.books.orders.get(reference(order) or 0)
    customer = as_object(existing.content["customer"]) if existing is not None else order.get("customer")
    known = company.customers.get(reference(customer) or 0)
    method = known.content.get("invoiceSendMethod") if known is not None else None
    if not (mail or company.settings.rules.ehf_refusal):
        return []
    if method == "EHF":
        return [Message(None, "Kunden kan ikke motta EHF-dokumenter.")]
    if method == "EFAKTURA":
        link = f'<a href="/execute/customerMenu?customerId={reference(customer)}">Go to customer</a>'
        return [Message(None, f"The customer cannot receive eFaktura. {link}")]
    return []
