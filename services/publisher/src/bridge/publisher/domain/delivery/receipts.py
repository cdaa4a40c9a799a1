"""What the source is told of an invoice: the wanted receipt, built from the row, against the one it was told.

Pure. A receipt is a text, so that two of them are equal exactly when they say the same to the same batch.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from bridge.contracts.identity import batch_of
from bridge.contracts.reasons import Reason
from bridge.publisher.domain.delivery import facts
from bridge.publisher.domain.delivery.model import Delivery, Policy, Receipt, Refusal, State


class ReceiptStatus(StrEnum):
    """The two words that the source knows."""

    TRANSFERRED = "TRANSFERRED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class ReceiptContent:
    """One receipt, apart from the invoice number: for which batch, what became of the invoice, and why."""

    batch: int
    status: ReceiptStatus
    remote_id: str | None = None
    reason: Reason | None = None
    field: str | None = None
    detail: str | None = None

    def text(self) -> str:
        """Return the stored form; equal contents have equal texts."""
        values = {
            "batch": self.batch,
            "status": self.status.value,
            "id": self.remote_id,
            "reason": self.reason.value if self.reason else None,
            "field": self.field,
            "detail": self.detail,
        }
        kept = {name: value for name, value in values.items() if value is not None}
        return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def read_receipt(text: str) -> ReceiptContent:
    """Return the content of a stored receipt."""
    values = json.loads(text)
    reason = values.get("reason")
    return ReceiptContent(
        batch=values["batch"],
        status=ReceiptStatus(values["status"]),
        remote_id=values.get("id"),
        reason=Reason(reason) if reason else None,
        field=values.get("field"),
        detail=values.get("detail"),
    )


def wish(delivery: Delivery, at: datetime, refusal: Refusal | None = None) -> Delivery:
    """Return the delivery with the receipt that its state asks for; `refusal` says why where it does not say itself.

    Nothing is wanted while the outcome is open: a REJECTED that could turn out wrong is worse than a late receipt.
    """
    if not delivery.once:
        return delivery
    wanted = _wanted(delivery, refusal)
    text = wanted.text() if wanted else None
    return replace(delivery, receipt=_due(replace(delivery.receipt, wanted=text), at))


def tell_again(delivery: Delivery, at: datetime) -> Delivery:
    """Return the delivery with its receipt wanted once more, as if the source had never been told."""
    return replace(delivery, receipt=_due(replace(delivery.receipt, sent=None), at))


def step(receipt: Receipt, fact: facts.ReceiptFact, policy: Policy) -> Receipt:
    """Return what a fact about a receipt makes of it."""
    match fact:
        case facts.ReceiptClaimed(epoch):
            return replace(receipt, due_at=None, out=receipt.wanted, out_epoch=epoch)
        case facts.ReceiptTold(told, at):
            return _due(replace(receipt, sent=told, out=None, out_epoch=None, look=False, due_at=None), at)
        case facts.ReceiptNotHeld(at):
            return _due(replace(receipt, sent=None, out=None, out_epoch=None, look=False, due_at=None), at)
        case facts.ReceiptUnclear(at):
            # Neither the old nor the new one is certain to stand; and until it has settled nothing newer may go.
            doubted = replace(receipt, sent=None, out=None, out_epoch=None, look=True)
            return replace(doubted, due_at=at + policy.settle)
        case facts.ReceiptWaits(due_at):
            return replace(receipt, out=None, out_epoch=None, due_at=due_at)
        case _:
            assert_never(fact)


def _due(receipt: Receipt, at: datetime) -> Receipt:
    if receipt.out_epoch is not None or receipt.look:
        return receipt
    to_tell = receipt.wanted is not None and receipt.wanted != receipt.sent
    return replace(receipt, due_at=(receipt.due_at or at) if to_tell else None)


def _wanted(delivery: Delivery, refusal: Refusal | None) -> ReceiptContent | None:
    batch = batch_of(delivery.wanted.source_ref)
    if batch is None:
        return None
    if delivery.state is State.CONFIRMED:
        said = refusal if delivery.reason is not None else None
        return _content(batch, ReceiptStatus.TRANSFERRED, said, delivery.remote_id)
    given_up = delivery.state is State.DEAD or (delivery.state is State.DISCARDED and not delivery.wanted.withdrawn)
    if not given_up or delivery.maybe_there or refusal is None:
        return None
    return _content(batch, ReceiptStatus.REJECTED, refusal)


def _content(
    batch: int, status: ReceiptStatus, refusal: Refusal | None, remote_id: str | None = None
) -> ReceiptContent:
    if refusal is None:
        return ReceiptContent(batch, status, remote_id)
    return ReceiptContent(batch, status, remote_id, refusal.reason, refusal.field, refusal.detail[:300])
