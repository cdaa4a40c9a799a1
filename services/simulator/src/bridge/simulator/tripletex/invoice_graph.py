"""What an invoice looks like when it is shown.

Owns the values of the answer, exchange rates included. It must not know HTTP.
"""

from collections.abc import Mapping
from decimal import Decimal

from bridge.simulator.exchange import Json, JsonObject, as_object
from bridge.simulator.tripletex.amounts import Totals, decimal_of, json_number, rounded, totals
from bridge.simulator.tripletex.books import Invoice, Line, Order
from bridge.simulator.tripletex.order_making import line_graph, order_graph, sorted_lines
from bridge.simulator.tripletex.state import Company

# Kroner for `factor` units. EUR is the recorded rate; the others are this simulator's choice.
_RATES: Mapping[str, Decimal] = {
    "EUR": Decimal("11.2955"),
    "USD": Decimal("10.05"),
    "GBP": Decimal("13.2"),
    "SEK": Decimal("102.4"),
    "DKK": Decimal("151.3"),
}


def invoice_graph(invoice: Invoice) -> JsonObject:
    """A charged invoice with all its objects."""
    charged = {line.id for line in invoice.lines}
    chosen = [line for line in sorted_lines(invoice.order) if line.id in charged]
    return {
        **_common(invoice.order, chosen, invoice.totals),
        **invoice.content,
        "id": invoice.id,
        "version": 3,
        "invoiceNumber": invoice.number,
        "isCharged": True,
    }


def preliminary_graph(company: Company, invoice_id: int, order: Order) -> JsonObject:
    """The hidden invoice of an order that is not invoiced yet: number 0, not charged, no voucher."""
    rules = company.settings.rules
    amounts = [line.amount for line in order.lines]
    sums = totals(amounts, vat_rounding=rules.vat_rounding, whole_kroner=rules.round_to_kroner)
    return {
        **_common(order, sorted_lines(order), sums),
        "id": invoice_id,
        "version": 1,
        "invoiceNumber": 0,
        "invoiceDate": order.content["orderDate"],
        "invoiceDueDate": order.content["orderDate"],
        "kid": "",
        "comment": "",
        "invoiceRemarks": "",
        "isCharged": False,
        "isCreditNote": sums.gross == 0,
        "voucher": None,
        "postings": [],
        "projectInvoiceDetails": [],
        "documentId": 0,
    }


def _common(order: Order, lines: list[Line], sums: Totals) -> JsonObject:
    rows: list[Json] = [line_graph(order, line) for line in lines]
    return {
        **_amounts(sums, as_object(order.content["currency"])),
        "customer": order.content["customer"],
        "creditedInvoice": 0,
        "isCredited": False,
        "invoiceComment": order.content["invoiceComment"],
        "orders": [order_graph(order)],
        "orderLines": rows,
        "travelReports": [],
        "deliveryDate": order.content["deliveryDate"],
        "sumRemits": 0,
        "currency": order.content["currency"],
        "isCreditNote": False,
        "isApproved": False,
        "reminders": [],
        "invoiceRemark": None,
        "isPeriodizationPossible": True,
    }


def _amounts(sums: Totals, currency: JsonObject) -> JsonObject:
    """Each amount in the invoice's currency and, at Tripletex's own rate, in kroner."""
    rate = _RATES.get(str(currency["code"]), Decimal(1)) / decimal_of(currency["factor"])
    shown: JsonObject = {}
    for name, value in (
        ("amount", sums.gross),
        ("amountExcludingVat", sums.net),
        ("amountRoundoff", sums.roundoff),
    ):
        shown[name] = json_number(rounded(value * rate))
        shown[f"{name}Currency"] = json_number(value)
    for name in ("amountOutstanding", "amountOutstandingTotal"):
        shown[name] = shown["amount"]
    for name in ("amountCurrencyOutstanding", "amountCurrencyOutstandingTotal"):
        shown[name] = shown["amountCurrency"]
    return shown
