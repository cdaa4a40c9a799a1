"""From a row of an OC2 batch to what the poller's domain sees; the one size limit is checked here.

Pure. Owns what of a row counts as content. Knows no call and no store.
"""

import hashlib

from bridge.contracts.identity import EntityNumber, SourceId, invoice_ref
from bridge.contracts.reasons import Reason
from bridge.contracts.topics import MAX_EVENT_BYTES
from bridge.oc2.invoice import InvoiceRow, UnreadableInvoice, parse_invoice, source_hash
from bridge.poller.adapters.customer_rows import HEAD_BYTES
from bridge.poller.domain.batches import ListedBatch
from bridge.poller.domain.memory import Content, Fault, Seen

_DIGITS = 32


def to_seen(raw: object, batch: ListedBatch) -> Seen:
    """Return what a row shows, whatever it holds."""
    row = parse_invoice(raw, batch.number)
    content = _readable(row) if isinstance(row, InvoiceRow) else _unreadable(row)
    number = row.snapshot.invoice_number if isinstance(row, InvoiceRow) else row.number
    return Seen(
        source_id=_source_id(batch.number, number, content),
        number=EntityNumber(str(number)) if number is not None else None,
        version=0,
        newest_change=batch.changed_at,
        content=content,
    )


def _source_id(batch: int, number: int | None, content: Content) -> SourceId:
    # A row that names no invoice is known by its content, so that it is told once.
    return invoice_ref(batch, number if number is not None else f"row-{content.source_hash[:_DIGITS]}")


def _readable(row: InvoiceRow) -> Content:
    digest = source_hash(row.snapshot)
    body = row.snapshot.model_dump_json(by_alias=True, exclude_none=True).encode()
    if len(body) <= MAX_EVENT_BYTES:
        return Content(body, digest)
    detail = (
        f"The invoice is {len(body)} bytes with {len(row.snapshot.lines)} lines; one event may hold {MAX_EVENT_BYTES}. "
        "Split it into several invoices, or shorten its texts, at OC2."
    )
    return Content(body[:HEAD_BYTES], digest, Fault(Reason.EVENT_TOO_LARGE, "lines", detail))


def _unreadable(row: UnreadableInvoice) -> Content:
    fault = Fault(Reason.SOURCE_ROW_UNREADABLE, row.field, row.detail)
    body = row.raw if len(row.raw) <= MAX_EVENT_BYTES else row.raw[:HEAD_BYTES]
    return Content(body, hashlib.sha256(row.raw).hexdigest(), fault)
