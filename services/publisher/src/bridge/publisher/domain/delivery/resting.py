"""Where a delivery comes to rest once nothing is out for it, and what that asks to be written.

The small steps that every rule is made of; each returns a decision that names the rule it was asked for.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from bridge.contracts.reasons import Reason, Stage
from bridge.publisher.domain.delivery import receipts
from bridge.publisher.domain.delivery.effects import CloseLetter, Effect, LetterClosedAs, OpenLetter
from bridge.publisher.domain.delivery.model import Delivery, Refusal, State
from bridge.publisher.domain.delivery.rules import RuleId


@dataclass(frozen=True, slots=True)
class Decision:
    """The delivery after the fact, what else to write, and the rule that decided.

    `delivery` is the very same object when nothing changed, and None when there is none and the fact makes none.
    """

    delivery: Delivery | None
    rule: RuleId
    effects: tuple[Effect, ...] = ()


def rest_with(
    delivery: Delivery, due_at: datetime, rule: RuleId, effects: tuple[Effect, ...] = (), *, attempt: int = 0
) -> Decision:
    """Put a delivery that nothing is out for where its wanted content belongs: ready, or dead with a letter."""
    refusal = delivery.wanted.refusal
    if not delivery.wanted.sendable:
        refusal = refusal or Refusal(Reason.UNEXPECTED, None, "The mapping gave no reason.")
        return dead(delivery, Stage.MAPPING, refusal, due_at, rule, effects)
    if delivery.once and delivery.wanted.withdrawn:
        gone = replace(delivery, state=State.DISCARDED, due_at=None, reason=Reason.INVOICE_TAKEN_BACK, claim_epoch=None)
        return Decision(receipts.wish(gone, due_at), rule, effects)
    ready = replace(
        delivery,
        state=State.READY,
        due_at=due_at,
        attempt=attempt,
        reason=None,
        claim_epoch=None,
        order_id=delivery.order_id if _sent_as_wanted(delivery) else None,
    )
    return Decision(receipts.wish(ready, due_at), rule, effects)


def _sent_as_wanted(delivery: Delivery) -> bool:
    """Whether the next request says what the last one said.

    An order that was left over holds the last one's lines and customer, so an invoice of other content must not take
    it up. The payload is compared: an edit keeps the source hash.
    """
    return delivery.sent is not None and delivery.sent.payload == delivery.wanted.payload


def dead(
    delivery: Delivery,
    stage: Stage,
    refusal: Refusal,
    at: datetime,
    rule: RuleId,
    effects: tuple[Effect, ...] = (),
) -> Decision:
    """Set a delivery aside with a letter that says why."""
    dead = replace(delivery, state=State.DEAD, due_at=None, reason=refusal.reason, claim_epoch=None)
    opened = OpenLetter(delivery.wanted.version, stage, refusal)
    return Decision(receipts.wish(dead, at, refusal), rule, (*effects, opened))


def doubt(delivery: Delivery, due_at: datetime, rule: RuleId) -> Decision:
    """Leave open what became of a request until `due_at`, when the effect has settled and can be looked up.

    Nothing is told meanwhile; what was confirmed and is only verified stays told.
    """
    owed = delivery.read_back or delivery.once
    rested = replace(delivery, state=State.IN_DOUBT, due_at=due_at, claim_epoch=None, read_back=owed)
    return Decision(rested if delivery.confirmed else receipts.wish(rested, due_at), rule)


def closing(delivery: Delivery, closed_as: LetterClosedAs) -> tuple[Effect, ...]:
    """Return the effect that closes the delivery's letter, if one is open."""
    return (CloseLetter(closed_as),) if delivery.has_letter else ()
