"""What must be in place at Tripletex before an invoice can be made, asked by safe GETs.

Tells the causes of a refusal apart without reading its text. Each answer is True or False, or None where the company's
Tripletex does not tell; a call that fails raises AccessDeniedError or TransientError.
"""

from datetime import date, timedelta
from typing import Final

from bridge.remote.outcome import Applied, Outcome, Refused
from bridge.tripletex import reading
from bridge.tripletex.access import TripletexTenant
from bridge.tripletex.calls import Calls
from bridge.tripletex.failing import failure, read_each, rows_of, value_of
from bridge.tripletex.reading import FieldError, Raw

_CANNOT_TELL: Final = (403, 404)
_NARROW: Final = ("2000-01-01", "2000-01-02")
"""One day without documents: the smallest answer there is."""


class PreflightCalls(Calls):
    """The preconditions of invoicing."""

    async def bank_account_ready(self, tenant: TripletexTenant) -> bool | None:
        """Tell whether the company has the bank account number without which no invoice can be made."""
        outcome = await self._read(tenant, "/invoice/settings", [("fields", "bankAccountReady")])
        if isinstance(outcome, Applied):
            ready = value_of(outcome).get("bankAccountReady")
            return ready if isinstance(ready, bool) else await self._invoice_account_stands(tenant)
        if _cannot_tell(outcome):
            # No document has this path, so a release may not have it either.
            return await self._invoice_account_stands(tenant)
        raise failure(tenant, outcome, "the bank account for invoices")

    async def period_closed(self, tenant: TripletexTenant, day: str) -> bool | None:
        """Tell whether the accounting period of that day (YYYY-MM-DD) is closed; None if it is unknown."""
        what, after = f"the accounting period of {day}", (date.fromisoformat(day) + timedelta(days=1)).isoformat()
        query = [("startTo", after), ("endFrom", day), ("fields", "id,start,end,isClosed")]
        outcome = await self._read(tenant, "/ledger/accountingPeriod", query)
        if _cannot_tell(outcome):
            return None
        found = read_each(tenant, what, rows_of(tenant, outcome, what), _period)
        # A period's end is not said to be in it or after it: of two that touch the day the later begun one holds it.
        held = [(start, closed) for start, end, closed in found if start <= day <= end]
        return max(held)[1] if held else None

    async def may_invoice(self, tenant: TripletexTenant) -> bool:
        """Tell whether the token reaches invoices and orders; False is a 403.

        True does not show the right to write: only a write can.
        """
        for path, dates in (("/invoice", "invoiceDate"), ("/order", "orderDate")):
            first, last = _NARROW
            query = [(f"{dates}From", first), (f"{dates}To", last), ("fields", "id"), ("count", "1")]
            outcome = await self._read(tenant, path, query)
            if isinstance(outcome, Refused) and outcome.status == 403:
                return False
            rows_of(tenant, outcome, f"the right to {path}")
        return True

    async def _invoice_account_stands(self, tenant: TripletexTenant) -> bool | None:
        query = [("isBankAccount", "true"), ("fields", "id,isBankAccount,isInvoiceAccount,bankAccountNumber")]
        outcome = await self._read(tenant, "/ledger/account", query)
        if _cannot_tell(outcome):
            return None
        rows = rows_of(tenant, outcome, "the accounts with a bank account number")
        return any(row.get("isInvoiceAccount") is True and bool(row.get("bankAccountNumber")) for row in rows)


def _cannot_tell(outcome: Outcome) -> bool:
    return isinstance(outcome, Refused) and outcome.status in _CANNOT_TELL


def _period(raw: Raw) -> tuple[str, str, bool]:
    start, end, closed = reading.text(raw, "start"), reading.text(raw, "end"), reading.flag(raw, "isClosed")
    if start is None or end is None or closed is None:
        raise FieldError("start, end or isClosed", "is missing")
    return start, end, closed
