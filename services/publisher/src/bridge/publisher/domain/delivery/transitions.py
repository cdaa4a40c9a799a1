"""The one state machine of the publisher: a delivery and a fact in, the next delivery and effects out.

Pure and total: every fact has an answer in every state, and the answer names its rule.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from bridge.contracts.identity import Version, event_id
from bridge.contracts.reasons import Reason, Stage
from bridge.publisher.domain.delivery import facts
from bridge.publisher.domain.delivery.effects import (
    CloseLetter,
    Effect,
    LetterClosedAs,
    OpenLetter,
    RefusalLogged,
    Superseded,
)
from bridge.publisher.domain.delivery.model import (
    Confirmed,
    Delivery,
    EntityKey,
    Policy,
    Refusal,
    Sent,
    State,
)
from bridge.publisher.domain.delivery.rules import RuleId

_AT_REST = (State.READY, State.CONFIRMED, State.DEAD, State.DISCARDED)


@dataclass(frozen=True, slots=True)
class Decision:
    """The delivery after the fact, what else to write, and the rule that decided.

    `delivery` is the very same object when nothing changed, and None when there is none and the fact makes none.
    """

    delivery: Delivery | None
    rule: RuleId
    effects: tuple[Effect, ...] = ()


def ingest(key: EntityKey, delivery: Delivery | None, fact: facts.Ingested, policy: Policy) -> Decision:
    """Take new wanted content; an older or same version changes nothing."""
    wanted = fact.wanted
    if delivery is None:
        return _rest_with(
            Delivery(key=key, wanted=wanted, state=State.READY, due_at=fact.at), fact.at, RuleId.FIRST_SEEN
        )
    if wanted.version <= delivery.wanted.version:
        return Decision(delivery, RuleId.OLDER_OR_SAME)
    superseded = _superseded(delivery)
    if delivery.state not in _AT_REST:
        return Decision(replace(delivery, wanted=wanted), RuleId.NEWER_IN_FLIGHT, superseded)
    fresh = delivery.state is not State.READY
    renewed = replace(
        delivery,
        wanted=wanted,
        unknown_rounds=0 if fresh else delivery.unknown_rounds,
        failing_since=None if fresh else delivery.failing_since,
    )
    closing = (CloseLetter(LetterClosedAs.SUPERSEDED),) if delivery.state is State.DEAD else ()
    if fresh and delivery.effect_open:
        # Given up, not answered: sent at once, the newer content could be overtaken by what is still on its way.
        doubted = _doubt(replace(renewed, attempt=0, reason=None), fact.at + policy.settle, RuleId.NEWER_AFTER_DOUBT)
        return replace(doubted, effects=(*superseded, *closing))
    return _rest_with(renewed, fact.at, RuleId.NEWER_AT_REST, (*superseded, *closing))


def decide(delivery: Delivery, fact: facts.Fact, policy: Policy) -> Decision:  # noqa: C901 (one arm a fact)
    """Return what a fact makes of a delivery; a fact that does not fit the state changes nothing."""
    match fact:
        case facts.Ingested():
            return ingest(delivery.key, delivery, fact, policy)
        case facts.RetryAsked():
            return _retry(delivery, fact, policy)
        case facts.DiscardAsked():
            return _discard(delivery, fact)
        case facts.Claimed():
            return _claim(delivery, fact)
        case _ if delivery.state is not State.SENDING:
            return Decision(delivery, RuleId.STRAY)
        case facts.NeverSent(at):
            return _not_out(delivery, at, RuleId.NEVER_SENT)
        case facts.NotSent(due_at):
            return _not_out(delivery, due_at, RuleId.NOT_SENT)
        case facts.Applied():
            return _settled(delivery, fact, RuleId.APPLIED)
        case facts.FoundWanted():
            return _settled(delivery, fact, RuleId.FOUND)
        case facts.ReadBackFailed(due_at):
            return _doubt(delivery, due_at, RuleId.READ_BACK_FAILED)
        case facts.Refused():
            return _refused(delivery, fact)
        case facts.EffectUnknown():
            return _unknown(delivery, fact, policy)
        case facts.TakenOver(at):
            return _doubt(replace(delivery, read_back=True), at + policy.settle, RuleId.TAKEN_OVER)
        case _:
            assert_never(fact)


def _superseded(delivery: Delivery) -> tuple[Effect, ...]:
    """The wanted version is lost to a newer one unless it is confirmed, given up, or out at this moment."""
    out = delivery.sent is not None and delivery.sent.version == delivery.wanted.version
    if delivery.state in (State.CONFIRMED, State.DISCARDED) or (delivery.state not in _AT_REST and out):
        return ()
    return (Superseded(delivery.wanted.version),)


def _rest_with(
    delivery: Delivery, due_at: datetime, rule: RuleId, effects: tuple[Effect, ...] = (), *, attempt: int = 0
) -> Decision:
    """Put a delivery that nothing is out for where its wanted content belongs: ready, or dead with a letter."""
    refusal = delivery.wanted.refusal
    if not delivery.wanted.sendable:
        refusal = refusal or Refusal(Reason.UNEXPECTED, None, "The mapping gave no reason.")
        return _dead(replace(delivery, claim_epoch=None), Stage.MAPPING, refusal, rule, effects)
    ready = replace(delivery, state=State.READY, due_at=due_at, attempt=attempt, reason=None, claim_epoch=None)
    return Decision(ready, rule, effects)


def _dead(
    delivery: Delivery, stage: Stage, refusal: Refusal, rule: RuleId, effects: tuple[Effect, ...] = ()
) -> Decision:
    dead = replace(delivery, state=State.DEAD, due_at=None, reason=refusal.reason, claim_epoch=None)
    return Decision(dead, rule, (*effects, OpenLetter(delivery.wanted.version, stage, refusal)))


def _claim(delivery: Delivery, fact: facts.Claimed) -> Decision:
    if delivery.state not in (State.READY, State.IN_DOUBT):
        return Decision(delivery, RuleId.STRAY)
    if not delivery.wanted.sendable:
        return _rest_with(delivery, fact.at, RuleId.CLAIM_UNSENDABLE)
    wanted = delivery.wanted
    sending = replace(
        delivery,
        state=State.SENDING,
        due_at=None,
        attempt=delivery.attempt + 1,
        claim_epoch=fact.epoch,
        sent=Sent(wanted.version, wanted.source_hash, wanted.payload, fact.at),
        maybe_there=True,
    )
    return Decision(sending, RuleId.CLAIM)


def _not_out(delivery: Delivery, due_at: datetime, rule: RuleId) -> Decision:
    return _rest_with(replace(delivery, maybe_there=False), due_at, rule, attempt=delivery.attempt)


def _settled(delivery: Delivery, fact: facts.Applied | facts.FoundWanted, rule: RuleId) -> Decision:
    """Confirm the version that was claimed, which may be older by now than the wanted one."""
    if delivery.sent is None:
        return Decision(delivery, RuleId.STRAY)
    settled = _confirmed(delivery, delivery.sent.version, fact.at, fact.remote_id)
    if delivery.newer_waits:
        return _rest_with(settled, fact.at, rule)
    return Decision(settled, rule)


def _confirmed(delivery: Delivery, version: Version, at: datetime, remote_id: str | None) -> Delivery:
    return replace(
        delivery,
        state=State.CONFIRMED,
        due_at=None,
        attempt=0,
        unknown_rounds=0,
        reason=None,
        failing_since=None,
        claim_epoch=None,
        read_back=False,
        confirmed=Confirmed(version, at),
        remote_id=remote_id or delivery.remote_id,
    )


def _refused(delivery: Delivery, fact: facts.Refused) -> Decision:
    settled = replace(delivery, maybe_there=False, read_back=False)
    if delivery.newer_waits and delivery.sent is not None:
        logged = RefusalLogged(delivery.sent.version, fact.refusal)
        return _rest_with(settled, fact.at, RuleId.REFUSED, (logged,))
    return _dead(settled, Stage.DELIVERY, fact.refusal, RuleId.REFUSED)


def _unknown(delivery: Delivery, fact: facts.EffectUnknown, policy: Policy) -> Decision:
    failing = replace(
        delivery,
        unknown_rounds=delivery.unknown_rounds + 1,
        failing_since=delivery.failing_since or fact.at,
    )
    hopeless = failing.unknown_rounds >= policy.unknown_rounds_limit and fact.others_confirmed
    if hopeless and not delivery.newer_waits:
        refusal = Refusal(
            Reason.TARGET_FAILS_ON_THIS,
            None,
            f"No usable answer in {failing.unknown_rounds} rounds while other entities of the tenant passed.",
        )
        return _dead(failing, Stage.DELIVERY, refusal, RuleId.FAILS_ON_THIS)
    return _doubt(failing, fact.at + policy.settle, RuleId.UNKNOWN)


def _doubt(delivery: Delivery, due_at: datetime, rule: RuleId) -> Decision:
    return Decision(replace(delivery, state=State.IN_DOUBT, due_at=due_at, claim_epoch=None), rule)


def _retry(delivery: Delivery, fact: facts.RetryAsked, policy: Policy) -> Decision:
    at_rest = delivery.state in (State.READY, State.DEAD)
    if not at_rest or delivery.wanted.version != fact.decided_on or not delivery.wanted.sendable:
        return Decision(delivery, RuleId.ACT_MOVED)
    version = Version(fact.decided_on.revision, fact.act)
    if version <= fact.decided_on:
        return Decision(delivery, RuleId.ACT_MOVED)
    key = delivery.key
    again = event_id(tenant=key.tenant, flow=key.flow, entity=key.entity, version=version)
    renewed = replace(
        delivery,
        wanted=replace(delivery.wanted, version=version, event_id=again),
        attempt=0,
        reason=None,
        unknown_rounds=0,
        failing_since=None,
    )
    closing = (CloseLetter(LetterClosedAs.RETRIED),) if delivery.state is State.DEAD else ()
    if delivery.maybe_there:
        doubted = _doubt(replace(renewed, read_back=True), fact.at + policy.settle, RuleId.RETRY)
        return replace(doubted, effects=closing)
    return _rest_with(renewed, fact.at, RuleId.RETRY, closing)


def _discard(delivery: Delivery, fact: facts.DiscardAsked) -> Decision:
    if delivery.state not in (State.READY, State.DEAD) or delivery.wanted.version != fact.decided_on:
        return Decision(delivery, RuleId.ACT_MOVED)
    gone = replace(delivery, state=State.DISCARDED, due_at=None)
    return Decision(gone, RuleId.DISCARD, (CloseLetter(LetterClosedAs.DISCARDED),))
