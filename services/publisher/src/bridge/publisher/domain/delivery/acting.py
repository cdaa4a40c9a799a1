"""What an operator asked for, as far as the version they saw still stands."""

from dataclasses import replace
from datetime import datetime, timedelta

from bridge.contracts.identity import Generation, Version, event_id
from bridge.contracts.reasons import Reason
from bridge.publisher.domain.delivery import facts, receipts
from bridge.publisher.domain.delivery.effects import LetterClosedAs
from bridge.publisher.domain.delivery.model import Delivery, Policy, Refusal, State
from bridge.publisher.domain.delivery.resting import Decision, closing, doubt, rest_with
from bridge.publisher.domain.delivery.rules import RuleId


def retry(delivery: Delivery, fact: facts.RetryAsked, policy: Policy) -> Decision:
    """Send the same content again."""
    return _again(delivery, fact.decided_on, fact.act, delivery.wanted.payload, fact.at, policy, RuleId.RETRY)


def edit(delivery: Delivery, fact: facts.EditAsked, policy: Policy) -> Decision:
    """Send what the operator made of the content; its source hash stays, so that the source repeats no change."""
    return _again(delivery, fact.decided_on, fact.act, fact.payload, fact.at, policy, RuleId.EDIT)


def _again(
    delivery: Delivery,
    decided_on: Version,
    act: Generation,
    payload: bytes,
    at: datetime,
    policy: Policy,
    rule: RuleId,
) -> Decision:
    """Try the version once more under a new generation, looked up first where the target may hold it."""
    wanted = delivery.wanted
    at_rest = delivery.state in (State.READY, State.DEAD)
    if not at_rest or wanted.version != decided_on or not wanted.sendable:
        return Decision(delivery, RuleId.ACT_MOVED)
    version = Version(decided_on.revision, act)
    if version <= decided_on:
        return Decision(delivery, RuleId.ACT_MOVED)
    key = delivery.key
    again = event_id(tenant=key.tenant, flow=key.flow, entity=key.entity, version=version)
    renewed = replace(
        delivery,
        wanted=replace(wanted, version=version, event_id=again, payload=payload),
        attempt=0,
        reason=None,
        unknown_rounds=0,
        failing_since=None,
    )
    retried = closing(delivery, LetterClosedAs.RETRIED)
    if delivery.maybe_there or (delivery.once and delivery.read_back):
        wait = policy.settle if delivery.maybe_there else timedelta(0)
        doubted = doubt(replace(renewed, read_back=True), at + wait, rule)
        return replace(doubted, effects=retried)
    return rest_with(renewed, at, rule, retried)


def discard(delivery: Delivery, fact: facts.DiscardAsked) -> Decision:
    """Give up what was not sent, or lay down the letter of what is confirmed."""
    if delivery.wanted.version != fact.decided_on:
        return Decision(delivery, RuleId.ACT_MOVED)
    if delivery.state is State.CONFIRMED and delivery.has_letter:
        kept = receipts.wish(replace(delivery, reason=None), fact.at)
        return Decision(kept, RuleId.LETTER_DISMISSED, closing(delivery, LetterClosedAs.DISCARDED))
    if delivery.state not in (State.READY, State.DEAD):
        return Decision(delivery, RuleId.ACT_MOVED)
    given_up = Refusal(Reason.GIVEN_UP_BY_OPERATOR, None, "An operator gave the invoice up.")
    gone = receipts.wish(replace(delivery, state=State.DISCARDED, due_at=None), fact.at, given_up)
    return Decision(gone, RuleId.DISCARD, closing(delivery, LetterClosedAs.DISCARDED))


def verify(delivery: Delivery, fact: facts.VerifyAsked) -> Decision:
    """Look a confirmed invoice up again; whatever the look says, nothing is sent because of it."""
    movable = delivery.once and delivery.state is State.CONFIRMED and delivery.wanted.version == fact.decided_on
    if not movable:
        return Decision(delivery, RuleId.ACT_MOVED)
    return doubt(delivery, fact.at, RuleId.VERIFY)
