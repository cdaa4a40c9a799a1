"""A tenant of a mapped cell that carries invoices: its company at the simulated Tripletex, and mapped invoices.

Owns what a test of the publisher's invoices says and asks.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.contracts.envelope import Outcome
from bridge.contracts.events.invoice import InvoiceWanted, InvoiceWithdrawn, InvoiceWithdrawnBecause
from bridge.contracts.identity import Flow, TenantId, invoice_ref
from bridge.durable.row import Row
from bridge.messaging.record import Outgoing
from bridge.testkit.mapped_cell import MappedCell
from bridge.testkit.simulator_answers import JsonObject
from bridge.testkit.simulator_invoice_answers import StoredInvoice
from bridge.testkit.simulator_invoices import CompanyBooks, TenantBatches
from bridge.testkit.waiting import eventually

CUSTOMER: Final = 10002
_FIRST_COMPANY: Final = 100_000


@dataclass(frozen=True, slots=True)
class InvoicingTenant:
    """A declared tenant with both flows; its company's token is its own id until a test changes it."""

    cell: MappedCell
    id: TenantId
    company: int

    @property
    def books(self) -> CompanyBooks:
        """The company's books at Tripletex."""
        return self.cell.admin.books(self.company)

    @property
    def batches(self) -> TenantBatches:
        """The tenant's invoice batches and receipts at OC2."""
        return self.cell.admin.batches(self.id)

    def write_token(self, token: str) -> None:
        """Put a token into the tenant's secret file."""
        (self.cell.folder / f"{self.id}.token").write_text(token)

    def put_company(self, token: str | None = None) -> None:
        """Make the company, or give it another token than the tenant's own."""
        secret = token or str(self.id)
        self.cell.admin.put_company(self.company, name=self.id, consumer_token=secret, employee_token=secret)

    def mapped(
        self,
        number: int,
        *,
        batch: int = 88,
        revision: int = 1,
        generation: int = 0,
        traceparent: str | None = None,
        source_hash: str | None = None,
        **content: object,
    ) -> Outgoing:
        """Return a mapped invoice's record; `content` replaces values by their names on the wire."""
        body = InvoiceWanted.model_validate(wanted(number, content)).model_dump_json(by_alias=True, exclude_none=True)
        return self.cell.record(
            self.id,
            number,
            revision,
            body,
            Outcome.MAPPED,
            generation=generation,
            traceparent=traceparent,
            flow=Flow.INVOICES,
            source_ref=invoice_ref(batch, number),
            source_hash=source_hash,
        )

    def withdrawn(self, number: int, *, batch: int = 88, revision: int) -> Outgoing:
        """Return the record of an invoice that was taken back."""
        values = {"batchNumber": batch, "invoiceNumber": number, "because": InvoiceWithdrawnBecause.TAKEN_BACK}
        body = InvoiceWithdrawn.model_validate(values).model_dump_json(by_alias=True)
        ref = invoice_ref(batch, number)
        return self.cell.record(self.id, number, revision, body, Outcome.WITHDRAWN, flow=Flow.INVOICES, source_ref=ref)

    def stored(self, number: int) -> Sequence[StoredInvoice]:
        """Return every invoice that Tripletex ever stored under the number."""
        return [invoice for invoice in self.books.invoices() if invoice.number == number]

    async def row(self, number: int) -> Row:
        """Return an invoice's delivery."""
        rows = await self.cell.rows(
            "SELECT * FROM publisher.delivery WHERE tenant = %(t)s AND flow = 'invoices' AND entity = %(e)s",
            {"t": self.id, "e": str(number)},
        )
        (row,) = rows
        return row

    async def letters(self) -> dict[str, tuple[str, str | None]]:
        """Return reason and field of each open letter, by invoice number."""
        rows = await self.cell.rows(
            "SELECT entity, reason, field FROM publisher.dead_letter"
            " WHERE tenant = %(t)s AND flow = 'invoices' AND closed_as IS NULL",
            {"t": self.id},
        )
        return {row.text("entity"): (row.text("reason"), row.text_or_none("field")) for row in rows}

    async def gate_closed(self, reason: str) -> None:
        """Wait until one of the tenant's gates is closed for the reason."""

        async def closed() -> bool:
            rows = await self.cell.rows("SELECT reason FROM control.gate WHERE tenant = %(t)s", {"t": self.id})
            return reason in [row.text("reason") for row in rows]

        await eventually(closed, 60.0, what=f"a gate of {self.id} closed for {reason}")


def wanted(number: int, content: Mapping[str, object]) -> dict[str, object]:
    """Return the values of an invoice that Tripletex takes; `content` replaces some."""
    return {
        "invoiceNumber": number,
        "invoiceDate": "2026-11-10",
        "dueDate": "2026-11-24",
        "orderNumber": f"5{number}",
        "orderDate": "2026-11-03",
        "customerNumber": CUSTOMER,
        "currency": "NOK",
        "deliveryDate": "2026-11-05",
        "lines": [{"description": "Frakt pall", "unitPrice": "1250.00", "quantity": "1", "vatCode": "3"}],
        **content,
    }


async def declare_invoicing(
    cell: MappedCell, name: str, *, customers: Sequence[JsonObject] = (), floor: int | None = 0
) -> InvoicingTenant:
    """Declare a tenant with a company of its own that has customer 10002 and others.

    `floor` is its ledger floor: an invoice up to it is looked up before it is sent for the first time; None: each.
    """
    tenant = cell.tenant(name)
    made = InvoicingTenant(cell, tenant, _FIRST_COMPANY + zlib.crc32(tenant.encode()) % 1_000_000_000)
    made.write_token(str(tenant))
    made.put_company()
    first: JsonObject = {"name": "Ærlig Sjømat AS", "customerNumber": CUSTOMER}
    cell.admin.write_customers(made.company, [first, *customers])
    cell.companies[tenant] = made.company
    await cell.declare(name)
    await cell.rows(
        "UPDATE control.tenant SET ledger_floor = %(f)s WHERE tenant = %(t)s RETURNING 1 AS one",
        {"f": floor, "t": tenant},
    )
    return made
