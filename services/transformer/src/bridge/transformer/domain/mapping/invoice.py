"""An invoice of OC2 as Tripletex shall hold it.

Owns the fifteen values and the rule of each; `docs/mapping-invoices.md` tells them as a table. Amounts, dates and codes
are texts and stay the same characters. An invoice is mapped whole or not at all: nothing of it is left out, cut or
guessed.
"""

import unicodedata
from collections.abc import Callable, Sequence
from typing import Final

from bridge.contracts import vat_codes as vat
from bridge.contracts.events.invoice import (
    FIRST_DAY,
    LAST_DAY,
    MAX_INVOICE_NUMBER,
    InvoiceLine,
    InvoiceSnapshot,
    InvoiceWanted,
)
from bridge.contracts.kid import has_check_digit, mod10, mod11
from bridge.contracts.line_sum import plain, sum_of
from bridge.contracts.reasons import Reason
from bridge.transformer.domain.rules import Notes, Rule, present
from bridge.transformer.domain.unmapped import Unmapped

_LINES_SHOWN: Final = 5


def map_invoice(snapshot: InvoiceSnapshot) -> InvoiceWanted | Unmapped:
    """Return what Tripletex shall hold for this invoice, or the first reason why it can hold nothing.

    A delivery date that OC2 did not give and a text in another normal form leave a note; nothing else is changed.
    """
    for check in _CHECKS:
        if (fault := check(snapshot)) is not None:
            return fault
    notes = Notes()
    return InvoiceWanted(
        invoice_number=snapshot.invoice_number,
        invoice_date=snapshot.invoice_date,
        due_date=snapshot.due_date,
        kid=snapshot.kid,
        order_number=snapshot.order_number,
        order_date=snapshot.order_date,
        customer_number=snapshot.customer_number,
        department_number=_unless_blank(snapshot.department_number),
        project_number=_unless_blank(snapshot.project_number),
        currency=snapshot.currency,
        delivery_date=snapshot.delivery_date or _day_of_invoice(snapshot, notes),
        lines=_lines(snapshot.lines, notes),
        notes=tuple(notes.taken),
    )


def _number_fault(snapshot: InvoiceSnapshot) -> Unmapped | None:
    numbers = {"invoiceNumber": snapshot.invoice_number, "customerNumber": snapshot.customer_number}
    for name, number in numbers.items():
        if number > MAX_INVOICE_NUMBER:
            return Unmapped(Reason.INVOICE_NUMBER_INVALID, name, f"{name} is above {MAX_INVOICE_NUMBER}.")
    return None


def _date_fault(snapshot: InvoiceSnapshot) -> Unmapped | None:
    # Ten characters each, so that the order of the texts is the order of the days.
    for name, day in {"invoiceDate": snapshot.invoice_date, "orderDate": snapshot.order_date}.items():
        if not FIRST_DAY <= day <= LAST_DAY:
            return Unmapped(Reason.DATES_INVALID, name, f"{name} is {day}; it must be from {FIRST_DAY} to {LAST_DAY}.")
    if snapshot.due_date >= snapshot.invoice_date:
        return None
    detail = f"The due date {snapshot.due_date} is before the invoice date {snapshot.invoice_date}."
    return Unmapped(Reason.DATES_INVALID, "dueDate", detail)


def _order_fault(snapshot: InvoiceSnapshot) -> Unmapped | None:
    if present(snapshot.order_number) is not None:
        return None
    return Unmapped(Reason.ORDER_NUMBER_MISSING, "orderNumber", "The order number is empty.")


def _kid_fault(snapshot: InvoiceSnapshot) -> Unmapped | None:
    kid = snapshot.kid
    if kid is None or has_check_digit(kid):
        return None
    digits = kid[:-1]
    detail = f"The KID {kid} ends in {kid[-1]}; MOD10 asks for {mod10(digits)}, MOD11 for {mod11(digits)}."
    return Unmapped(Reason.INVALID_KID, "kid", detail)


def _text_fault(snapshot: InvoiceSnapshot) -> Unmapped | None:
    empty = [place for place, line in enumerate(snapshot.lines) if present(line.description) is None]
    if not empty:
        return None
    return Unmapped(Reason.LINE_TEXT_MISSING, f"lines[{empty[0]}].description", f"No text on {_line_names(empty)}.")


def _vat_fault(snapshot: InvoiceSnapshot) -> Unmapped | None:
    for place, code in enumerate(line.vat_code for line in snapshot.lines):
        if code not in vat.SALES:
            reason = Reason.VAT_CODE_NOT_FOR_SALES if code in vat.PURCHASES else Reason.VAT_CODE_UNKNOWN
            alike = [other for other, line in enumerate(snapshot.lines) if line.vat_code == code]
            return Unmapped(reason, f"lines[{place}].vatCode", f"VAT code {code!r} on {_line_names(alike)}.")
    return None


def _amount_fault(snapshot: InvoiceSnapshot) -> Unmapped | None:
    found, given = sum_of(snapshot.lines), snapshot.total_excluding_vat
    shown = f"{plain(found.exact)} {snapshot.currency}"
    if given is not None and not found.agrees_with(given):
        detail = f"OC2 gives {given}, the lines sum to {shown}; at most {plain(found.tolerance)} may differ."
        return Unmapped(Reason.TOTAL_DIFFERS_FROM_LINES, "totalExcludingVat", detail)
    if found.is_zero:
        return Unmapped(Reason.INVOICE_OF_ZERO, "lines", f"The lines sum to {shown}.")
    if found.is_negative:
        detail = f"The lines sum to {shown}. OC2 names no original, so the invoice to credit cannot be told."
        return Unmapped(Reason.INVOICE_NEGATIVE, "lines", detail)
    return None


_CHECKS: Final[tuple[Callable[[InvoiceSnapshot], Unmapped | None], ...]] = (
    _number_fault,
    _date_fault,
    _order_fault,
    _kid_fault,
    _text_fault,
    _vat_fault,
    _amount_fault,
)


def _line_names(places: Sequence[int]) -> str:
    """Return lines as people count them, from 1; of many the first few."""
    shown = ", ".join(str(place + 1) for place in places[:_LINES_SHOWN])
    more = f" and {len(places) - _LINES_SHOWN} more" if len(places) > _LINES_SHOWN else ""
    return f"{'line' if len(places) == 1 else 'lines'} {shown}{more}"


def _unless_blank(text: str | None) -> str | None:
    return text if present(text) is not None else None


def _day_of_invoice(snapshot: InvoiceSnapshot, notes: Notes) -> str:
    notes.add("deliveryDate", Rule.DELIVERY_DATE_DEFAULT, was="", now=snapshot.invoice_date)
    return snapshot.invoice_date


def _lines(lines: Sequence[InvoiceLine], notes: Notes) -> tuple[InvoiceLine, ...]:
    composed = tuple(
        line.model_copy(update={"description": text})
        if (text := _composed(line.description)) != line.description
        else line
        for line in lines
    )
    changed = [place for place, line in enumerate(lines) if composed[place] is not line]
    if changed:
        # One note for all lines: a note for each could make the event larger than the broker takes.
        first = changed[0]
        notes.add(
            f"lines[{first}].description",
            Rule.NORMAL_FORM_C,
            was=lines[first].description,
            now=composed[first].description,
        )
    return composed


def _composed(text: str) -> str:
    """Return the text in normal form C, or as it is where that form would be longer and so could pass a limit."""
    composed = unicodedata.normalize("NFC", text)
    return composed if len(composed) <= len(text) else text
