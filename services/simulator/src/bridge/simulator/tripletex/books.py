"""What a company's invoicing rests on and what came of it: registers, switches, orders, invoices.

Owns storage and the number series. It must not know HTTP, validation or the shape of an answer.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from bridge.simulator.exchange import JsonObject
from bridge.simulator.tripletex.amounts import LineAmount, Totals, VatRounding
from bridge.simulator.tripletex.vat import VatType, vat_register

GOOD_BANK_ACCOUNT = "12345678903"


class DuplicateForm(StrEnum):
    """How a number in use is refused; Tripletex has been seen to do each of the three."""

    FIELD = "field"
    NO_FIELD = "no_field"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class InvoiceRules:
    """How one company invoices; set through the admin door.

    Attributes:
        apply_customer_discount: The customer's discount acts on new orders that send none of their own.
        unit_price_decimals: 2 before Tripletex's release 2.71.16, 10 after it.
        prices_include_vat: What `isPrioritizeAmountsIncludingVat` is where an order does not say.
        ehf_refusal: Customers with EHF or eFaktura are refused even if nothing is to be sent.
        supplier_numbers_match: The customer list's number filter finds parties that are only suppliers.
        internal_comment: Whether this release knows `internalComment` on orders.
        missing_rights: Beginnings of paths, or of `METHOD path`, that answer 403/9000.
    """

    unique_invoice_numbers: bool = True
    unique_order_numbers: bool = True
    duplicate_form: DuplicateForm = DuplicateForm.FIELD
    ignore_unit_price: bool = False
    apply_customer_discount: bool = False
    unit_price_decimals: int = 10
    vat_rounding: VatRounding = VatRounding.LINE
    round_to_kroner: bool = False
    prices_include_vat: bool = False
    ehf_refusal: bool = False
    supplier_numbers_match: bool = False
    internal_comment: bool = True
    missing_rights: tuple[str, ...] = ()


@dataclass(slots=True)
class Line:
    """One order line; `charged` once an invoice has taken it."""

    id: int
    content: JsonObject
    vat: VatType
    price: Decimal
    count: Decimal
    amount: LineAmount
    charged: bool = False
    version: int = 1


@dataclass(slots=True)
class Order:
    """One order; `content` holds its plain fields and its references as they are shown."""

    id: int
    number: str
    content: JsonObject
    lines: list[Line]
    at: float
    version: int = 0
    closed: bool = False
    preliminary_id: int | None = None


@dataclass(frozen=True, slots=True)
class Invoice:
    """One charged invoice, as number `seq` of all that the company ever stored."""

    seq: int
    at: float
    id: int
    number: int
    content: JsonObject
    order: Order
    lines: tuple[Line, ...]
    totals: Totals
    mails: int


@dataclass(slots=True)
class Books:
    """Registers, orders and invoices of one company."""

    departments: dict[int, JsonObject] = field(default_factory=dict)
    projects: dict[int, JsonObject] = field(default_factory=dict)
    vat: dict[str, VatType] = field(default_factory=lambda: vat_register(registered=True))
    vat_status: str = "VAT_REGISTERED"
    bank_account: str | None = GOOD_BANK_ACCOUNT
    closed_months: set[str] = field(default_factory=set)
    orders: dict[int, Order] = field(default_factory=dict)
    invoices: dict[int, Invoice] = field(default_factory=dict)
    next_invoice_number: int = 1
    _by_number: dict[int, list[Invoice]] = field(default_factory=dict)
    _order_numbers: set[str] = field(default_factory=set)

    def add_order(self, order: Order) -> None:
        """Store a new order."""
        self.orders[order.id] = order
        self._order_numbers.add(order.number)

    def add_invoice(self, invoice: Invoice) -> None:
        """Store a new invoice, also one whose number is there."""
        self.invoices[invoice.id] = invoice
        self._by_number.setdefault(invoice.number, []).append(invoice)

    def is_order_number_taken(self, number: str) -> bool:
        """Whether an order, an offer or a project has the number: they share one series."""
        return number in self._order_numbers or number in self._project_numbers()

    def next_order_number(self) -> str:
        """The next number of the shared series: one above the highest that is a number."""
        taken = self._order_numbers | self._project_numbers()
        return str(max((int(number) for number in taken if number.isascii() and number.isdigit()), default=0) + 1)

    def _project_numbers(self) -> set[str]:
        return {str(project["number"]) for project in self.projects.values()}

    def invoices_numbered(self, number: int) -> list[Invoice]:
        """The invoices with that number, oldest first."""
        return self._by_number.get(number, [])

    def invoices_of(self, order: Order) -> list[Invoice]:
        """The invoices made of this order, oldest first."""
        return [invoice for invoice in self.invoices.values() if invoice.order is order]

    def order_of_preliminary(self, invoice_id: int) -> Order | None:
        """The open order whose hidden preliminary invoice has that id."""
        return next((order for order in self.orders.values() if order.preliminary_id == invoice_id), None)

    def line(self, line_id: int) -> tuple[Order, Line] | None:
        """The line with that id, and its order."""
        pairs = ((order, line) for order in self.orders.values() for line in order.lines)
        return next(((order, line) for order, line in pairs if line.id == line_id), None)
