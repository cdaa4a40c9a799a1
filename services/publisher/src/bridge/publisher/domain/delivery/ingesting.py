"""New wanted content: what it makes of a delivery that is unknown, at rest, on its way, or confirmed."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from bridge.contracts.reasons import Reason, Stage
from bridge.publisher.domain.delivery import facts, receipts
from bridge.publisher.domain.delivery.effects import Effect, LetterClosedAs, OpenLetter, Superseded
from bridge.publisher.domain.delivery.model import Delivery, EntityKey, Policy, Refusal, State, Wanted
from bridge.publisher.domain.delivery.resting import Decision, closing, doubt, rest_with
from bridge.publisher.domain.delivery.rules import RuleId

AT_REST: Final = (State.READY, State.CONFIRMED, State.DEAD, State.DISCARDED)
_CHANGED_AFTER_TRANSFER: Final = (
    "OC2 changed the invoice after it had come to Tripletex; what is there stays as it is.",
    "OC2 took the invoice back after it had come to Tripletex; what is there stays as it is.",
)


def ingest(key: EntityKey, delivery: Delivery | None, fact: facts.Ingested, policy: Policy) -> Decision:
    """Take new wanted content; an older or same version changes nothing."""
    wanted = fact.wanted
    if delivery is None:
        fresh = Delivery(key=key, wanted=wanted, state=State.READY, due_at=fact.at)
        if _looks_first(fresh, fact):
            return _look_first(fresh, fact.look_first_at or fact.at, RuleId.FIRST_SEEN_BELOW_FLOOR)
        return rest_with(fresh, fact.at, RuleId.FIRST_SEEN)
    if wanted.version <= delivery.wanted.version:
        return Decision(delivery, RuleId.OLDER_OR_SAME)
    if delivery.once and delivery.confirmed is not None:
        return _newer_of_confirmed(delivery, wanted, fact.at)
    if _given_up(delivery, wanted):
        # A person's decision outlives a resync and a restored database; other content or another batch asks anew.
        return Decision(replace(delivery, wanted=wanted), RuleId.STAYS_GIVEN_UP)
    superseded = _superseded(delivery)
    if delivery.state not in AT_REST:
        return Decision(replace(delivery, wanted=wanted), RuleId.NEWER_IN_FLIGHT, superseded)
    return _newer_at_rest(delivery, fact, policy, superseded)


def _newer_at_rest(
    delivery: Delivery, fact: facts.Ingested, policy: Policy, superseded: tuple[Effect, ...]
) -> Decision:
    """Take newer content where nothing is out: due at once, unless an earlier request may be there or still come."""
    fresh = delivery.state is not State.READY
    renewed = replace(
        delivery,
        wanted=fact.wanted,
        unknown_rounds=0 if fresh else delivery.unknown_rounds,
        failing_since=None if fresh else delivery.failing_since,
    )
    effects = (*superseded, *closing(delivery, LetterClosedAs.SUPERSEDED))
    if fresh and _doubtful(delivery):
        # Given up, not answered: sent at once, it could be overtaken, or doubled, by what is still on its way.
        if renewed.once and not renewed.wanted.sendable:
            return rest_with(renewed, fact.at, RuleId.NEWER_AT_REST, effects)
        rested = replace(renewed, attempt=0, reason=None)
        return replace(doubt(rested, fact.at + policy.settle, RuleId.NEWER_AFTER_DOUBT), effects=effects)
    if _looks_first(renewed, fact):
        decision = _look_first(renewed, fact.look_first_at or fact.at, RuleId.NEWER_BELOW_FLOOR)
        return replace(decision, effects=effects)
    return rest_with(renewed, fact.at, RuleId.NEWER_AT_REST, effects)


def _given_up(delivery: Delivery, wanted: Wanted) -> bool:
    """Whether an operator gave up exactly what is told once more."""
    known = delivery.wanted
    same = wanted.source_hash == known.source_hash and wanted.source_ref == known.source_ref
    return delivery.once and delivery.state is State.DISCARDED and not known.withdrawn and not wanted.withdrawn and same


def _doubtful(delivery: Delivery) -> bool:
    """Whether a request made earlier may be there, or be still on its way, so that a newer one must not go at once."""
    if delivery.once:
        return delivery.maybe_there or delivery.read_back
    return delivery.effect_open


def _looks_first(delivery: Delivery, fact: facts.Ingested) -> bool:
    """Whether something that was never sent from here must be looked up all the same before it is."""
    never_sent = delivery.sent is None and delivery.confirmed is None
    sendable = fact.wanted.sendable and not fact.wanted.withdrawn
    return delivery.once and never_sent and sendable and fact.look_first_at is not None


def _look_first(delivery: Delivery, due_at: datetime, rule: RuleId) -> Decision:
    asked = replace(delivery, attempt=0, reason=None, maybe_there=True)
    return doubt(receipts.wish(replace(asked, state=State.IN_DOUBT), due_at), due_at, rule)


def _newer_of_confirmed(delivery: Delivery, wanted: Wanted, at: datetime) -> Decision:
    """Take newer content of a confirmed invoice; one that is being verified goes on being so."""
    decision = newer_after_transfer(replace(delivery, state=State.CONFIRMED), wanted, at)
    raised = decision.delivery or delivery
    return replace(decision, delivery=replace(raised, state=delivery.state))


def newer_after_transfer(delivery: Delivery, wanted: Wanted, at: datetime) -> Decision:
    """Raise the version of a confirmed invoice; its content stays what the target holds."""
    kept = replace(
        wanted,
        outcome=delivery.wanted.outcome,
        payload=delivery.wanted.payload,
        source_hash=delivery.wanted.source_hash,
        schema_version=delivery.wanted.schema_version,
        source_ref=delivery.wanted.source_ref if wanted.withdrawn else wanted.source_ref,
        refusal=None,
    )
    raised = replace(delivery, wanted=kept)
    same = wanted.source_hash == delivery.wanted.source_hash and not wanted.withdrawn
    if same:
        return _told_again(raised, at)
    said = _CHANGED_AFTER_TRANSFER[1 if wanted.withdrawn else 0]
    refusal = Refusal(Reason.INVOICE_CHANGED_AFTER_TRANSFER, None, said)
    effects = (
        *closing(delivery, LetterClosedAs.SUPERSEDED),
        OpenLetter(wanted.version, Stage.DELIVERY, refusal, unsent=wanted),
    )
    changed = receipts.wish(replace(raised, reason=refusal.reason), at, refusal)
    return Decision(changed, RuleId.CHANGED_AFTER_TRANSFER, effects)


def _told_again(delivery: Delivery, at: datetime) -> Decision:
    """The source repeats what the target holds: no call, and its receipt once more, for the batch it names now."""
    confirmed = replace(delivery.confirmed, version=delivery.wanted.version) if delivery.confirmed else None
    restored = delivery.reason is Reason.INVOICE_CHANGED_AFTER_TRANSFER
    effects = closing(delivery, LetterClosedAs.SUPERSEDED) if restored else ()
    settled = replace(delivery, confirmed=confirmed, reason=None if restored else delivery.reason)
    wished = receipts.tell_again(receipts.wish(settled, at, standing_refusal(settled)), at)
    return Decision(wished, RuleId.TOLD_AGAIN, effects)


def standing_refusal(delivery: Delivery) -> Refusal | None:
    """Return why a confirmed delivery's letter is open, as far as the row knows it."""
    return Refusal(delivery.reason, None, delivery.amount_note or "") if delivery.reason else None


def _superseded(delivery: Delivery) -> tuple[Effect, ...]:
    """The wanted version is lost to a newer one unless it is confirmed, given up, or out at this moment."""
    out = delivery.sent is not None and delivery.sent.version == delivery.wanted.version
    if delivery.state in (State.CONFIRMED, State.DISCARDED) or (delivery.state not in AT_REST and out):
        return ()
    return (Superseded(delivery.wanted.version),)
