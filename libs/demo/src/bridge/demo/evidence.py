"""What the simulators hold about one tenant's invoices, gathered for the judgement.

Owns the asking. Judges nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.demo.billing import ACTIVE_VAT_CODES
from bridge.demo.cast import Company
from bridge.demo.invoice_expectation import Known
from bridge.testkit.simulator_answers import SourceState, as_object
from bridge.testkit.simulator_invoice_answers import ReceiptShown, RowShown, StoredInvoice, StoredOrder
from bridge.testkit.simulators import SimulatorAdmin

_POST: Final = ("tripletex", "POST", "/invoice")


@dataclass(frozen=True, slots=True)
class InvoiceEvidence:
    """One tenant's invoices at both ends.

    Attributes:
        history: Every state that OC2 showed.
        known: What Tripletex knows now.
        first_posts: When the first request to make each invoice arrived at Tripletex, in epoch seconds.
    """

    tenant: str
    history: Sequence[RowShown]
    known: Known
    invoices: Sequence[StoredInvoice]
    orders: Sequence[StoredOrder]
    receipts: Sequence[ReceiptShown]
    first_posts: Mapping[int, float]


def gather(company: Company, simulators: SimulatorAdmin) -> InvoiceEvidence:
    """Ask for everything; the receipts last, so that none is older than what it tells of."""
    books, batches = simulators.books(company.company_id), simulators.batches(company.tenant)
    history, invoices, orders = batches.history(), books.invoices(), books.orders()
    return InvoiceEvidence(
        tenant=company.tenant,
        history=history,
        known=Known(_customers(simulators.history(company.company_id)), ACTIVE_VAT_CODES),
        invoices=invoices,
        orders=orders,
        receipts=batches.receipts(),
        first_posts=_first_posts(company, simulators),
    )


def _customers(history: Sequence[SourceState]) -> frozenset[int]:
    newest = {state.id: state for state in history}
    return frozenset(state.customer_number for state in newest.values() if not state.deleted)


def _first_posts(company: Company, simulators: SimulatorAdmin) -> Mapping[int, float]:
    found: dict[int, float] = {}
    for entry in simulators.requests():
        if (entry.system, entry.method, entry.path) == _POST and entry.scope == str(company.company_id):
            number = as_object(entry.body).get("invoiceNumber")
            if isinstance(number, int):
                found.setdefault(number, entry.at)
    return found
