"""Who holds an invoice number when batches share it: the rules of the flow of invoices.

A row is one invoice in one batch. The row that was new or corrected last holds the number, by the batch's `changedAt`
at that moment, then by the batch's number; reading a batch again moves nothing. Another batch that holds the invoice is
news even if the content is the same, because OC2 awaits a receipt for each batch.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

from bridge.contracts.envelope import EventType
from bridge.contracts.events.invoice import InvoiceWithdrawn, InvoiceWithdrawnBecause
from bridge.contracts.identity import SourceId, batch_of
from bridge.poller.domain.memory import Because, Content, Entity, Event, Record

_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


class InvoiceRules:
    """See `claims.ClaimRules`."""

    changed = EventType.INVOICE_GENERATED
    unreadable = EventType.INVOICE_UNREADABLE
    withdrawn = EventType.INVOICE_WITHDRAWN
    rows_stand_alone = False
    rank_is_of_content = True
    told_anew_by_holder = True

    def choose_holder(
        self, entity: Entity | None, claimants: Sequence[Record], former: Record | None, fresh: Collection[SourceId]
    ) -> SourceId | None:
        """Return the newest row; what a batch said that is done stands until a row says something new."""
        if entity is None or entity.withdrawn is not None or former is not None:
            return _newest(claimants)
        # The holder's batch has left OC2's list: it was transferred. An older row of another batch must not undo what
        # it said, but one of the same content takes it over, so that its batch gets a receipt, too.
        heirs = [row for row in claimants if row.source_id in fresh or entity.source_hash in (None, row.source_hash)]
        return _newest(heirs) or entity.holder

    def withdraw(self, entity: Entity, former: Record | None) -> tuple[Because, Content]:
        """Return the body that says that the invoice was taken out of the batch that held it."""
        because = InvoiceWithdrawnBecause.TAKEN_BACK
        batch = batch_of(entity.holder or SourceId(""))
        assert batch is not None, "an invoice is held by a row of a batch"
        withdrawn = InvoiceWithdrawn(batch_number=batch, invoice_number=int(entity.number), because=because)
        body = withdrawn.model_dump_json(by_alias=True).encode()
        return because, Content(body, hashlib.sha256(body).hexdigest())

    def left_by(self, entity: Entity) -> SourceId | None:
        """Return the row that was taken back: a withdrawal that is told once more names its batch again."""
        return entity.holder

    def waiting_letter(self, record: Record, content: Content, holder: SourceId) -> Event | None:
        """One invoice in two batches is nothing that a person must mend."""
        return None


def _newest(rows: Iterable[Record]) -> SourceId | None:
    return max(rows, key=_rank).source_id if (rows := list(rows)) else None


def _rank(row: Record) -> tuple[datetime, int]:
    return (row.newest_change or _BEFORE_ALL, batch_of(row.source_id) or 0)
