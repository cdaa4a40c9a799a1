"""What a refusal of an invoice means. It is never believed at once, and never told by its text.

A refusal may hide an invoice that is there: a number in use may be our own, from a call whose answer was lost, and a
403 proves nothing. So a look comes first. Then the fields that are named, and safe calls about what may be wrong with
the company, tell whether the tenant waits, the request takes another form, or this invoice alone is refused.
"""

from collections.abc import Sequence, Set
from typing import Final

from bridge.contracts.reasons import Reason, describe
from bridge.publisher.application.invoice_request import Ready, invoice_in, is_left_from, part_delivery
from bridge.publisher.application.looking import Looking
from bridge.publisher.application.references import inactive_lines, vat_detail, vat_fields
from bridge.publisher.application.target import InvoiceTarget
from bridge.publisher.application.verdict import Declined, Denied, Unclear, Verdict, declined
from bridge.publisher.domain.delivery.model import Refusal
from bridge.remote.outcome import Refused
from bridge.runtime.errors import BridgeError
from bridge.tripletex.invoice_body import InvoiceRequest, NewOrder
from bridge.tripletex.orders import FoundOrder
from bridge.tripletex.refusal import Topic, topics

_FORBIDDEN: Final = 403
_ABOUT_THE_ORDER: Final = frozenset({Topic.ORDER_NUMBER, Topic.UNNAMED})
_ABOUT_THE_COMPANY: Final = frozenset({Topic.UNNAMED, Topic.OTHER})
_ABOUT_THE_PERIOD: Final = _ABOUT_THE_COMPANY | {Topic.INVOICE_DATE}
_ELECTRONIC: Final = frozenset({"EHF", "EFAKTURA"})


class Refusing:
    """Judges refusals of `POST /invoice`."""

    def __init__(self, target: InvoiceTarget, looking: Looking) -> None:
        self._target = target
        self._looking = looking

    async def judge(self, ready: Ready, request: InvoiceRequest, refused: Refused) -> Verdict | InvoiceRequest:
        """Return what became of it, or the request to make instead, once, in the same claim.

        Raises:
            AccessDeniedError, SecretMissingError, TransientError: The invoice is not there, but why it was refused
                could not be found out.
        """
        try:
            found = await self._looking.find(ready.claim)
        except BridgeError as error:
            return Unclear(f"Refused ({refused.status}), and the look that must follow failed: {error}")
        if found is not None:
            return found
        if refused.status == _FORBIDDEN:
            return Denied(Reason.RIGHTS_MISSING, refused.detail or describe(Reason.RIGHTS_MISSING))
        named = topics(refused)
        if isinstance(request.order, NewOrder) and named & _ABOUT_THE_ORDER:
            other = await self._about_the_order(ready, request.order, refused, named)
            if other is not None:
                return other
        return await self._cause(ready, refused, named)

    async def _about_the_order(
        self, ready: Ready, order: NewOrder, refused: Refused, named: Set[Topic]
    ) -> Verdict | InvoiceRequest | None:
        """Find out who holds the order number; None if nobody does that can be found and the number is not named."""
        if order.number is None:
            return None
        held = await self._target.orders_by_number(ready.tenant, order.number)
        for one in held:
            if is_left_from(one, ready.wanted, ready.referred):
                return invoice_in(ready, one.id)
            if one.customer_number == ready.wanted.customer_number and one.any_charged:
                return part_delivery(ready)
        if held or Topic.ORDER_NUMBER in named:
            return _known(Reason.ORDER_NUMBER_TAKEN, "orderNumber", _holder(order.number, held), refused)
        return None

    async def _cause(self, ready: Ready, refused: Refused, named: Set[Topic]) -> Verdict:
        tenant, wanted = ready.tenant, ready.wanted
        if named & _ABOUT_THE_COMPANY and await self._target.bank_account_ready(tenant) is False:
            return Denied(Reason.BANK_ACCOUNT_MISSING, _said(refused))
        if named & _ABOUT_THE_PERIOD and await self._target.period_closed(tenant, wanted.invoice_date) is True:
            detail = f"The period of {wanted.invoice_date} is closed at Tripletex."
            return _known(Reason.PERIOD_CLOSED, "invoiceDate", detail, refused)
        if Topic.VAT_TYPE in named:
            lines = inactive_lines(wanted, await self._target.vat_types(tenant, wanted.invoice_date))
            if lines:
                detail = vat_detail(lines, wanted.invoice_date)
                return _known(Reason.VAT_CODE_INACTIVE, vat_fields(lines), detail, refused)
        method = ready.referred.customer.invoice_send_method
        if named == {Topic.UNNAMED} and method in _ELECTRONIC:
            detail = f"Customer {wanted.customer_number} is set to {method}."
            return _known(Reason.SENDING_METHOD_REFUSED, "customerNumber", detail, refused)
        return declined(refused)


def _known(reason: Reason, field: str, detail: str, refused: Refused) -> Declined:
    """A refusal whose cause lies with this invoice."""
    return Declined(Refusal(reason, field, f"{detail} Tripletex: {_said(refused)}"), None)


def _holder(number: str, held: Sequence[FoundOrder]) -> str:
    if not held:
        return f"Order number {number} is in use at Tripletex, by a project or an offer perhaps."
    return f"Order number {number} is that of order id {held[0].id}, customer {held[0].customer_number}."


def _said(refused: Refused) -> str:
    """Return Tripletex's own words; for people only."""
    texts = [one.message for one in refused.fields if one.message]
    return "; ".join(texts) or refused.detail or f"status {refused.status}"
