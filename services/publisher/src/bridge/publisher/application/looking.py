"""The look: is the invoice at Tripletex, and is it ours? Reads only; sends nothing.

It is asked after a doubt, in a claim of its own, and after a refusal, in the same claim.
"""

from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from bridge.contracts.envelope import Outcome
from bridge.contracts.events.invoice import InvoiceWanted
from bridge.contracts.identity import TenantId, Version
from bridge.contracts.reasons import Reason
from bridge.publisher.application.comparing import compare_amounts, divergence, held_of
from bridge.publisher.application.invoice_request import is_left_from
from bridge.publisher.application.references import look_up
from bridge.publisher.application.target import InvoiceTarget
from bridge.publisher.application.verdict import Absent, Adopted, Claim, Taken
from bridge.publisher.domain.delivery.model import Delivery, Refusal
from bridge.publisher.domain.match import Content, Held, Match, find_ours


class Looking:
    """Looks for claimed invoices. Every method raises as reading calls do; then nothing is known."""

    def __init__(self, target: InvoiceTarget) -> None:
        self._target = target

    async def look(self, claim: Claim) -> Adopted | Taken | Absent:
        """Look for the invoice, and if it is not there for an order that was left without it."""
        contents = _contents(claim.parcel.delivery)
        if not contents:
            return await self._find_marked(claim)
        found = await self._find(claim, contents)
        return found or Absent(await self._orphan(claim))

    async def find(self, claim: Claim) -> Adopted | Taken | None:
        """Return whose invoice has the number; None if there is no such invoice."""
        return await self._find(claim, _contents(claim.parcel.delivery))

    async def _find_marked(self, claim: Claim) -> Adopted | Absent:
        """Look for what was never sent as far as we know, and is wanted no more: nothing tells what ours would hold.

        Our own mark shows all the same that one is there, sent before a database was restored.
        """
        tenant, number = claim.parcel.key.tenant, int(claim.parcel.key.entity)
        found = [held_of(stored) for stored in await self._target.find_invoices(tenant, number)]
        ours = next((held for held in found if held.marked), None)
        if ours is None:
            return Absent()
        detail = f"Tripletex has the invoice (id {ours.remote_id}) from us, with content that is known here no more."
        changed = Refusal(Reason.INVOICE_CHANGED_AFTER_TRANSFER, None, detail)
        version = claim.parcel.delivery.wanted.version
        return Adopted(version, ours.remote_id, ours.order_id, differs=changed)

    async def _find(self, claim: Claim, contents: Sequence[Content]) -> Adopted | Taken | None:
        tenant, number = claim.parcel.key.tenant, int(claim.parcel.key.entity)
        found = [held_of(stored) for stored in await self._target.find_invoices(tenant, number)]
        if not found:
            return None
        ours = find_ours(found, contents)
        return await self._adopted(tenant, ours) if ours else _taken(found[0], contents)

    async def _adopted(self, tenant: TenantId, ours: Match) -> Adopted:
        wanted, held = ours.content.wanted, ours.held
        compared = compare_amounts(wanted, await self._target.vat_types(tenant, wanted.invoice_date), held)
        return Adopted(
            version=ours.content.version,
            remote_id=held.remote_id,
            order_id=held.order_id,
            amount_note=compared.note,
            differs=divergence(compared) or _difference(ours.differs),
        )

    async def _orphan(self, claim: Claim) -> str | None:
        """Return the id of an order that our request left without its invoice, and that holds what was sent."""
        delivery = claim.parcel.delivery
        sent = _content(delivery.sent.version, delivery.sent.payload) if delivery.sent else None
        if sent is None:
            return None
        tenant, wanted = claim.parcel.key.tenant, sent.wanted
        orders = await self._target.orders_by_invoice(tenant, wanted.invoice_number)
        if not orders:
            return None
        (referred,) = await look_up(self._target, tenant, [wanted])
        if isinstance(referred, Refusal):
            return None
        return next((str(order.id) for order in orders if is_left_from(order, wanted, referred)), None)


def _contents(delivery: Delivery) -> Sequence[Content]:
    """Return what may be there: what was sent, then what is wanted."""
    return list(_readable(delivery))


def _readable(delivery: Delivery) -> Iterator[Content]:
    sent, wanted = delivery.sent, delivery.wanted
    if sent is not None and (content := _content(sent.version, sent.payload)):
        yield content
    newer = wanted.outcome is Outcome.MAPPED and (sent is None or sent.version != wanted.version)
    if newer and (content := _content(wanted.version, wanted.payload)):
        yield content


def _content(version: Version, payload: bytes) -> Content | None:
    try:
        return Content(version, InvoiceWanted.model_validate_json(payload))
    except ValidationError:
        # A body that is no invoice was never sent as one.
        return None


def _difference(fields: Sequence[str]) -> Refusal | None:
    if not fields:
        return None
    return Refusal(Reason.ADOPTED_BUT_DIFFERENT, None, f"Tripletex has {'; '.join(fields)}.")


def _taken(held: Held, contents: Sequence[Content]) -> Taken:
    ours = contents[-1].wanted if contents else None
    mine = f" Ours is for customer {ours.customer_number}, order {ours.order_number}." if ours else ""
    detail = (
        f"Invoice {held.number} at Tripletex (id {held.remote_id}) is for customer {held.customer_number}, "
        f"order {held.order_number or 'without a number'}.{mine}"
    )
    return Taken(Refusal(Reason.INVOICE_NUMBER_TAKEN, "invoiceNumber", detail))
