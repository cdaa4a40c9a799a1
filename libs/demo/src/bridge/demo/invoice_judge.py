"""The judgement on invoices: what really stands at Tripletex and at OC2, counted without asking the bridge.

Owns the counting. Lost: Tripletex does not hold, with the very content, what OC2 shows. Doubled: one number more than
once. Out of order: a content was sent although OC2 showed a newer one by then. Besides: nothing mailed, no order left
behind or open, and a receipt at OC2 that says what Tripletex holds.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from bridge.demo.counts import INVOICES, Seen
from bridge.demo.evidence import InvoiceEvidence
from bridge.demo.invoice_expectation import Bill, Billed, BillStep, TakenBack, bill_timelines, stored_bill
from bridge.testkit.simulator_invoice_answers import ReceiptShown, StoredInvoice, StoredOrder

_CHANGED_LATER = "invoice_changed_after_transfer"


class _End(Enum):
    """What became of one number."""

    CONFIRMED = auto()
    CONFIRMED_BEFORE_A_CHANGE = auto()
    SENT_AFTER_A_CHANGE = auto()
    DISCARDED = auto()
    DEAD = auto()
    LOST = auto()


_AT_TRIPLETEX = frozenset({_End.CONFIRMED, _End.CONFIRMED_BEFORE_A_CHANGE})


@dataclass(frozen=True, slots=True)
class _Found:
    """One number: the steps that OC2 showed, how often and as what Tripletex holds it, and what became of it."""

    number: int
    steps: Sequence[BillStep]
    stored: Sequence[StoredInvoice]
    end: _End
    step: Billed | None
    """The step that is at Tripletex; for a number that is not there, the newest one."""

    @property
    def batch(self) -> int:
        """The newest batch that showed it."""
        return next((step.batch for step in reversed(self.steps) if isinstance(step, Billed)), 0)


def see_invoices(evidence: InvoiceEvidence) -> Seen:
    """Count one tenant's invoices."""
    lines = bill_timelines(evidence.history, evidence.known)
    stored: defaultdict[int, list[StoredInvoice]] = defaultdict(list)
    for invoice in evidence.invoices:
        stored[invoice.number].append(invoice)
    orders = {order.id: order for order in evidence.orders}
    found = [_find(number, steps, stored[number], orders, evidence.first_posts) for number, steps in lines.items()]
    ends = Counter(each.end for each in found)
    receipts = {(each.batch_number, each.invoice_number): each for each in evidence.receipts}  # the newest stands
    due = [each for each in found if each.end in _AT_TRIPLETEX | {_End.DEAD}]
    given = [each for each in due if _fits(each, receipts.get((each.batch, each.number)))]
    return Seen(
        tenant=evidence.tenant,
        flow=INVOICES,
        changes=len(evidence.history),
        entities=len(lines),
        confirmed=sum(ends[end] for end in _AT_TRIPLETEX),
        dead=Counter(each.step.refused or "" for each in found if each.end is _End.DEAD and each.step),
        lost=_numbers(found, _End.LOST),
        doubled=tuple(f"invoice {number}" for number, rows in sorted(stored.items()) if len(rows) > 1),
        out_of_order=_numbers(found, _End.SENT_AFTER_A_CHANGE),
        latencies=tuple(each.stored[0].at - each.step.at for each in found if each.end in _AT_TRIPLETEX and each.step),
        discarded=ends[_End.DISCARDED],
        with_letter=_with_letter(ends),
        receipts=len(given),
        receipts_missing=len(due) - len(given),
        wrong=(*_wrong(evidence, lines), *_late_rejections(evidence.receipts)),
    )


def _find(
    number: int,
    steps: Sequence[BillStep],
    stored: Sequence[StoredInvoice],
    orders: Mapping[int, StoredOrder],
    first_posts: Mapping[int, float],
) -> _Found:
    last = steps[-1]
    newest = last if isinstance(last, Billed) else None
    if not stored:
        return _Found(number, steps, stored, _end_of_absent(last), newest)
    shown = [step for step in steps if isinstance(step, Billed) and step.refused is None]
    fitting = next((step for step in reversed(shown) if _bill_of(stored[0], step, orders) == step.bill), None)
    if fitting is None:
        return _Found(number, steps, stored, _End.LOST, None)
    later = [step.at for step in steps if step.at > fitting.at]
    if not later:
        end = _End.CONFIRMED
    elif first_posts.get(number, 0.0) < later[0]:
        end = _End.CONFIRMED_BEFORE_A_CHANGE
    else:
        end = _End.SENT_AFTER_A_CHANGE
    return _Found(number, steps, stored, end, fitting)


def _end_of_absent(last: BillStep) -> _End:
    if isinstance(last, TakenBack):
        return _End.DISCARDED
    return _End.DEAD if last.refused else _End.LOST


def _bill_of(invoice: StoredInvoice, step: Billed, orders: Mapping[int, StoredOrder]) -> Bill:
    return stored_bill(invoice, orders[invoice.order_id], step.bill.order_number)


def _numbers(found: Sequence[_Found], end: _End) -> tuple[int, ...]:
    return tuple(sorted(each.number for each in found if each.end is end))


def _with_letter(ends: Mapping[_End, int]) -> Mapping[str, int]:
    count = ends[_End.CONFIRMED_BEFORE_A_CHANGE]
    return {_CHANGED_LATER: count} if count else {}


def _fits(found: _Found, receipt: ReceiptShown | None) -> bool:
    """Tell whether OC2 was told what became of it: the id that it has at Tripletex, or why it is not there."""
    if receipt is None:
        return False
    if found.end is _End.DEAD:
        return receipt.status == "REJECTED" and bool(receipt.reason)
    return receipt.status == "TRANSFERRED" and receipt.tripletex_invoice_id in {each.id for each in found.stored}


def _wrong(evidence: InvoiceEvidence, lines: Mapping[int, Sequence[BillStep]]) -> Iterator[str]:
    for invoice in evidence.invoices:
        if invoice.number not in lines:
            yield f"Tripletex holds invoice {invoice.number}, which OC2 never showed."
        if invoice.mails:
            yield f"Tripletex mailed invoice {invoice.number} to the customer."
    for order in evidence.orders:
        if not order.invoice_numbers:
            yield f"order {order.number} was left at Tripletex without an invoice."
        elif not order.is_closed:
            yield f"order {order.number} is still open although it is invoiced."


def _late_rejections(receipts: Sequence[ReceiptShown]) -> Iterator[str]:
    transferred: set[tuple[int, int]] = set()
    for receipt in receipts:
        key = (receipt.batch_number, receipt.invoice_number)
        if receipt.status == "TRANSFERRED":
            transferred.add(key)
        elif key in transferred:
            yield f"OC2 was told REJECTED for invoice {receipt.invoice_number} after TRANSFERRED."
