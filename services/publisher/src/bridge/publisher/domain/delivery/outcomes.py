"""A claim and what became of it: applied, found, refused, unknown, and the rest."""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from bridge.contracts.envelope import Outcome
from bridge.contracts.identity import Version
from bridge.contracts.reasons import Reason, Stage
from bridge.publisher.domain.delivery import facts, receipts
from bridge.publisher.domain.delivery.effects import Effect, LetterClosedAs, OpenLetter, RefusalLogged
from bridge.publisher.domain.delivery.ingesting import newer_after_transfer, standing_refusal
from bridge.publisher.domain.delivery.model import Confirmed, Delivery, Policy, Refusal, Sent, State, Wanted
from bridge.publisher.domain.delivery.resting import Decision, closing, dead, doubt, rest_with
from bridge.publisher.domain.delivery.rules import RuleId


def claim(delivery: Delivery, fact: facts.Claimed) -> Decision:
    """Take a due delivery in hand: to send its newest content, or to look for what was sent."""
    if delivery.state not in (State.READY, State.IN_DOUBT):
        return Decision(delivery, RuleId.STRAY)
    if delivery.once and delivery.state is State.IN_DOUBT:
        # What was sent stays on the row until a look has told what became of it: it says what to look for.
        looking = replace(
            delivery,
            state=State.SENDING,
            due_at=None,
            attempt=delivery.attempt + 1,
            claim_epoch=fact.epoch,
            read_back=True,
        )
        return Decision(looking, RuleId.CLAIM_LOOK)
    if not delivery.wanted.sendable:
        return rest_with(delivery, fact.at, RuleId.CLAIM_UNSENDABLE)
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


def outcome(delivery: Delivery, fact: facts.OutcomeFact, policy: Policy) -> Decision:  # noqa: C901 (one arm a fact)
    """Return what became of a claimed delivery."""
    match fact:
        case facts.NeverSent(at):
            return _not_out(delivery, at, RuleId.NEVER_SENT)
        case facts.NotSent(due_at):
            return _not_out(delivery, due_at, RuleId.NOT_SENT)
        case facts.Applied():
            return _applied(delivery, fact)
        case facts.FoundWanted():
            return _found(delivery, fact)
        case facts.FoundNothing():
            return _found_nothing(delivery, fact)
        case facts.TakenByAnother():
            return _taken(delivery, fact)
        case facts.ReadBackFailed(due_at):
            return doubt(delivery, due_at, RuleId.READ_BACK_FAILED)
        case facts.Refused():
            return _refused(delivery, fact)
        case facts.EffectUnknown():
            return _unknown(delivery, fact, policy)
        case facts.TakenOver(at):
            return doubt(replace(delivery, read_back=True), at + policy.settle, RuleId.TAKEN_OVER)
        case _:
            assert_never(fact)


def _not_out(delivery: Delivery, due_at: datetime, rule: RuleId) -> Decision:
    if delivery.once and delivery.read_back:
        # Nothing was sent, and nothing was learnt either.
        return doubt(delivery, due_at, rule)
    return rest_with(replace(delivery, maybe_there=False), due_at, rule, attempt=delivery.attempt)


def _applied(delivery: Delivery, fact: facts.Applied) -> Decision:
    """Confirm the version that was sent, which may be older by now than the wanted one."""
    if delivery.sent is None:
        return Decision(delivery, RuleId.STRAY)
    settled = _confirmed(delivery, delivery.sent.version, fact.at, fact.remote_id)
    if not delivery.once:
        return _rest_with_newer(delivery, settled, fact.at, RuleId.APPLIED)
    ordered = replace(
        settled,
        order_id=fact.order_id or settled.order_id,
        order_due_at=fact.at if fact.order_id or settled.order_id else None,
        amount_note=fact.amount_note,
        diverged=fact.diverged is not None,
    )
    return _transferred(ordered, delivery.sent, fact.at, fact.diverged, RuleId.APPLIED)


def _rest_with_newer(delivery: Delivery, settled: Delivery, at: datetime, rule: RuleId) -> Decision:
    return rest_with(settled, at, rule) if delivery.newer_waits else Decision(settled, rule)


def _found(delivery: Delivery, fact: facts.FoundWanted) -> Decision:
    """Confirm what a look found at the target."""
    held = _held(delivery, fact.version, fact.at)
    if held is None:
        return Decision(delivery, RuleId.STRAY)
    settled = _confirmed(delivery, held.version, fact.at, fact.remote_id)
    if not delivery.once:
        return _rest_with_newer(delivery, settled, fact.at, RuleId.FOUND)
    order_id = fact.order_id or settled.order_id
    ordered = replace(
        settled,
        sent=held,
        maybe_there=True,
        order_id=order_id,
        order_due_at=fact.at if order_id else None,
        amount_note=fact.amount_note or settled.amount_note,
        diverged=fact.differs is not None and fact.differs.reason is Reason.AMOUNT_DIFFERS,
    )
    if delivery.confirmed is not None:
        return _verified(replace(ordered, confirmed=delivery.confirmed), delivery.reason, fact)
    return _transferred(ordered, held, fact.at, fact.differs, RuleId.FOUND)


def _verified(delivery: Delivery, letter: Reason | None, fact: facts.FoundWanted) -> Decision:
    """A confirmed invoice is still there; the letter that is open stands, else what differs opens one."""
    flaw = fact.differs if letter is None else None
    kept = replace(delivery, reason=letter or (flaw.reason if flaw else None))
    opened = (OpenLetter(kept.wanted.version, Stage.DELIVERY, flaw),) if flaw else ()
    return Decision(receipts.wish(kept, fact.at, flaw or standing_refusal(kept)), RuleId.FOUND, opened)


