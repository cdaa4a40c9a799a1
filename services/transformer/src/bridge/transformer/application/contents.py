"""How the bodies of each flow are read and mapped: the one place where a flow meets its mapping."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel

from bridge.contracts.events.customer import CustomerSnapshot, CustomerWithdrawn
from bridge.contracts.events.invoice import InvoiceLine, InvoiceSnapshot, InvoiceWithdrawn
from bridge.contracts.identity import Flow
from bridge.transformer.domain.mapping.customer import map_customer
from bridge.transformer.domain.mapping.invoice import map_invoice
from bridge.transformer.domain.unmapped import Unmapped

Changed = TypeVar("Changed", bound=BaseModel)
Withdrawn = TypeVar("Withdrawn", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Content(Generic[Changed, Withdrawn]):
    """The bodies of one flow.

    `number` is the entity's number in a body, `number_field` its name on the wire. `sample` is content that is known
    to map.
    """

    changed: type[Changed]
    withdrawn: type[Withdrawn]
    number_field: str
    number: Callable[[Changed | Withdrawn], int]
    to_wanted: Callable[[Changed], BaseModel | Unmapped]
    sample: Changed

    def prove(self) -> None:
        """Map the sample.

        Raises:
            Exception: The mapping itself is broken; no record is to blame.
        """
        self.to_wanted(self.sample)


def _customer_number(body: CustomerSnapshot | CustomerWithdrawn) -> int:
    return body.customer_number


def _invoice_number(body: InvoiceSnapshot | InvoiceWithdrawn) -> int:
    return body.invoice_number


CUSTOMER_CONTENT: Final = Content(
    changed=CustomerSnapshot,
    withdrawn=CustomerWithdrawn,
    number_field="customerNumber",
    number=_customer_number,
    to_wanted=map_customer,
    sample=CustomerSnapshot(customer_number=1, name="Sample AS", is_inactive=False),
)
INVOICE_CONTENT: Final = Content(
    changed=InvoiceSnapshot,
    withdrawn=InvoiceWithdrawn,
    number_field="invoiceNumber",
    number=_invoice_number,
    to_wanted=map_invoice,
    sample=InvoiceSnapshot(
        batch_number=1,
        invoice_number=1,
        invoice_date="2026-01-31",
        due_date="2026-02-14",
        order_number="1",
        order_date="2026-01-30",
        customer_number=1,
        currency="NOK",
        lines=(InvoiceLine(description="Sample", unit_price="1", quantity="1", vat_code="3"),),
    ),
)

CONTENTS: Final[dict[Flow, Content[Any, Any]]] = {
    Flow.CUSTOMERS: CUSTOMER_CONTENT,
    Flow.INVOICES: INVOICE_CONTENT,
}
