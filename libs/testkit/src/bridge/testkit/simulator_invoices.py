"""Typed calls to the invoice half of the simulators' admin door.

Owns the calls about a company's books and a tenant's batches; `SimulatorAdmin` offers them. It must not know
processes or connections, nor import the simulator.
"""

from collections.abc import Sequence
from typing import Protocol
from urllib.parse import quote

from bridge.testkit.simulator_answers import Json, JsonObject, as_object, as_rows, integer
from bridge.testkit.simulator_invoice_answers import (
    BatchShown,
    ReceiptShown,
    RowShown,
    StoredInvoice,
    StoredOrder,
    read_batch,
    read_invoice,
    read_order,
    read_receipt,
    read_row_shown,
)


class AdminCall(Protocol):
    """One call to the admin door that must succeed."""

    def __call__(self, method: str, path: str, body: Json = None) -> Json:
        """The answer's JSON."""


class CompanyBooks:
    """The books of one simulated Tripletex company."""

    def __init__(self, call: AdminCall, company_id: int) -> None:
        self._call = call
        self._path = f"/tripletex/companies/{company_id}"

    def set_rules(self, **rules: Json) -> None:
        """Change some of the company's switches; the others stay.

        Args:
            rules: uniqueInvoiceNumbers, uniqueOrderNumbers, duplicateForm, ignoreUnitPrice,
                applyCustomerDiscount, unitPriceDecimals, vatRounding, roundToKroner, pricesIncludeVat,
                ehfRefusal, supplierNumbersMatch, internalComment, missingRights, language.
        """
        self._call("PATCH", f"{self._path}/rules", rules)

    def add_departments(self, *numbers: str) -> list[int]:
        """New departments; returns their ids."""
        rows = as_rows(self._call("POST", f"{self._path}/departments", [{"number": number} for number in numbers]))
        return [integer(row, "id") for row in rows]

    def add_projects(self, *numbers: str) -> list[int]:
        """New projects; returns their ids. Their numbers are taken for orders too."""
        rows = as_rows(self._call("POST", f"{self._path}/projects", [{"number": number} for number in numbers]))
        return [integer(row, "id") for row in rows]

    def set_vat_code(self, number: str, *, active: bool) -> None:
        """Switch a VAT code on or off for sales."""
        self._call("POST", f"{self._path}/vat-types", {"codes": [{"number": number, "active": active}]})

    def set_vat_status(self, status: str) -> None:
        """Set the registration, VAT_REGISTERED or VAT_NOT_REGISTERED for instance; its codes begin anew."""
        self._call("POST", f"{self._path}/vat-types", {"status": status})

    def set_bank_account(self, number: str | None) -> None:
        """Set the bank account number; None takes it away, so that no invoice can be made."""
        self._call("POST", f"{self._path}/bank-account", {"number": number})

    def close_periods(self, *months: str) -> None:
        """Close accounting periods, months such as 2026-10."""
        self._call("POST", f"{self._path}/accounting-periods", {"closed": months})

    def open_periods(self, *months: str) -> None:
        """Open them again."""
        self._call("POST", f"{self._path}/accounting-periods", {"opened": months})

    def make_invoice(self, body: JsonObject) -> int:
        """Make an invoice by hand, as a person in Tripletex would; the body is that of POST /invoice; its id."""
        return integer(as_object(self._call("POST", f"{self._path}/invoices", body)), "id")

    def make_order(self, body: JsonObject) -> int:
        """Make an order by hand, as a person in Tripletex would; the body is that of POST /order; its id."""
        return integer(as_object(self._call("POST", f"{self._path}/orders", body)), "id")

    def invoices(self) -> list[StoredInvoice]:
        """Every invoice that was ever stored, in order; one stored twice is there twice."""
        document = as_object(self._call("GET", f"{self._path}/invoices"))
        return [read_invoice(row) for row in as_rows(document.get("invoices"))]

    def orders(self) -> list[StoredOrder]:
        """Every order that was ever stored, in order, those without an invoice too."""
        return [read_order(row) for row in as_rows(self._call("GET", f"{self._path}/orders"))]


class TenantBatches:
    """The invoice batches of one tenant's simulated OC2."""

    def __init__(self, call: AdminCall, tenant: str) -> None:
        self._call = call
        self._path = f"/oc2/tenants/{quote(tenant)}"

    def begin(self, invoices: Sequence[Json], **more: Json) -> int:
        """A new batch with these rows, as they are; returns its number, given out at once.

        Args:
            more: batchNumber, generatedAt, and what `change` takes.
        """
        made = as_object(self._call("POST", f"{self._path}/batches", {"invoices": invoices, **more}))
        return integer(made, "batchNumber")

    def change(self, batch_number: int, **changes: Json) -> None:
        """Change a batch.

        Args:
            changes: put (rows), takeBack (numbers), visible, archived, state, invoiceCount, total, changedAt,
                keepChangedAt (the change falls within the second of the one before).
        """
        self._call("PATCH", f"{self._path}/batches/{batch_number}", changes)

    def show(self, batch_number: int) -> None:
        """Let a batch that was begun with `visible=False` appear."""
        self.change(batch_number, visible=True)

    def correct(self, batch_number: int, invoice: JsonObject, *, same_second: bool = False) -> None:
        """Replace an invoice of the batch; with `same_second` `changedAt` stays where it was."""
        self.change(batch_number, put=[invoice], keepChangedAt=same_second)

    def take_back(self, batch_number: int, *numbers: int) -> None:
        """Take invoices out of the batch."""
        self.change(batch_number, takeBack=numbers)

    def archive(self, batch_number: int) -> None:
        """Let every call about the batch answer 404 from now on."""
        self.change(batch_number, archived=True)

    def all(self) -> list[BatchShown]:
        """Every batch, shown or not."""
        return [read_batch(row) for row in as_rows(self._call("GET", f"{self._path}/batches"))]

    def history(self) -> list[RowShown]:
        """Every state of an invoice in a batch that OC2 ever showed, in order."""
        return [read_row_shown(row) for row in as_rows(self._call("GET", f"{self._path}/batches/history"))]

    def receipts(self) -> list[ReceiptShown]:
        """Every receipt in the order in which it came, repeated ones too."""
        return [read_receipt(row) for row in as_rows(self._call("GET", f"{self._path}/receipts"))]