def _held(delivery: Delivery, version: Version | None, at: datetime) -> Sent | None:
    """Return the content of the version that was found: what was sent, or what is wanted though never sent."""
    if delivery.sent is not None and version in (None, delivery.sent.version):
        return delivery.sent
    wanted = delivery.wanted
    if version == wanted.version and delivery.claim_epoch is not None:
        return Sent(wanted.version, wanted.source_hash, wanted.payload, at)
    return None


def _transferred(delivery: Delivery, held: Sent, at: datetime, flaw: Refusal | None, rule: RuleId) -> Decision:
    """Close a confirmed invoice: with the letter its flaw needs, or the one that newer content needs."""
    newer = delivery.wanted
    flaw = flaw or _edit_not_there(newer, held)
    flawed = replace(delivery, reason=flaw.reason if flaw else None)
    opened = (OpenLetter(held.version, Stage.DELIVERY, flaw),) if flaw else ()
    if newer.version == held.version:
        return Decision(receipts.wish(flawed, at, flaw), rule, opened)
    mapped = replace(newer, outcome=Outcome.MAPPED, refusal=None, payload=held.payload, source_hash=held.source_hash)
    then = replace(flawed, wanted=mapped)
    decision = newer_after_transfer(then, newer, at)
    if decision.rule is RuleId.TOLD_AGAIN:
        return Decision(receipts.wish(decision.delivery or then, at, flaw), rule, opened)
    # One letter at a time: that the source has moved on is what a person must know first.
    return Decision(decision.delivery, rule, tuple(one for one in decision.effects if isinstance(one, OpenLetter)))


def _edit_not_there(newer: Wanted, held: Sent) -> Refusal | None:
    """Return why a person must look: their edit was made in doubt, and what had been sent before it is there."""
    if newer.version.generation == 0 or newer.source_hash != held.source_hash or newer.payload == held.payload:
        return None
    said = "Tripletex holds what was sent before the edit; nothing of the edit is there."
    return Refusal(Reason.ADOPTED_BUT_DIFFERENT, None, said)


def _found_nothing(delivery: Delivery, fact: facts.FoundNothing) -> Decision:
    """The look after the settle time says that nothing is there: the newest content may go."""
    if not delivery.once or not delivery.read_back:
        return Decision(delivery, RuleId.STRAY)
    cleared = replace(delivery, maybe_there=False, read_back=False, order_id=fact.orphan_order)
    if delivery.confirmed is not None:
        missing = Refusal(
            Reason.INVOICE_MISSING_AT_TARGET,
            None,
            "A look for the confirmed invoice found none; it is not sent again by itself.",
        )
        # Until a person decides, somebody may have made it anew by hand: what goes next is looked up first again.
        gone = replace(_unconfirmed(cleared), read_back=True, sent=None)
        return dead(gone, Stage.DELIVERY, missing, fact.at, RuleId.FOUND_MISSING, _closing_verified(delivery))
    return rest_with(cleared, fact.at, RuleId.FOUND_NOTHING, attempt=delivery.attempt)


def _taken(delivery: Delivery, fact: facts.TakenByAnother) -> Decision:
    """Somebody else's document has the number: whatever goes next under it is looked up first again."""
    if not delivery.once:
        return Decision(delivery, RuleId.STRAY)
    taken = replace(_unconfirmed(delivery), maybe_there=False, read_back=True, order_id=None)
    return dead(taken, Stage.DELIVERY, fact.refusal, fact.at, RuleId.NUMBER_TAKEN, _closing_verified(delivery))


def _unconfirmed(delivery: Delivery) -> Delivery:
    """Return it as one that the target does not hold, whatever was known before it was verified."""
    return replace(delivery, confirmed=None, order_due_at=None)


def _closing_verified(delivery: Delivery) -> tuple[Effect, ...]:
    """Return the effect that closes the letter of a confirmed invoice that was verified, if one is open."""
    if delivery.confirmed is None:
        return ()
    return closing(replace(delivery, state=State.CONFIRMED), LetterClosedAs.SUPERSEDED)


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
    settled = replace(delivery, maybe_there=False, read_back=False, order_id=None)
    if delivery.newer_waits and delivery.sent is not None:
        logged = RefusalLogged(delivery.sent.version, fact.refusal)
        return rest_with(settled, fact.at, RuleId.REFUSED, (logged,))
    return dead(settled, Stage.DELIVERY, fact.refusal, fact.at, RuleId.REFUSED)


def _unknown(delivery: Delivery, fact: facts.EffectUnknown, policy: Policy) -> Decision:
    failing = replace(
        delivery,
        unknown_rounds=delivery.unknown_rounds + 1,
        failing_since=delivery.failing_since or fact.at,
    )
    hopeless = failing.unknown_rounds >= policy.unknown_rounds_limit and fact.others_confirmed
    # What is confirmed was only looked for, so that nothing of it can have failed.
    if hopeless and not delivery.newer_waits and delivery.confirmed is None:
        refusal = Refusal(
            Reason.TARGET_FAILS_ON_THIS,
            None,
            f"No usable answer in {failing.unknown_rounds} rounds while other entities of the tenant passed.",
        )
        return dead(failing, Stage.DELIVERY, refusal, fact.at, RuleId.FAILS_ON_THIS)
    return doubt(failing, fact.at + policy.settle, RuleId.UNKNOWN)
