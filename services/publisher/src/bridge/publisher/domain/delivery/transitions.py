"""The one state machine of the publisher: a delivery and a fact in, the next delivery and effects out.

Pure and total: every fact has an answer in every state, and the answer names its rule. Both flows pass through the same
table; where they differ, `Delivery.once` says so.
"""

from dataclasses import replace

from bridge.publisher.domain.delivery import facts, receipts
from bridge.publisher.domain.delivery.acting import discard, edit, retry, verify
from bridge.publisher.domain.delivery.ingesting import ingest
from bridge.publisher.domain.delivery.model import Delivery, Policy, State
from bridge.publisher.domain.delivery.outcomes import claim, outcome
from bridge.publisher.domain.delivery.resting import Decision
from bridge.publisher.domain.delivery.rules import RuleId

__all__ = ["Decision", "decide", "ingest"]


def decide(delivery: Delivery, fact: facts.Fact, policy: Policy) -> Decision:
    """Return what a fact makes of a delivery; a fact that does not fit the state changes nothing."""
    match fact:
        case facts.Ingested():
            return ingest(delivery.key, delivery, fact, policy)
        case facts.RetryAsked():
            return retry(delivery, fact, policy)
        case facts.EditAsked():
            return edit(delivery, fact, policy)
        case facts.DiscardAsked():
            return discard(delivery, fact)
        case facts.VerifyAsked():
            return verify(delivery, fact)
        case facts.Claimed():
            return claim(delivery, fact)
        case facts.OrderSettled() | facts.OrderOpen():
            return _order(delivery, fact)
        case (
            facts.ReceiptClaimed()
            | facts.ReceiptTold()
            | facts.ReceiptNotHeld()
            | facts.ReceiptUnclear()
            | facts.ReceiptWaits()
        ):
            return _told(delivery, fact, policy)
        case _ if delivery.state is not State.SENDING:
            return Decision(delivery, RuleId.STRAY)
        case _:
            return outcome(delivery, fact, policy)


def _order(delivery: Delivery, fact: facts.OrderSettled | facts.OrderOpen) -> Decision:
    """Note whether the order behind a confirmed invoice is closed; the invoice itself is not touched by it."""
    if delivery.order_due_at is None:
        return Decision(delivery, RuleId.STRAY)
    due_at = fact.due_at if isinstance(fact, facts.OrderOpen) else None
    return Decision(replace(delivery, order_due_at=due_at), RuleId.ORDER)


def _told(delivery: Delivery, fact: facts.ReceiptFact, policy: Policy) -> Decision:
    receipt = receipts.step(delivery.receipt, fact, policy)
    if receipt == delivery.receipt:
        return Decision(delivery, RuleId.STRAY)
    return Decision(replace(delivery, receipt=receipt), RuleId.RECEIPT)
