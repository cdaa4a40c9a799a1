"""Orders: the one behind an invoice, an orphan whose invoice was never made, and closing.

Owns how an order is read. Invoiced or not is told by its lines (`isCharged`), never by `isClosed`: Tripletex leaves the
order open after `POST /invoice`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bridge.remote.classify import CallKind
from bridge.remote.outcome import Applied, Outcome, Refused
from bridge.tripletex import reading
from bridge.tripletex.access import TripletexTenant
from bridge.tripletex.calls import Calls
from bridge.tripletex.failing import CODE_NOT_FOUND, failure, read_each, value_of
from bridge.tripletex.invoice_body import NewOrder
from bridge.tripletex.invoices import EVER
from bridge.tripletex.marker import marker_of
from bridge.tripletex.reading import FieldError, Raw
from bridge.tripletex.text import normalise

_FIELDS: Final = (
    "id,version,number,reference,deliveryComment,isClosed,orderDate,deliveryDate,"
    "customer(id,customerNumber),department(id),project(id),currency(id),"
    "orderLines(id,isCharged,sortIndex,description,count,unitPriceExcludingVatCurrency,vatType(id))"
)


@dataclass(frozen=True, slots=True)
class FoundLine:
    """One line of an order as Tripletex holds it; `unit_price` is without VAT, in the order's currency."""

    description: str | None
    count: Decimal | None
    unit_price: Decimal | None
    vat_type_id: int | None


@dataclass(frozen=True, slots=True)
class FoundOrder:
    """An order as Tripletex holds it, its lines in their own order.

    `marker` is its `deliveryComment`; `charged` says of each line whether it is invoiced.
    """

    id: int
    version: int
    number: str | None
    reference: str | None
    marker: str | None
    customer_id: int | None
    customer_number: int | None
    is_closed: bool
    charged: tuple[bool, ...]
    lines: tuple[FoundLine, ...] = ()
    order_date: str | None = None
    delivery_date: str | None = None
    department_id: int | None = None
    project_id: int | None = None
    currency_id: int | None = None

    @property
    def any_charged(self) -> bool:
        """Whether some invoice has taken lines of this order."""
        return any(self.charged)

    def is_orphan_of(self, invoice_number: int) -> bool:
        """Whether this is our order for that invoice, open, with its lines and none of them invoiced."""
        uncharged = bool(self.charged) and not self.any_charged
        return self.marker == marker_of(invoice_number) and uncharged and not self.is_closed

    def is_made_of(self, order: NewOrder) -> bool:
        """Whether an invoice of this order would say what one of `order` says.

        Number and reference do not count: an order that was left to Tripletex to number has another number.
        """
        return (
            self.customer_id == order.customer_id
            and (self.order_date, self.delivery_date) == (order.order_date, order.delivery_date)
            and (self.department_id, self.project_id) == (order.department_id, order.project_id)
            and self.currency_id == order.currency_id
            and self.lines
            == tuple(
                FoundLine(normalise(line.description), line.count, line.unit_price, line.vat_type_id)
                for line in order.lines
            )
        )


class OrderCalls(Calls):
    """`/order`. Reading calls raise AccessDeniedError (close the gate) or TransientError (try again later)."""

    async def find_orders_by_number(self, tenant: TripletexTenant, number: str) -> tuple[FoundOrder, ...]:
        """Return the orders with exactly that number, whatever their date."""
        found = await self._orders(tenant, ("number", number), f"order {number}")
        return tuple(order for order in found if order.number == number)

    async def find_orders_by_marker(self, tenant: TripletexTenant, invoice_number: int) -> tuple[FoundOrder, ...]:
        """Return the orders that were made for that invoice, with or without it, whatever their date."""
        marker = marker_of(invoice_number)
        found = await self._orders(tenant, ("deliveryComment", marker), f"the order of invoice {invoice_number}")
        return tuple(order for order in found if order.marker == marker)

    async def get_order(self, tenant: TripletexTenant, order_id: int) -> FoundOrder | None:
        """Return one order, None if Tripletex itself says that there is no such id."""
        what = f"order with id {order_id}"
        outcome = await self._read(tenant, f"/order/{order_id}", [("fields", _FIELDS)])
        match outcome:
            case Applied() if value := value_of(outcome):
                (order,) = read_each(tenant, what, [value], _read_order)
                return order
            case Refused(status=404, code=code) if code == CODE_NOT_FOUND:
                return None
            case _:
                raise failure(tenant, outcome, what)

    async def close_order(
        self, tenant: TripletexTenant, order_id: int, version: int, *, not_after: float | None = None
    ) -> Outcome:
        """Close an order that was just read, so that nothing more is invoiced on it; repeating it changes nothing.

        Its lines are left alone. A version that has moved is `Refused` with status 409: read the order again.

        Raises:
            AccessDeniedError: There is no session to be had; nothing was sent.
        """
        return await self._write(
            tenant,
            CallKind.IDEMPOTENT_PUT,
            "PUT",
            f"/order/{order_id}",
            [("updateLinesAndGroups", "false")],
            {"id": order_id, "version": version, "isClosed": True},
            not_after,
        )

    async def _orders(self, tenant: TripletexTenant, wanted: tuple[str, str], what: str) -> Sequence[FoundOrder]:
        first, last = EVER
        query = [wanted, ("orderDateFrom", first), ("orderDateTo", last), ("fields", _FIELDS)]
        return read_each(tenant, what, await self._rows(tenant, "/order", query, what), _read_order)


def _read_order(raw: Raw) -> FoundOrder:
    customer = reading.part(raw, "customer") or {}
    closed, rows = reading.flag(raw, "isClosed"), _rows_of(raw)
    if closed is None:
        raise FieldError("isClosed", "is missing")
    return FoundOrder(
        id=reading.need(raw, "id"),
        version=reading.need(raw, "version", at_least=0),
        number=reading.text(raw, "number"),
        reference=reading.text(raw, "reference"),
        marker=reading.text(raw, "deliveryComment"),
        customer_id=_id_of(raw, "customer"),
        customer_number=reading.whole(customer, "customerNumber", "customer.customerNumber"),
        is_closed=closed,
        charged=tuple(map(_is_charged, rows)),
        lines=tuple(map(_line, rows)),
        order_date=reading.text(raw, "orderDate"),
        delivery_date=reading.text(raw, "deliveryDate"),
        department_id=_id_of(raw, "department"),
        project_id=_id_of(raw, "project"),
        currency_id=_id_of(raw, "currency"),
    )


def _rows_of(raw: Raw) -> Sequence[Raw]:
    lines = raw.get("orderLines")
    if not isinstance(lines, list) or not all(isinstance(line, Mapping) for line in lines):
        raise FieldError("orderLines", "is not a list of lines")
    return sorted(lines, key=lambda line: reading.whole(line, "sortIndex", "orderLines.sortIndex") or 0)


def _is_charged(line: Raw) -> bool:
    charged = reading.flag(line, "isCharged")
    if charged is None:
        # To guess would invoice a line twice or never.
        raise FieldError("orderLines.isCharged", "is missing")
    return charged


def _line(line: Raw) -> FoundLine:
    return FoundLine(
        description=reading.text(line, "description", "orderLines.description"),
        count=reading.decimal(line, "count", "orderLines.count"),
        unit_price=reading.decimal(line, "unitPriceExcludingVatCurrency", "orderLines.unitPriceExcludingVatCurrency"),
        vat_type_id=_id_of(line, "vatType"),
    )


def _id_of(raw: Raw, name: str) -> int | None:
    return reading.whole(reading.part(raw, name) or {}, "id", f"{name}.id")
