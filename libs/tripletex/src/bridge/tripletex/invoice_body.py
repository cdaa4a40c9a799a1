"""A new invoice as `POST /invoice` takes it.

Pure. Owns every value that Tripletex would otherwise choose by itself: the number, the kind of price that counts, the
discount, the order of the lines, the VAT type of each. Source of the names: Tripletex OpenAPI 2.74.00, schemas Invoice,
Order and OrderLine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bridge.tripletex.marker import marker_of

MAX_INVOICE_NUMBER: Final = 2**31 - 1
_NO_DISCOUNT: Final = 0


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line; `unit_price` is without VAT, in the invoice's currency."""

    description: str
    count: Decimal
    unit_price: Decimal
    vat_type_id: int

    def __post_init__(self) -> None:
        if not self.description:
            raise ValueError("Tripletex takes no line without a description")


@dataclass(frozen=True, slots=True)
class NewOrder:
    """The order that is made with the invoice; dates as YYYY-MM-DD.

    `number` is None where another invoice carries that order number already (part deliveries): Tripletex then numbers
    the order, and `reference` holds ours.
    """

    number: str | None
    order_date: str
    delivery_date: str
    customer_id: int
    currency_id: int
    lines: tuple[InvoiceLine, ...]
    department_id: int | None = None
    project_id: int | None = None
    reference: str | None = None

    def __post_init__(self) -> None:
        if not self.lines:
            # Tripletex would make an invoice of 0 without a word.
            raise ValueError("an order without lines must not be invoiced")
        if self.number == "":
            raise ValueError("an order number is a text or None")


@dataclass(frozen=True, slots=True)
class ExistingOrder:
    """An order that stands at Tripletex without its invoice; its lines and customer are not sent again."""

    id: int


@dataclass(frozen=True, slots=True)
class InvoiceRequest:
    """An invoice to be made; `number` is ours, never left to Tripletex. Dates as YYYY-MM-DD."""

    number: int
    invoice_date: str
    due_date: str
    order: NewOrder | ExistingOrder
    kid: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.number <= MAX_INVOICE_NUMBER:
            raise ValueError(f"an invoice is sent with our own number from 1 to {MAX_INVOICE_NUMBER}")


def invoice_body(invoice: InvoiceRequest) -> Mapping[str, object]:
    """Return the body as JSON values; decimals stay decimals."""
    order = invoice.order
    body: dict[str, object] = {
        "invoiceNumber": invoice.number,
        "invoiceDate": invoice.invoice_date,
        "invoiceDueDate": invoice.due_date,
        "orders": [{"id": order.id} if isinstance(order, ExistingOrder) else _order(order, invoice.number)],
    }
    if invoice.kid is not None:
        body["kid"] = invoice.kid
    return body


def _order(order: NewOrder, invoice_number: int) -> Mapping[str, object]:
    wanted: dict[str, object] = {
        "number": order.number,
        "reference": order.reference,
        "orderDate": order.order_date,
        "deliveryDate": order.delivery_date,
        "customer": {"id": order.customer_id},
        "department": _reference(order.department_id),
        "project": _reference(order.project_id),
        "currency": {"id": order.currency_id},
        # Left out, each of these would follow a setting of the company or of the customer.
        "isPrioritizeAmountsIncludingVat": False,
        "discountPercentage": _NO_DISCOUNT,
        "orderLineSorting": "CUSTOM",
        "deliveryComment": marker_of(invoice_number),
        "orderLines": [_line(line, place) for place, line in enumerate(order.lines, start=1)],
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _line(line: InvoiceLine, place: int) -> Mapping[str, object]:
    return {
        "description": line.description,
        "count": line.count,
        "unitPriceExcludingVatCurrency": line.unit_price,
        "discount": _NO_DISCOUNT,
        # Left out, the line would be sold without VAT.
        "vatType": {"id": line.vat_type_id},
        "sortIndex": place,
    }


def _reference(found: int | None) -> Mapping[str, object] | None:
    return None if found is None else {"id": found}
