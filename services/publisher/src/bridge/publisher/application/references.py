"""From the numbers that people use to the ids that Tripletex wants, looked up once for each group of invoices.

Nothing is remembered beyond the group: what is created a moment later is found by the next try, and what was switched
off is not used. What is missing refuses its own invoice, with the field that names it; the others go on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.contracts.events.invoice import InvoiceWanted
from bridge.contracts.identity import TenantId
from bridge.contracts.reasons import Reason
from bridge.publisher.application.target import ReferenceTarget
from bridge.publisher.domain.delivery.model import Refusal
from bridge.tripletex.references import CustomerRef, Reference, VatType

_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Referred:
    """The ids of one invoice; `vat_types` by code. `note` tells of a choice that was made."""

    customer: CustomerRef
    currency_id: int
    vat_types: Mapping[str, VatType]
    department_id: int | None = None
    project_id: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class _Registers:
    """What the look-ups of one group gave, by number, code or day."""

    customers: Mapping[int, Sequence[CustomerRef]]
    departments: Mapping[str, Sequence[Reference]]
    projects: Mapping[str, Sequence[Reference]]
    currencies: Mapping[str, Sequence[Reference]]
    vat_types: Mapping[str, Mapping[str, VatType]]


class _MissingError(Exception):
    """One reference of one invoice is not to be had."""

    def __init__(self, reason: Reason, field: str, detail: str) -> None:
        super().__init__(detail)
        self.refusal = Refusal(reason, field, detail)


async def look_up(
    target: ReferenceTarget, tenant: TenantId, invoices: Sequence[InvoiceWanted]
) -> Sequence[Referred | Refusal]:
    """Return for each invoice its ids, or why it cannot have them.

    Raises:
        AccessDeniedError, SecretMissingError, TransientError: A look-up failed, so nothing is known of any.
    """
    registers = await _read(target, tenant, invoices)
    return [_refer(invoice, registers) for invoice in invoices]


async def _read(target: ReferenceTarget, tenant: TenantId, invoices: Sequence[InvoiceWanted]) -> _Registers:
    departments = {one.department_number for one in invoices if one.department_number is not None}
    projects = {one.project_number for one in invoices if one.project_number is not None}
    return _Registers(
        await target.customers(tenant, sorted({one.customer_number for one in invoices})),
        {number: await target.departments(tenant, number) for number in sorted(departments)},
        {number: await target.projects(tenant, number) for number in sorted(projects)},
        {code: await target.currencies(tenant, code) for code in sorted({one.currency for one in invoices})},
        {day: await target.vat_types(tenant, day) for day in sorted({one.invoice_date for one in invoices})},
    )


def _refer(invoice: InvoiceWanted, registers: _Registers) -> Referred | Refusal:
    try:
        customer, note = _customer(invoice.customer_number, registers.customers[invoice.customer_number])
        return Referred(
            customer=customer,
            currency_id=_currency(invoice.currency, registers.currencies[invoice.currency]),
            vat_types=_vat_types(invoice, registers.vat_types[invoice.invoice_date]),
            department_id=_department(invoice.department_number, registers.departments),
            project_id=_project(invoice.project_number, registers.projects),
            note=note,
        )
    except _MissingError as missing:
        return missing.refusal


def _customer(number: int, found: Sequence[CustomerRef]) -> tuple[CustomerRef, str | None]:
    """Choose the one active customer, else the only one there is; never the first of several."""
    active = [one for one in found if not one.is_inactive]
    if len(active) == 1:
        others = len(found) - 1
        note = f"Of {len(found)} customers with number {number} the one that is active was taken." if others else None
        return active[0], note
    if len(active) > 1 or len(found) > 1:
        ids = ", ".join(str(one.id) for one in (active or found)[:_SHOWN])
        which = "active" if active else "inactive"
        detail = f"{len(active or found)} {which} customers at Tripletex have number {number} (ids {ids})."
        raise _MissingError(Reason.CUSTOMER_AMBIGUOUS, "customerNumber", detail)
    if not found:
        detail = f"No customer at Tripletex has number {number}; a party that is only a supplier does not count."
        raise _MissingError(Reason.CUSTOMER_UNKNOWN, "customerNumber", detail)
    return found[0], f"Customer {number} is inactive at Tripletex."


def _department(number: str | None, found: Mapping[str, Sequence[Reference]]) -> int | None:
    if number is None:
        return None
    return _only(
        Reason.DEPARTMENT_UNKNOWN, "departmentNumber", f"department at Tripletex has number {number}", found[number]
    )


def _project(number: str | None, found: Mapping[str, Sequence[Reference]]) -> int | None:
    if number is None:
        return None
    return _only(Reason.PROJECT_UNKNOWN, "projectNumber", f"project at Tripletex has number {number}", found[number])


def _currency(code: str, found: Sequence[Reference]) -> int:
    usable = [one for one in found if one.is_active]
    return _only(Reason.CURRENCY_UNKNOWN, "currency", f"currency in use at Tripletex has code {code}", usable)


def _only(reason: Reason, field: str, what: str, found: Sequence[Reference]) -> int:
    """Return the id of the one active reference, else of the only one there is."""
    usable = [one for one in found if one.is_active] or list(found)
    if len(usable) == 1:
        return usable[0].id
    raise _MissingError(reason, field, f"{'More than one' if usable else 'No'} {what}.")


def _vat_types(invoice: InvoiceWanted, active: Mapping[str, VatType]) -> Mapping[str, VatType]:
    """Return the VAT types of the invoice's codes; a number is no id: code 33 may have id 32."""
    lines = inactive_lines(invoice, active)
    if lines:
        raise _MissingError(Reason.VAT_CODE_INACTIVE, vat_fields(lines), vat_detail(lines, invoice.invoice_date))
    return {line.vat_code: active[line.vat_code] for line in invoice.lines}


def inactive_lines(invoice: InvoiceWanted, active: Mapping[str, VatType]) -> Mapping[int, str]:
    """Return the codes that are not active, by line number from 1."""
    return {at: line.vat_code for at, line in enumerate(invoice.lines, start=1) if line.vat_code not in active}


def vat_fields(lines: Mapping[int, str]) -> str:
    """Name the fields as a path into the body, where lines are counted from 0."""
    return ", ".join(f"lines[{at - 1}].vatCode" for at in list(lines)[:_SHOWN])


def vat_detail(lines: Mapping[int, str], day: str) -> str:
    """Say which codes on which lines are not to be had."""
    codes = ", ".join(sorted(set(lines.values()))[:_SHOWN])
    where = ", ".join(map(str, list(lines)[:_SHOWN])) + (" and more" if len(lines) > _SHOWN else "")
    return f"VAT code {codes} on line {where} is not active for sales in this company on {day}."
