"""Invoice events: what OC2 said, and what Tripletex shall hold.

Money and quantities travel as decimal text and dates as ten characters: no float and no time zone ever touches them.
Sources: the OC2 contract for `InvoiceSnapshot`, the official Tripletex OpenAPI document for the limits of
`InvoiceWanted`.
"""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from bridge.contracts import vat_codes
from bridge.contracts.events.customer import MappingNote
from bridge.contracts.kid import has_check_digit
from bridge.contracts.line_sum import LineSum, sum_of

MAX_INVOICE_NUMBER: Final = 2**31 - 1
"""Tripletex stores an invoice number in 32 bits."""
FIRST_DAY: Final = "2000-01-01"
LAST_DAY: Final = "2099-12-31"
"""Tripletex finds documents by a range of days only. What lay outside of it could be sent and never be found again."""


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _on_the_calendar(text: str) -> str:
    date.fromisoformat(text)
    return text


PureDate = Annotated[
    str, StringConstraints(strict=True, pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_on_the_calendar)
]
"""A day as YYYY-MM-DD, kept as text from source to target."""
DecimalText = Annotated[str, StringConstraints(strict=True, pattern=r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,6})?$")]
"""A decimal number as text, as OC2 writes it; a leading zero tells of a spreadsheet on the way, so it is refused."""
Currency = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Z]{3}$")]
Kid = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9]{1,24}[0-9-]$")]
"""A Norwegian payment reference by its form; its check digit is the question of `InvoiceWanted`."""
Number = Annotated[int, Field(strict=True, ge=1)]


class InvoiceLine(_Event):
    """One line, before and after mapping. `vat_code` is the code people use, never an id of Tripletex."""

    description: Annotated[str, StringConstraints(strict=True, max_length=255)]
    unit_price: DecimalText = Field(alias="unitPrice")
    quantity: DecimalText
    vat_code: Annotated[str, StringConstraints(strict=True, max_length=10)] = Field(alias="vatCode")


class InvoiceSnapshot(_Event):
    """Body of `invoice.generated.v1`: one invoice of a generated batch, as the OC2 contract promises it.

    Absent means that OC2 gave null or nothing. `batch_number` tells whom the receipt is for; it is no content.
    """

    batch_number: Number = Field(alias="batchNumber")
    invoice_number: Number = Field(alias="invoiceNumber")
    invoice_date: PureDate = Field(alias="invoiceDate")
    due_date: PureDate = Field(alias="dueDate")
    kid: Kid | None = None
    order_number: Annotated[str, StringConstraints(strict=True, max_length=50)] = Field(alias="orderNumber")
    order_date: PureDate = Field(alias="orderDate")
    customer_number: Number = Field(alias="customerNumber")
    department_number: Annotated[str, StringConstraints(strict=True, max_length=20)] | None = Field(
        None, alias="departmentNumber"
    )
    project_number: Annotated[str, StringConstraints(strict=True, max_length=20)] | None = Field(
        None, alias="projectNumber"
    )
    currency: Currency
    delivery_date: PureDate | None = Field(None, alias="deliveryDate")
    total_excluding_vat: DecimalText | None = Field(None, alias="totalExcludingVat")
    lines: tuple[InvoiceLine, ...] = Field(min_length=1)


class InvoiceWithdrawnBecause(StrEnum):
    """Why an invoice is no longer wanted."""

    TAKEN_BACK = "taken_back"
    """A batch that was read completely holds it no more, and no other batch holds it."""


class InvoiceWithdrawn(_Event):
    """Body of `invoice.withdrawn.v1`, before and after mapping."""

    batch_number: Number = Field(alias="batchNumber")
    invoice_number: Number = Field(alias="invoiceNumber")
    because: InvoiceWithdrawnBecause


class _KeepsTheRules(_Event):
    """The rules of the mapping, for every body that a person may have written."""

    @field_validator("invoice_date", "order_date", check_fields=False)
    @classmethod
    def _can_be_found_again(cls, day: str) -> str:
        if not FIRST_DAY <= day <= LAST_DAY:
            raise ValueError(f"{day} is not from {FIRST_DAY} to {LAST_DAY}")
        return day

    @field_validator("kid", check_fields=False)
    @classmethod
    def _ends_in_its_check_digit(cls, kid: str | None) -> str | None:
        if kid is not None and not has_check_digit(kid):
            raise ValueError("the last character is neither the MOD10 nor the MOD11 check digit")
        return kid

    @field_validator("lines", check_fields=False)
    @classmethod
    def _codes_are_for_sales(cls, lines: tuple[InvoiceLine, ...]) -> tuple[InvoiceLine, ...]:
        for place, line in enumerate(lines, start=1):
            if line.vat_code not in vat_codes.SALES:
                raise ValueError(f"line {place} has VAT code {line.vat_code!r}, which is none for sales")
            if not line.description.strip():
                raise ValueError(f"line {place} has no description")
        return lines


def _check_payable(invoice_date: str, due_date: str, lines: Sequence[InvoiceLine]) -> LineSum:
    if due_date < invoice_date:
        raise ValueError("the due date is before the invoice date")
    found = sum_of(lines)
    if found.is_zero or found.is_negative:
        raise ValueError("the lines must sum to more than zero")
    return found


class InvoiceWanted(_KeepsTheRules):
    """Body of `invoice.mapped.v1`: the invoiced order that Tripletex shall hold.

    All fifteen values of the invoice by number or code; ids of Tripletex are looked up at delivery, per batch. The
    rules of the mapping hold whoever wrote the body, an operator's edit included.
    """

    invoice_number: Annotated[int, Field(strict=True, ge=1, le=MAX_INVOICE_NUMBER)] = Field(alias="invoiceNumber")
    invoice_date: PureDate = Field(alias="invoiceDate")
    due_date: PureDate = Field(alias="dueDate")
    kid: Kid | None = None
    order_number: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=100)] = Field(
        alias="orderNumber"
    )
    order_date: PureDate = Field(alias="orderDate")
    customer_number: Annotated[int, Field(strict=True, ge=1, le=MAX_INVOICE_NUMBER)] = Field(alias="customerNumber")
    department_number: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=100)] | None = Field(
        None, alias="departmentNumber"
    )
    project_number: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=100)] | None = Field(
        None, alias="projectNumber"
    )
    currency: Currency
    delivery_date: PureDate = Field(alias="deliveryDate")
    lines: tuple[InvoiceLine, ...] = Field(min_length=1)
    notes: tuple[MappingNote, ...] = ()

    @model_validator(mode="after")
    def _is_an_invoice_to_be_paid(self) -> Self:
        _check_payable(self.invoice_date, self.due_date, self.lines)
        return self


class InvoiceEdited(InvoiceSnapshot, _KeepsTheRules):
    """A snapshot that an operator wrote: one that the mapping will take, so that an edit is refused at once or not."""

    @model_validator(mode="after")
    def _will_be_mapped(self) -> Self:
        found, given = _check_payable(self.invoice_date, self.due_date, self.lines), self.total_excluding_vat
        if max(self.invoice_number, self.customer_number) > MAX_INVOICE_NUMBER:
            raise ValueError(f"invoiceNumber and customerNumber must not be above {MAX_INVOICE_NUMBER}")
        if not self.order_number.strip():
            raise ValueError("the order number is empty")
        if given is not None and not found.agrees_with(given):
            raise ValueError("totalExcludingVat is not the sum of the lines")
        return self
