"""Is it ours? An invoice that a look found, compared with the contents that we sent or want.

Pure. An invoice is ours if its order carries our own mark for its number, or if it carries our number for our customer
and belongs to our order: by the order's number, or by the reference of an order whose number Tripletex gave (part
deliveries). Nobody else sets the mark, so a content that we know no more, of another customer even, is ours by it: from
before a database was restored. Dates and KID decide nothing: a person may have corrected them, so a difference there is
told and the invoice is kept.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from bridge.contracts.events.invoice import InvoiceWanted
from bridge.contracts.identity import Version


@dataclass(frozen=True, slots=True)
class Held:
    """An invoice as the target holds it; `marked` tells that its order carries our mark for this very number.

    Amounts are in the invoice's own currency, `gross` with `roundoff` in it; one that was not told is None.
    """

    remote_id: str
    number: int
    customer_number: int | None = None
    order_id: str | None = None
    order_number: str | None = None
    order_reference: str | None = None
    marked: bool = False
    invoice_date: str | None = None
    due_date: str | None = None
    kid: str | None = None
    net: Decimal | None = None
    gross: Decimal | None = None
    roundoff: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """A version's content: one that was sent, or one that is wanted."""

    version: Version
    wanted: InvoiceWanted


@dataclass(frozen=True, slots=True)
class Match:
    """A found invoice that is ours, the content it is taken for, and the fields in which the two differ."""

    held: Held
    content: Content
    differs: tuple[str, ...]


def find_ours(found: Sequence[Held], contents: Sequence[Content]) -> Match | None:
    """Return the found invoice that is ours, or None if none is.

    Earlier contents go before later ones, and a pair without a difference before one with any: of two versions that
    both fit, the one that is there word for word is the one that was stored.
    """
    matches = list(_matches(found, contents))
    return next((match for match in matches if not match.differs), matches[0] if matches else None)


def _matches(found: Sequence[Held], contents: Sequence[Content]) -> Iterator[Match]:
    for content in contents:
        for held in found:
            if _is_ours(held, content.wanted):
                yield Match(held, content, _differences(held, content.wanted))


def _is_ours(held: Held, wanted: InvoiceWanted) -> bool:
    if held.number != wanted.invoice_number:
        return False
    same_customer = held.customer_number == wanted.customer_number
    return held.marked or (same_customer and wanted.order_number in (held.order_number, held.order_reference))


def _differences(held: Held, wanted: InvoiceWanted) -> tuple[str, ...]:
    customer = wanted.customer_number if held.customer_number is None else held.customer_number
    pairs = {
        "customerNumber": (str(customer), str(wanted.customer_number)),
        "invoiceDate": (held.invoice_date, wanted.invoice_date),
        "dueDate": (held.due_date, wanted.due_date),
        "kid": (held.kid, wanted.kid),
    }
    return tuple(
        f"{name} {there or 'none'} instead of {ours or 'none'}"
        for name, (there, ours) in pairs.items()
        if there != ours
    )
