"""Tripletex's invoices in memory, at the level of the publisher's own port: registers, books, and a script.

A script entry is an outcome to answer with (nothing is stored), `StoredAlthough` one to answer with after storing, an
error to raise, or None to go on as usual. For tests of the use cases; the simulator is the faithful one.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from bridge.contracts.identity import TenantId
from bridge.contracts.reasons import Reason
from bridge.remote.outcome import NotSent, Refused, Unauthorized, Unknown
from bridge.tripletex.invoice_body import ExistingOrder, InvoiceLine, InvoiceRequest, NewOrder
from bridge.tripletex.invoices import InvoiceOutcome, StoredInvoice
from bridge.tripletex.marker import marker_of
from bridge.tripletex.orders import FoundLine, FoundOrder
from bridge.tripletex.references import CustomerRef, Reference, VatType

Answer = Refused | NotSent | Unknown | Unauthorized
CUSTOMER: Final = CustomerRef(501, 10002, "Kunde AS", is_inactive=False)
_OERE: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class StoredAlthough:
    """Store the invoice and its order (or the order alone), then answer with this."""

    answer: Answer
    order_alone: bool = False


Step = Answer | StoredAlthough | StoredInvoice | Exception | None


@dataclass(slots=True)
class FakeBooks:
    """`calls` names every call in order; `script` is asked once for each call of that name.

    `ready`, `closed_days` and `wait` answer the preconditions and the wait for room in the rate window. `always` is
    the answer for an invoice number whatever the script says; `held_up` stops the making of invoices.
    """

    customer_rows: dict[int, tuple[CustomerRef, ...]] = field(default_factory=lambda: {CUSTOMER.number: (CUSTOMER,)})
    department_rows: dict[str, tuple[Reference, ...]] = field(default_factory=dict)
    project_rows: dict[str, tuple[Reference, ...]] = field(default_factory=dict)
    currency_rows: dict[str, tuple[Reference, ...]] = field(
        default_factory=lambda: {"NOK": (Reference(1, "NOK", is_active=True),)}
    )
    codes: dict[str, VatType] = field(
        default_factory=lambda: {
            "3": VatType(3, "3", Decimal(25)),
            "31": VatType(31, "31", Decimal(15)),
            "33": VatType(32, "33", Decimal(12)),
            "32": VatType(311, "32", Decimal("11.11")),
            "5": VatType(5, "5", Decimal(0)),
        }
    )
    invoices: list[StoredInvoice] = field(default_factory=list)
    orders: list[FoundOrder] = field(default_factory=list)
    requests: list[InvoiceRequest] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    script: dict[str, deque[Step]] = field(default_factory=dict)
    ready: bool | None = True
    closed_days: frozenset[str] = frozenset()
    wait: float | None = None
    always: dict[int, Answer] = field(default_factory=dict)
    held_up: asyncio.Event | None = None

    def plan(self, call: str, *steps: Step) -> None:
        """Say what the next calls of that name do."""
        self.script.setdefault(call, deque()).extend(steps)

    async def customers(self, tenant: TenantId, numbers: Sequence[int]) -> Mapping[int, Sequence[CustomerRef]]:
        """Return the customers of each number."""
        self._begin("customers")
        return {number: self.customer_rows.get(number, ()) for number in numbers}

    async def departments(self, tenant: TenantId, number: str) -> Sequence[Reference]:
        """Return the departments with that number."""
        self._begin("departments")
        return self.department_rows.get(number, ())

    async def projects(self, tenant: TenantId, number: str) -> Sequence[Reference]:
        """Return the projects with that number."""
        self._begin("projects")
        return self.project_rows.get(number, ())

    async def currencies(self, tenant: TenantId, code: str) -> Sequence[Reference]:
        """Return the currencies with that code."""
        self._begin("currencies")
        return self.currency_rows.get(code, ())

    async def vat_types(self, tenant: TenantId, on: str) -> Mapping[str, VatType]:
        """Return the active codes."""
        self._begin("vat_types")
        return dict(self.codes)

    async def room_for_invoice(self, tenant: TenantId, *, latest: float) -> float | None:
        """Answer with the wait that is set."""
        return self.wait

    async def create_invoice(self, tenant: TenantId, invoice: InvoiceRequest, *, not_after: float) -> InvoiceOutcome:
        """Store an invoice, or do what the script says."""
        self.requests.append(invoice)
        if self.held_up is not None:
            await self.held_up.wait()
        if (answer := self.always.get(invoice.number)) is not None:
            self.calls.append("create_invoice")
            return answer
        match self._begin("create_invoice"):
            case StoredAlthough(told, order_alone):
                self._store(invoice, order_alone=order_alone)
                return told
            case None:
                return self._store(invoice)
            case planned:
                return planned

    async def find_invoices(self, tenant: TenantId, number: int) -> Sequence[StoredInvoice]:
        """Return the invoices with that number."""
        self._begin("find_invoices")
        return [one for one in self.invoices if one.number == number]

    async def orders_by_number(self, tenant: TenantId, number: str) -> Sequence[FoundOrder]:
        """Return the orders with that number."""
        self._begin("orders_by_number")
        return [one for one in self.orders if one.number == number]

    async def orders_by_invoice(self, tenant: TenantId, invoice_number: int) -> Sequence[FoundOrder]:
        """Return the orders with the mark of that invoice."""
        self._begin("orders_by_invoice")
        return [one for one in self.orders if one.marker == marker_of(invoice_number)]

    async def bank_account_ready(self, tenant: TenantId) -> bool | None:
        """Answer with what is set."""
        self._begin("bank_account_ready")
        return self.ready

    async def period_closed(self, tenant: TenantId, day: str) -> bool | None:
        """Tell whether the day is among those set."""
        self._begin("period_closed")
        return day in self.closed_days

    async def probe(self, tenant: TenantId, reason: Reason) -> None:
        """Answer a probe."""
        self._begin("probe")

    def _begin(self, call: str) -> Answer | StoredAlthough | StoredInvoice | None:
        self.calls.append(call)
        waiting = self.script.get(call)
        step = waiting.popleft() if waiting else None
        if isinstance(step, Exception):
            raise step
        return step

    def _store(self, invoice: InvoiceRequest, *, order_alone: bool = False) -> StoredInvoice:
        order = self._order(invoice.order, invoice.number)
        made = self._made(invoice, order)
        if not order_alone:
            self._charge(order)
            self.invoices.append(made)
        # The answer to a POST tells neither the customer's number nor the order's.
        return replace(made, customer_number=None, order_number=None, order_marker=None, order_reference=None)

    def _order(self, order: NewOrder | ExistingOrder, invoice_number: int) -> FoundOrder:
        if isinstance(order, ExistingOrder):
            return next(one for one in self.orders if one.id == order.id)
        numbers = {ref.id: ref.number for refs in self.customer_rows.values() for ref in refs}
        order_id = 7000 + len(self.orders)
        made = FoundOrder(
            id=order_id,
            version=0,
            number=order.number or f"T{order_id}",
            reference=order.reference,
            marker=marker_of(invoice_number),
            customer_id=order.customer_id,
            customer_number=numbers[order.customer_id],
            is_closed=False,
            charged=(False,) * len(order.lines),
            lines=tuple(_found_line(line) for line in order.lines),
            order_date=order.order_date,
            delivery_date=order.delivery_date,
            department_id=order.department_id,
            project_id=order.project_id,
            currency_id=order.currency_id,
        )
        self.orders.append(made)
        return made

    def _charge(self, order: FoundOrder) -> None:
        self.orders[self.orders.index(order)] = replace(order, charged=(True,) * len(order.charged))

    def _made(self, invoice: InvoiceRequest, order: FoundOrder) -> StoredInvoice:
        rates = {vat.id: vat.percentage for vat in self.codes.values()}
        nets = [
            (_rounded((line.unit_price or 0) * (line.count or Decimal(0))), line.vat_type_id) for line in order.lines
        ]
        net = sum((amount for amount, _ in nets), Decimal(0))
        vat = sum((_rounded(amount * rates[code or 0] / 100) for amount, code in nets), Decimal(0))
        return StoredInvoice(
            id=9000 + len(self.invoices),
            number=invoice.number,
            invoice_date=invoice.invoice_date,
            due_date=invoice.due_date,
            kid=invoice.kid,
            customer_id=order.customer_id,
            customer_number=order.customer_number,
            order_id=order.id,
            order_number=order.number,
            order_marker=order.marker,
            net=net,
            gross=net + vat,
            roundoff=Decimal(0),
            order_reference=order.reference,
        )


def _found_line(line: InvoiceLine) -> FoundLine:
    return FoundLine(line.description, line.count, line.unit_price, line.vat_type_id)


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(_OERE, ROUND_HALF_UP)
