"""From an invoice that is wanted, and the ids it refers to, to the request that makes it."""

from dataclasses import dataclass, replace
from decimal import Decimal

from bridge.contracts.events.invoice import InvoiceWanted
from bridge.contracts.identity import TenantId
from bridge.publisher.application.references import Referred
from bridge.publisher.application.verdict import Claim
from bridge.tripletex.invoice_body import ExistingOrder, InvoiceLine, InvoiceRequest, NewOrder
from bridge.tripletex.orders import FoundOrder


@dataclass(frozen=True, slots=True)
class Ready:
    """A claimed invoice with everything that its request needs."""

    claim: Claim
    wanted: InvoiceWanted
    referred: Referred

    @property
    def tenant(self) -> TenantId:
        """Whose it is."""
        return self.claim.parcel.key.tenant


def new_invoice(ready: Ready) -> InvoiceRequest:
    """Return the invoice with an order of its own, or in the order that a former request left without it."""
    left_over = ready.claim.parcel.delivery.order_id
    if left_over is not None:
        return invoice_in(ready, int(left_over))
    return _request(ready, own_order(ready.wanted, ready.referred))


def invoice_in(ready: Ready, order_id: int) -> InvoiceRequest:
    """Return the invoice of an order that stands at Tripletex already."""
    return _request(ready, ExistingOrder(order_id))


def part_delivery(ready: Ready) -> InvoiceRequest:
    """Return the invoice of an order whose number an earlier invoice took: ours goes into the reference."""
    order = own_order(ready.wanted, ready.referred)
    return _request(ready, replace(order, number=None, reference=order.number))


def is_left_from(order: FoundOrder, wanted: InvoiceWanted, referred: Referred) -> bool:
    """Whether our own request left that order without its invoice, and the invoice of it would be this one."""
    return order.is_orphan_of(wanted.invoice_number) and order.is_made_of(own_order(wanted, referred))


def _request(ready: Ready, order: NewOrder | ExistingOrder) -> InvoiceRequest:
    wanted = ready.wanted
    return InvoiceRequest(wanted.invoice_number, wanted.invoice_date, wanted.due_date, order, wanted.kid)


def own_order(wanted: InvoiceWanted, referred: Referred) -> NewOrder:
    """Return the order that is made with the invoice."""
    return NewOrder(
        number=wanted.order_number,
        order_date=wanted.order_date,
        delivery_date=wanted.delivery_date,
        customer_id=referred.customer.id,
        currency_id=referred.currency_id,
        lines=tuple(
            InvoiceLine(
                line.description,
                Decimal(line.quantity),
                Decimal(line.unit_price),
                referred.vat_types[line.vat_code].id,
            )
            for line in wanted.lines
        ),
        department_id=referred.department_id,
        project_id=referred.project_id,
    )
