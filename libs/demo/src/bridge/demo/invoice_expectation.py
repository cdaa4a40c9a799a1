"""What Tripletex ought to hold of OC2's invoices, worked out anew from the two systems' documents.

Owns a small mapping of its own, the reasons why an invoice cannot go, and the sequence of contents that each number
showed. It must share no code with the services: a mistake of theirs would then be judged right.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bridge.demo.billing import amount_of
from bridge.demo.kid import is_kid
from bridge.testkit.simulator_answers import Json, JsonObject, as_rows, integer, text
from bridge.testkit.simulator_invoice_answers import RowShown, StoredInvoice, StoredLine, StoredOrder

_FOR_PURCHASES: Final = frozenset({"1", "11", "12", "13", "14", "15", "20", "21", "22", "81", "86", "91"})

Line = tuple[str, Decimal, Decimal, str]
"""Description, net unit price, quantity, VAT code."""


@dataclass(frozen=True, slots=True)
class Bill:
    """One invoice as both systems can be compared by; "" where there is no KID, department or project."""

    invoice_date: str
    due_date: str
    kid: str
    order_number: str
    order_date: str
    delivery_date: str
    customer: int
    department: str
    project: str
    currency: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What Tripletex knows of one company: customer numbers, and the VAT codes that are active for sales."""

    customers: Collection[int]
    vat_codes: Collection[str]


@dataclass(frozen=True, slots=True)
class Billed:
    """What OC2 shows from epoch second `at` on in batch `batch`; `refused` is the reason why it cannot go."""

    at: float
    batch: int
    bill: Bill
    refused: str | None


@dataclass(frozen=True, slots=True)
class TakenBack:
    """From epoch second `at` on no batch holds the number."""

    at: float


BillStep = Billed | TakenBack


def bill_timelines(history: Iterable[RowShown], known: Known) -> Mapping[int, Sequence[BillStep]]:
    """Return for each invoice number what OC2 showed of it, in order."""
    found: defaultdict[int, list[BillStep]] = defaultdict(list)
    for state in history:
        row = state.row
        step = TakenBack(state.at) if row is None else _billed(state, row, known)
        found[state.invoice_number].append(step)
    return found


def stored_bill(invoice: StoredInvoice, order: StoredOrder, order_number: str) -> Bill:
    """Return what Tripletex holds in the same form; `order_number` is the one to name if the order carries it."""
    carried = order_number if order_number in (order.number, order.reference) else order.number
    return Bill(
        invoice_date=invoice.invoice_date,
        due_date=invoice.due_date,
        kid=invoice.kid,
        order_number=carried,
        order_date=order.order_date,
        delivery_date=order.delivery_date,
        customer=invoice.customer_number,
        department=order.department_number or "",
        project=order.project_number or "",
        currency=invoice.currency,
        lines=tuple(map(_stored_line, invoice.lines)),
    )


def _billed(state: RowShown, row: JsonObject, known: Known) -> Billed:
    return Billed(state.at, state.batch_number, _bill(row), _refused(row, known))


def _bill(row: JsonObject) -> Bill:
    return Bill(
        invoice_date=text(row, "invoiceDate"),
        due_date=text(row, "dueDate"),
        kid=_optional(row.get("kid")),
        order_number=text(row, "orderNumber"),
        order_date=text(row, "orderDate"),
        delivery_date=_optional(row.get("deliveryDate")) or text(row, "invoiceDate"),
        customer=integer(row, "customerNumber"),
        department=_optional(row.get("departmentNumber")),
        project=_optional(row.get("projectNumber")),
        currency=text(row, "currency"),
        lines=tuple(map(_line, as_rows(row.get("lines")))),
    )


def _line(line: JsonObject) -> Line:
    price, quantity = (Decimal(text(line, name)) for name in ("unitPrice", "quantity"))
    return text(line, "description"), price, quantity, text(line, "vatCode")


def _stored_line(line: StoredLine) -> Line:
    return line.description, line.unit_price, line.count, line.vat_number


def _refused(row: JsonObject, known: Known) -> str | None:
    """Return the first reason against it: of the row itself, then of what Tripletex knows."""
    lines = as_rows(row.get("lines"))
    codes = [text(line, "vatCode") for line in lines]
    kid = _optional(row.get("kid"))
    if kid and not is_kid(kid):
        return "invalid_kid"
    if any(code in _FOR_PURCHASES for code in codes):
        return "vat_code_not_for_sales"
    if sum(map(amount_of, lines)) < 0:
        return "invoice_negative"
    if integer(row, "customerNumber") not in known.customers:
        return "customer_unknown"
    if any(code not in known.vat_codes for code in codes):
        return "vat_code_inactive"
    return None


def _optional(value: Json) -> str:
    return value if isinstance(value, str) else ""
