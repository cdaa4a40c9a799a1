"""What the simulators' admin door says about invoices, orders, batches and receipts, as values.

Owns the reading of its JSON, as `simulator_answers` does for customers. It must not know connections.
"""

from dataclasses import dataclass
from decimal import Decimal

from bridge.testkit.simulator_answers import (
    Json,
    JsonObject,
    SimulatorError,
    as_object,
    as_rows,
    integer,
    number,
    optional_text,
    text,
)


@dataclass(frozen=True, slots=True)
class StoredLine:
    """One order line at Tripletex, in the order's currency; the price is the one that counted."""

    description: str
    unit_price: Decimal
    count: Decimal
    vat_number: str
    net: Decimal
    gross: Decimal
    is_charged: bool


@dataclass(frozen=True, slots=True)
class StoredInvoice:
    """One invoice at Tripletex, stored at epoch second `at`, in its own currency; its lines as they print."""

    seq: int
    at: float
    id: int
    number: int
    invoice_date: str
    due_date: str
    kid: str
    customer_number: int
    currency: str
    order_id: int
    order_number: str
    net: Decimal
    gross: Decimal
    roundoff: Decimal
    lines: tuple[StoredLine, ...]
    mails: int


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """One order at Tripletex and the numbers of the invoices made of it."""

    id: int
    at: float
    number: str
    order_date: str
    delivery_date: str
    customer_number: int
    department_number: str | None
    project_number: str | None
    internal_comment: str
    delivery_comment: str
    reference: str
    is_closed: bool
    invoice_numbers: tuple[int, ...]
    lines: tuple[StoredLine, ...]


@dataclass(frozen=True, slots=True)
class ReceiptShown:
    """One receipt that OC2 recorded at epoch second `at`."""

    seq: int
    at: float
    batch_number: int
    invoice_number: int
    status: str
    tripletex_invoice_id: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class BatchShown:
    """One batch with its rows and, by invoice number, the status that stands."""

    number: int
    state: str
    changed_at: str
    visible: bool
    archived: bool
    invoices: tuple[Json, ...]
    statuses: dict[int, str]


@dataclass(frozen=True, slots=True)
class RowShown:
    """What OC2 showed of one invoice in one batch from epoch second `at` on; None when it was shown no longer."""

    seq: int
    at: float
    batch_number: int
    invoice_number: int
    row: JsonObject | None


def read_line(row: JsonObject) -> StoredLine:
    """One line of an invoice or an order."""
    return StoredLine(
        description=text(row, "description"),
        unit_price=Decimal(text(row, "unitPrice")),
        count=Decimal(text(row, "count")),
        vat_number=text(row, "vatNumber"),
        net=Decimal(text(row, "net")),
        gross=Decimal(text(row, "gross")),
        is_charged=row.get("isCharged") is True,
    )


def read_invoice(row: JsonObject) -> StoredInvoice:
    """One stored invoice."""
    return StoredInvoice(
        seq=integer(row, "seq"),
        at=number(row, "at"),
        id=integer(row, "id"),
        number=integer(row, "invoiceNumber"),
        invoice_date=text(row, "invoiceDate"),
        due_date=text(row, "invoiceDueDate"),
        kid=text(row, "kid"),
        customer_number=integer(row, "customerNumber"),
        currency=text(row, "currency"),
        order_id=integer(row, "orderId"),
        order_number=text(row, "orderNumber"),
        net=Decimal(text(row, "net")),
        gross=Decimal(text(row, "gross")),
        roundoff=Decimal(text(row, "roundoff")),
        lines=tuple(read_line(line) for line in as_rows(row.get("lines"))),
        mails=integer(row, "mails"),
    )


def read_order(row: JsonObject) -> StoredOrder:
    """One stored order."""
    return StoredOrder(
        id=integer(row, "id"),
        at=number(row, "at"),
        number=text(row, "number"),
        order_date=text(row, "orderDate"),
        delivery_date=text(row, "deliveryDate"),
        customer_number=integer(row, "customerNumber"),
        department_number=optional_text(row, "departmentNumber"),
        project_number=optional_text(row, "projectNumber"),
        internal_comment=text(row, "internalComment"),
        delivery_comment=text(row, "deliveryComment"),
        reference=text(row, "reference"),
        is_closed=row.get("isClosed") is True,
        invoice_numbers=tuple(_integers(row.get("invoiceNumbers"))),
        lines=tuple(read_line(line) for line in as_rows(row.get("lines"))),
    )


def read_receipt(row: JsonObject) -> ReceiptShown:
    """One receipt."""
    return ReceiptShown(
        seq=integer(row, "seq"),
        at=number(row, "at"),
        batch_number=integer(row, "batchNumber"),
        invoice_number=integer(row, "invoiceNumber"),
        status=text(row, "status"),
        tripletex_invoice_id=None if row.get("tripletexInvoiceId") is None else integer(row, "tripletexInvoiceId"),
        reason=optional_text(row, "reason"),
    )


def read_batch(row: JsonObject) -> BatchShown:
    """One batch."""
    receipts = [as_object(receipt) for receipt in as_rows(row.get("receipts"))]
    invoices = row.get("invoices")
    return BatchShown(
        number=integer(row, "batchNumber"),
        state=text(row, "state"),
        changed_at=text(row, "changedAt"),
        visible=row.get("visible") is True,
        archived=row.get("archived") is True,
        invoices=tuple(invoices) if isinstance(invoices, list) else (),
        statuses={integer(receipt, "invoiceNumber"): text(receipt, "status") for receipt in receipts},
    )


def read_row_shown(row: JsonObject) -> RowShown:
    """One state of an invoice in a batch."""
    return RowShown(
        seq=integer(row, "seq"),
        at=number(row, "at"),
        batch_number=integer(row, "batchNumber"),
        invoice_number=integer(row, "invoiceNumber"),
        row=None if row.get("row") is None else as_object(row.get("row")),
    )


def _integers(document: Json) -> list[int]:
    if not isinstance(document, list):
        raise SimulatorError(f"expected a list from the simulators, got {type(document).__name__}")
    return [item for item in document if isinstance(item, int)]
