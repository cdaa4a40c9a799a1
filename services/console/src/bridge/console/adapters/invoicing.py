"""What the doctor looks at before invoices can be made: rights, bank account, VAT codes, rounding, ledger floor."""

from datetime import UTC, datetime
from typing import Final

from bridge.console.application.doctor import UnhealthyError
from bridge.contracts.reasons import REASONS, Reason
from bridge.contracts.vat_codes import SALES
from bridge.durable.database import Database
from bridge.durable.queries import load_queries
from bridge.tenancy.tenant import Tenant
from bridge.tripletex.access import TripletexTenant
from bridge.tripletex.client import TripletexClient

_SQL: Final = load_queries("bridge.console.sql", "doctor_queries.sql")


async def look_at_invoicing(client: TripletexClient, access: TripletexTenant, tenant: Tenant, db: Database) -> str:
    """Return what was found, with what a person should know of it.

    Raises:
        UnhealthyError: No invoice could be made; the first reason why, with its remedy.
        AccessDeniedError: Tripletex refuses the token.
        TransientError: Tripletex did not answer as it should.
    """
    if not await client.may_invoice(access):
        raise _unhealthy(Reason.RIGHTS_MISSING)
    ready = await client.bank_account_ready(access)
    if ready is False:
        raise _unhealthy(Reason.BANK_ACCOUNT_MISSING)
    in_use = await client.vat_types(access, datetime.now(UTC).date().isoformat())
    if not in_use:
        raise UnhealthyError(
            "No VAT code for sales is active at Tripletex.", remedy=REASONS[Reason.VAT_CODE_INACTIVE].remedy
        )
    codes = ", ".join(sorted(SALES & in_use.keys(), key=int))
    bank = "The bank account for invoices is set." if ready else "Tripletex tells nothing of a bank account."
    number = tenant.ledger_floor.number
    floor = "Every new invoice is" if number is None else f"Invoices up to {number} are"
    found = f"{bank} VAT codes for sales in use: {codes}. {floor} looked up before the first send."
    rounded = await _rounded(db, tenant)
    return f"{found} {_rounding(rounded)}" if rounded else found


async def _rounded(db: Database, tenant: Tenant) -> int:
    async with db.transaction() as tx:
        row = await tx.one(_SQL["rounded"], {"tenant": tenant.id})
    return row.number("n") if row is not None else 0


def _rounding(rounded: int) -> str:
    return (
        f"Note: Tripletex rounded {rounded} invoices to whole kroner, so their totals differ from OC2's by up to 0.50. "
        "That is a setting of the company; switch it off there if the totals shall be alike."
    )


def _unhealthy(reason: Reason) -> UnhealthyError:
    return UnhealthyError(REASONS[reason].sentence, remedy=REASONS[reason].remedy)
