"""Invoices: one call that makes an invoiced order, and the look-up by number.

Owns what a new invoice is sent as and how a stored one is read. The two traps of the call are closed here: an invoice
without our own number cannot be built, since Tripletex would number it and a second try would double it; and nothing is
mailed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from bridge.contracts.events.invoice import FIRST_DAY, LAST_DAY
from bridge.remote.classify import CallKind
from bridge.remote.outcome import Applied, NotSent, Refused, Unauthorized, Unknown
from bridge.tripletex import reading
from bridge.tripletex.access import TripletexTenant
from bridge.tripletex.calls import Calls
from bridge.tripletex.failing import read_each, value_of
from bridge.tripletex.invoice_body import InvoiceRequest, invoice_body
from bridge.tripletex.reading import FieldError, Raw

EVER: Final = (FIRST_DAY, (date.fromisoformat(LAST_DAY) + timedelta(days=1)).isoformat())
"""A range of dates that holds every document of ours; its end is exclusive."""
_FIELDS: Final = (
    "id,invoiceNumber,invoiceDate,invoiceDueDate,kid,customer(id,customerNumber),orders(id,number,reference,deliveryComment),"
    "amountCurrency,amountExcludingVatCurrency,amountRoundoffCurrency"
)


@dataclass(frozen=True, slots=True)
class StoredInvoice:
    """A charged invoice as Tripletex holds it; amounts are in the invoice's own currency.

    `gross` includes `roundoff`. The answer to a POST tells ids of customer and order only, so their numbers, the
    order's reference and its marker (`bridge.tripletex.marker`) are None there, as is an amount that was not told.
    `request_id` is the one of a POST, which Tripletex's support asks for.
    """

    id: int
    number: int
    invoice_date: str | None = None
    due_date: str | None = None
    kid: str | None = None
    customer_id: int | None = None
    customer_number: int | None = None
    order_id: int | None = None
    order_number: str | None = None
    order_marker: str | None = None
    net: Decimal | None = None
    gross: Decimal | None = None
    roundoff: Decimal | None = None
    order_reference: str | None = None
    request_id: str | None = field(default=None, compare=False)


InvoiceOutcome = StoredInvoice | Refused | NotSent | Unknown | Unauthorized
"""A `StoredInvoice` carries our own number; a success that does not show it is `Unknown`."""


class InvoiceCalls(Calls):
    """`/invoice`."""

    async def create_invoice(
        self, tenant: TripletexTenant, invoice: InvoiceRequest, *, not_after: float | None = None
    ) -> InvoiceOutcome:
        """Make the invoice and, unless it names one, its order; nothing is mailed.

        Args:
            tenant: Whose Tripletex.
            invoice: With our own number.
            not_after: Boot seconds after which the first byte must not leave.

        Raises:
            AccessDeniedError: There is no session to be had; nothing was sent.
        """
        outcome = await self._write(
            tenant,
            CallKind.POST_CREATE,
            "POST",
            "/invoice",
            [("sendToCustomer", "false")],
            invoice_body(invoice),
            not_after,
        )
        return _made(outcome, invoice.number) if isinstance(outcome, Applied) else outcome

    async def find_invoices(self, tenant: TripletexTenant, number: int) -> tuple[StoredInvoice, ...]:
        """Return every charged invoice with exactly that number, whatever its date and customer.

        Raises:
            AccessDeniedError: Close the gate.
            TransientError: Nothing is known; not even that there is none.
        """
        if number < 1:
            raise ValueError(f"no invoice has number {number}")
        what = f"invoice {number}"
        first, last = EVER
        query = [
            ("invoiceNumber", str(number)),
            ("invoiceDateFrom", first),
            ("invoiceDateTo", last),
            ("fields", _FIELDS),
        ]
        rows = await self._rows(tenant, "/invoice", query, what)
        return tuple(found for found in read_each(tenant, what, rows, read_invoice) if found.number == number)


def _made(applied: Applied, number: int) -> StoredInvoice | Unknown:
    try:
        invoice = read_invoice(value_of(applied))
    except FieldError as error:
        return Unknown(f"the answer is no invoice: {error}")
    if invoice.number != number:
        return Unknown(f"the answer is an invoice with number {invoice.number} instead of {number}")
    return replace(invoice, request_id=applied.answer.headers.get("x-tlx-request-id"))


def read_invoice(raw: Raw) -> StoredInvoice:
    """Read one invoice out of an answer that was read with decimals.

    Raises:
        FieldError: It breaks the contract.
    """
    customer, order = reading.part(raw, "customer") or {}, _order(raw)
    return StoredInvoice(
        id=reading.need(raw, "id"),
        number=reading.need(raw, "invoiceNumber", at_least=0),
        invoice_date=reading.text(raw, "invoiceDate"),
        due_date=reading.text(raw, "invoiceDueDate"),
        kid=reading.text(raw, "kid"),
        customer_id=reading.whole(customer, "id", "customer.id"),
        customer_number=reading.whole(customer, "customerNumber", "customer.customerNumber"),
        order_id=reading.whole(order, "id", "orders.id"),
        order_number=reading.text(order, "number", "orders.number"),
        order_marker=reading.text(order, "deliveryComment", "orders.deliveryComment"),
        net=reading.decimal(raw, "amountExcludingVatCurrency"),
        gross=reading.decimal(raw, "amountCurrency"),
        roundoff=reading.decimal(raw, "amountRoundoffCurrency"),
        order_reference=reading.text(order, "reference", "orders.reference"),
    )


def _order(raw: Raw) -> Raw:
    orders = raw.get("orders")
    first = orders[0] if isinstance(orders, list) and orders else {}
    return first if isinstance(first, Mapping) else {}
