"""One line per valid invoice event as it lies on `invoice-generated`."""

from dataclasses import replace

from bridge.contracts.envelope import Envelope, EventType
from bridge.contracts.events.invoice import InvoiceSnapshot
from bridge.contracts.identity import Flow, TenantId, event_id, invoice_ref
from bridge.testkit.customer_events import TENANT, RawEvent, customer_envelope, raw_event

BATCH = 88


def invoice_line(**fields: object) -> dict[str, object]:
    """Return one line by its names on the wire; `fields` replace its values."""
    return {"description": "Frakt pall", "unitPrice": "1250.00", "quantity": "1", "vatCode": "3", **fields}


def invoice_body(number: int = 10472, **fields: object) -> dict[str, object]:
    """Return the body of an invoice that maps, by its names on the wire; `fields` replace values or add some."""
    return {
        "batchNumber": BATCH,
        "invoiceNumber": number,
        "invoiceDate": "2026-11-10",
        "dueDate": "2026-11-24",
        "orderNumber": f"5{number}",
        "orderDate": "2026-11-03",
        "customerNumber": 10002,
        "currency": "NOK",
        "deliveryDate": "2026-11-05",
        "lines": [invoice_line()],
        **fields,
    }


def invoice_snapshot(number: int = 10472, **fields: object) -> InvoiceSnapshot:
    """Return an invoice that maps; `fields` go by their names on the wire."""
    return InvoiceSnapshot.model_validate(invoice_body(number, **fields))


def invoice_envelope(number: int = 10472, *, revision: int = 1 << 40 | 77, tenant: TenantId = TENANT) -> Envelope:
    """Return the envelope of a change of this invoice."""
    customer = customer_envelope(number, revision=revision, tenant=tenant)
    return replace(
        customer,
        event_id=event_id(tenant=tenant, flow=Flow.INVOICES, entity=customer.entity, version=customer.version),
        type=EventType.INVOICE_GENERATED,
        flow=Flow.INVOICES,
        source_ref=invoice_ref(BATCH, number),
    )


def invoice_generated(number: int = 10472, *, revision: int = 1 << 40 | 77, **fields: object) -> RawEvent:
    """Return the record of an invoice that maps."""
    body = invoice_snapshot(number, **fields).model_dump_json(by_alias=True, exclude_none=True).encode()
    return raw_event(invoice_envelope(number, revision=revision), body)
