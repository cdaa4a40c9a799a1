"""An invoice as Tripletex holds it, compared with the content it is taken for."""

from collections.abc import Mapping

from bridge.contracts.events.invoice import InvoiceWanted
from bridge.contracts.reasons import Reason
from bridge.publisher.domain.amounts import Compared, Told, compare
from bridge.publisher.domain.delivery.model import Refusal
from bridge.publisher.domain.match import Held
from bridge.tripletex.invoices import StoredInvoice
from bridge.tripletex.marker import marker_of
from bridge.tripletex.references import VatType


def held_of(stored: StoredInvoice) -> Held:
    """Return it in the words of our own rules."""
    return Held(
        remote_id=str(stored.id),
        number=stored.number,
        customer_number=stored.customer_number,
        order_id=None if stored.order_id is None else str(stored.order_id),
        order_number=stored.order_number,
        order_reference=stored.order_reference,
        marked=stored.order_marker == marker_of(stored.number),
        invoice_date=stored.invoice_date,
        due_date=stored.due_date,
        kid=stored.kid,
        net=stored.net,
        gross=stored.gross,
        roundoff=stored.roundoff,
    )


def compare_amounts(invoice: InvoiceWanted, vat_types: Mapping[str, VatType], held: Held) -> Compared:
    """Compare its sums with those of the lines; `vat_types` by code."""
    rates = {code: found.percentage for code, found in vat_types.items()}
    return compare(invoice.lines, rates, Told(held.net, held.gross, held.roundoff))


def divergence(compared: Compared) -> Refusal | None:
    """Return why a person must look at the amounts; None if nobody must."""
    return Refusal(Reason.AMOUNT_DIFFERS, None, f"Tripletex has {compared.note}.") if compared.diverged else None
