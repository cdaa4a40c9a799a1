"""One tenant's invoices in a system under test: its batches at OC2, the books of its company, and OC2's receipts.

Owns what a test says and asks about them. It must not know how a service works.
"""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from bridge.testkit.simulator_answers import Json, JsonObject, LoggedRequest, as_object, as_rows, integer, text
from bridge.testkit.simulator_invoices import CompanyBooks, TenantBatches
from bridge.testkit.simulators import SimulatorAdmin

CUSTOMER: Final = 10_001
"""To whom the invoices go unless a test says otherwise."""
_OERE: Final = Decimal("0.01")


def invoices(count: int, *, first: int = 70_001, price: str = "1250.00", **content: Json) -> list[JsonObject]:
    """Return that many new invoices as OC2 shows them, each of one line at this price."""
    return [
        {
            "invoiceNumber": number,
            "invoiceDate": "2026-11-10",
            "dueDate": "2026-11-24",
            "orderNumber": f"5{number}",
            "orderDate": "2026-11-03",
            "customerNumber": CUSTOMER,
            "currency": "NOK",
            "lines": [{"description": f"Frakt {number}", "unitPrice": price, "quantity": "1", "vatCode": "3"}],
            **content,
        }
        for number in range(first, first + count)
    ]


@dataclass(slots=True)
class SystemInvoices:
    """The invoices of one tenant."""

    tenant: str
    company: int
    simulators: SimulatorAdmin = field(repr=False)

    @property
    def books(self) -> CompanyBooks:
        """The company's books at Tripletex."""
        return self.simulators.books(self.company)

    @property
    def batches(self) -> TenantBatches:
        """The tenant's batches at OC2."""
        return self.simulators.batches(self.tenant)

    def begin(self, *rows: JsonObject) -> int:
        """Show a new batch at OC2 and return its number."""
        return self.batches.begin(rows)

    def times_stored(self) -> Counter[int]:
        """Return how often Tripletex holds each invoice number."""
        return Counter(invoice.number for invoice in self.books.invoices())

    def amounts(self) -> dict[int, Decimal]:
        """Return the net amount that Tripletex holds under each invoice number; of several the last one."""
        return {invoice.number: invoice.net for invoice in self.books.invoices()}

    def posts(self) -> list[LoggedRequest]:
        """Return every request that could have made an invoice."""
        return [
            entry
            for entry in self.simulators.requests()
            if entry.system == "tripletex"
            and entry.scope == str(self.company)
            and entry.method == "POST"
            and entry.path.startswith("/invoice")
        ]

    def first_posts(self) -> dict[int, float]:
        """Return when the first request for each invoice came to Tripletex, in epoch seconds."""
        found: dict[int, float] = {}
        for entry in self.posts():
            found.setdefault(integer(as_object(entry.body), "invoiceNumber"), entry.at)
        return found

    def fault(self, name: str, kind: str, number: int | None = None, **rule: Json) -> None:
        """Let the next request that makes an invoice, or the next one that makes this invoice, go wrong."""
        met: dict[str, Json] = {} if number is None else {"match": {"invoiceNumber": number}}
        self.simulators.add_fault(
            f"{name}-{self.tenant}",
            system="tripletex",
            kind=kind,
            **{"scope": str(self.company), "method": "POST", "path": "^/invoice$", "times": 1, **met, **rule},
        )

    def told(self, number: int) -> list[str]:
        """Return the status of each receipt that OC2 recorded of an invoice, in order."""
        return [receipt.status for receipt in self.batches.receipts() if receipt.invoice_number == number]


def net_of(row: JsonObject) -> Decimal:
    """Return the sum of an invoice's lines without VAT, in whole øre."""
    lines = as_rows(row.get("lines"))
    exact = sum((Decimal(text(line, "unitPrice")) * Decimal(text(line, "quantity")) for line in lines), Decimal(0))
    return exact.quantize(_OERE)
