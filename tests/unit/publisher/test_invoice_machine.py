"""The invoice half of the state machine: one rule at a time, and the same laws as for customers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.contracts.envelope import Outcome
from bridge.contracts.identity import EntityNumber, EventId, Flow, Generation, Revision, TenantId, Version, invoice_ref
from bridge.contracts.reasons import Reason
from bridge.publisher.domain.delivery import facts
from bridge.publisher.domain.delivery.effects import CloseLetter, LetterClosedAs, OpenLetter
from bridge.publisher.domain.delivery.model import Delivery, EntityKey, Policy, Refusal, State, Wanted
from bridge.publisher.domain.delivery.receipts import ReceiptContent, ReceiptStatus, read_receipt
from bridge.publisher.domain.delivery.rules import RULES, RuleId
from bridge.publisher.domain.delivery.transitions import Decision, decide, ingest

KEY = EntityKey(TenantId("acme"), Flow.INVOICES, EntityNumber("10472"))
T0 = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SETTLE = timedelta(seconds=60)
POLICY = Policy(settle=SETTLE)
REFUSAL = Refusal(Reason.CUSTOMER_UNKNOWN, "customerNumber", "no such customer")
DIVERGED = Refusal(Reason.AMOUNT_DIFFERS, None, "net 900.00 instead of 1000.00")


def wanted(
    revision: int,
    *,
    content: str | None = None,
    batch: int = 88,
    outcome: Outcome = Outcome.MAPPED,
    generation: int = 0,
) -> Wanted:
    return Wanted(
        version=Version(Revision(revision), Generation(generation)),
        change_no=revision,
        event_id=EventId(f"event-{revision}-{generation}"),
        source_hash=f"hash-{content or revision}",
        source_ref=invoice_ref(batch, 10472),
        schema_version=1,
        traceparent=None,
        outcome=outcome,
        payload=(content or str(revision)).encode(),
        refusal=Refusal(Reason.INVALID_KID, "kid", "wrong digit") if outcome is Outcome.UNMAPPABLE else None,
    )


def told(
    revision: int, *, content: str | None = None, batch: int = 88, outcome: Outcome = Outcome.MAPPED
) -> facts.Ingested:
    return facts.Ingested(wanted(revision, content=content, batch=batch, outcome=outcome), T0)


def after(decision: Decision) -> Delivery:
    assert decision.delivery is not None
    return decision.delivery


def first(fact: facts.Ingested | None = None) -> Delivery:
    return after(ingest(KEY, None, fact or told(1), POLICY))


def walk(delivery: Delivery, *steps: facts.Fact) -> Delivery:
    for step in steps:
        delivery = after(decide(delivery, step, POLICY))
    return delivery


CLAIM = facts.Claimed(epoch=7, at=T0)
UNKNOWN = facts.EffectUnknown(T0, others_confirmed=True)
APPLIED = facts.Applied(T0, remote_id="501", order_id="77")
FOUND = facts.FoundWanted(T0, remote_id="501", order_id="77")
NOTHING = facts.FoundNothing(T0)
WITHDRAWN = told(2, outcome=Outcome.WITHDRAWN)
BELOW_FLOOR = replace(told(1), look_first_at=T0)
V1 = Version(Revision(1))

EXAMPLES: dict[RuleId, tuple[facts.Ingested, tuple[facts.Fact, ...], facts.Fact]] = {
    RuleId.NEWER_AT_REST: (told(1), (), told(2)),
    RuleId.NEWER_AFTER_DOUBT: (told(1), (CLAIM, UNKNOWN, CLAIM, NOTHING) * 4 + (CLAIM, UNKNOWN), told(2)),
    RuleId.NEWER_BELOW_FLOOR: (told(1, outcome=Outcome.UNMAPPABLE), (), replace(told(2), look_first_at=T0)),
    RuleId.STAYS_GIVEN_UP: (told(1, content="a"), (facts.DiscardAsked(V1, T0),), told(2, content="a")),
    RuleId.NEWER_IN_FLIGHT: (told(1), (CLAIM,), told(2)),
    RuleId.TOLD_AGAIN: (told(1, content="a"), (CLAIM, APPLIED), told(2, content="a", batch=90)),
    RuleId.CHANGED_AFTER_TRANSFER: (told(1), (CLAIM, APPLIED), told(2)),
    RuleId.CLAIM: (told(1), (), CLAIM),
    RuleId.CLAIM_LOOK: (told(1), (CLAIM, UNKNOWN), CLAIM),
    RuleId.NEVER_SENT: (told(1), (CLAIM,), facts.NeverSent(T0)),
    RuleId.APPLIED: (told(1), (CLAIM,), APPLIED),
    RuleId.FOUND: (told(1), (CLAIM, UNKNOWN, CLAIM), FOUND),
    RuleId.FOUND_NOTHING: (told(1), (CLAIM, UNKNOWN, CLAIM), NOTHING),
    RuleId.FOUND_MISSING: (told(1), (CLAIM, APPLIED, facts.VerifyAsked(V1, T0), CLAIM), NOTHING),
    RuleId.NUMBER_TAKEN: (told(1), (CLAIM,), facts.TakenByAnother(REFUSAL, T0)),
    RuleId.READ_BACK_FAILED: (told(1), (CLAIM, UNKNOWN, CLAIM), facts.ReadBackFailed(T0)),
    RuleId.NOT_SENT: (told(1), (CLAIM,), facts.NotSent(T0)),
    RuleId.REFUSED: (told(1), (CLAIM,), facts.Refused(REFUSAL, T0)),
    RuleId.UNKNOWN: (told(1), (CLAIM,), UNKNOWN),
    RuleId.FAILS_ON_THIS: (told(1), (CLAIM, UNKNOWN, CLAIM, NOTHING) * 4 + (CLAIM,), UNKNOWN),
    RuleId.TAKEN_OVER: (told(1), (CLAIM,), facts.TakenOver(T0)),
    RuleId.RETRY: (told(1), (CLAIM, facts.Refused(REFUSAL, T0)), facts.RetryAsked(V1, Generation(9), T0)),
    RuleId.EDIT: (told(1), (CLAIM, facts.Refused(REFUSAL, T0)), facts.EditAsked(V1, Generation(9), b"mended", T0)),
    RuleId.DISCARD: (told(1), (), facts.DiscardAsked(V1, T0)),
    RuleId.LETTER_DISMISSED: (told(1), (CLAIM, replace(APPLIED, diverged=DIVERGED)), facts.DiscardAsked(V1, T0)),
    RuleId.VERIFY: (told(1), (CLAIM, APPLIED), facts.VerifyAsked(V1, T0)),
    RuleId.ORDER: (told(1), (CLAIM, APPLIED), facts.OrderSettled(T0)),
    RuleId.RECEIPT: (told(1), (CLAIM, APPLIED), facts.ReceiptClaimed(7)),
    RuleId.ACT_MOVED: (told(1), (CLAIM,), facts.VerifyAsked(V1, T0)),
    RuleId.STRAY: (told(1), (), APPLIED),
}
_OF_OTHERS = {
    RuleId.FIRST_SEEN,
    RuleId.FIRST_SEEN_BELOW_FLOOR,
    RuleId.OLDER_OR_SAME,
    # An unmappable invoice in doubt is looked up like any other.
    RuleId.CLAIM_UNSENDABLE,
}

_versions = st.builds(lambda r: Version(Revision(r)), st.integers(1, 6))
_generations = st.builds(Generation, st.integers(1, 9))
_ingested = st.builds(
    facts.Ingested,
    st.builds(
        wanted,
        st.integers(1, 6),
        content=st.sampled_from([None, "a"]),
        batch=st.sampled_from([88, 90]),
        outcome=st.sampled_from(Outcome),
    ),
    st.just(T0),
    st.sampled_from([None, T0]),
)
any_fact: st.SearchStrategy[facts.Fact] = st.one_of(
    _ingested,
    st.just(CLAIM),
    st.just(facts.NeverSent(T0)),
    st.sampled_from([APPLIED, replace(APPLIED, diverged=DIVERGED)]),
    st.builds(facts.FoundWanted, st.just(T0), st.just("501"), st.none() | _versions),
    st.builds(facts.FoundNothing, st.just(T0), st.sampled_from([None, "77"])),
    st.just(facts.TakenByAnother(REFUSAL, T0)),
    st.just(facts.ReadBackFailed(T0)),
    st.just(facts.NotSent(T0)),
    st.just(facts.Refused(REFUSAL, T0)),
    st.builds(facts.EffectUnknown, st.just(T0), st.booleans()),
    st.just(facts.TakenOver(T0)),
    st.builds(facts.RetryAsked, _versions, _generations, st.just(T0)),
    st.builds(facts.EditAsked, _versions, _generations, st.just(b"edited"), st.just(T0)),
    st.builds(facts.DiscardAsked, _versions, st.just(T0)),
    st.builds(facts.VerifyAsked, _versions, st.just(T0)),
    st.just(facts.OrderSettled(T0)),
    st.just(facts.OrderOpen(T0)),
    st.just(facts.ReceiptClaimed(7)),
    st.just(facts.ReceiptTold("{}", T0)),
    st.just(facts.ReceiptNotHeld(T0)),
    st.just(facts.ReceiptUnclear(T0)),
    st.just(facts.ReceiptWaits(T0)),
)


@given(_ingested, st.lists(any_fact, max_size=25))
def test_every_decision_is_one_that_its_rule_allows(seen: facts.Ingested, steps: list[facts.Fact]) -> None:
    started = ingest(KEY, None, seen, POLICY)
    assert after(started).state in RULES[started.rule].to
    delivery = after(started)

    for step in steps:
        decision = decide(delivery, step, POLICY)
        rule = RULES[decision.rule]
        assert delivery.state in rule.frm
        assert isinstance(step, rule.fact)
        assert after(decision).state in rule.to, decision.rule
        delivery = after(decision)


@given(_ingested, st.lists(any_fact, max_size=25))
def test_the_laws_of_a_row_hold_after_any_facts(seen: facts.Ingested, steps: list[facts.Fact]) -> None:
    delivery = first(seen)
    for step in steps:
        moved = after(decide(delivery, step, POLICY))
        assert moved.wanted.version >= delivery.wanted.version
        delivery = moved

    assert (delivery.due_at is not None) == (delivery.state in (State.READY, State.IN_DOUBT))
    assert (delivery.claim_epoch is not None) == (delivery.state is State.SENDING)
    if delivery.state is State.READY:
        assert not delivery.maybe_there, "what may be there must be looked up before it is sent"
        assert not delivery.read_back
        assert delivery.wanted.outcome is Outcome.MAPPED
    if delivery.state is State.IN_DOUBT:
        assert delivery.read_back


@given(_ingested, st.lists(any_fact, max_size=25))
def test_a_letter_is_open_exactly_where_the_row_says_so(seen: facts.Ingested, steps: list[facts.Fact]) -> None:
    decision = ingest(KEY, None, seen, POLICY)
    open_letters = 0
    delivery: Delivery | None = None
    for step in [None, *steps]:
        if step is not None:
            assert delivery is not None
            decision = decide(delivery, step, POLICY)
        for effect in decision.effects:
            if isinstance(effect, OpenLetter):
                assert open_letters == 0, "two open letters of one entity"
                open_letters = 1
            elif isinstance(effect, CloseLetter):
                open_letters = 0
        delivery = after(decision)
        if delivery.state not in (State.SENDING, State.IN_DOUBT):
            assert delivery.has_letter == bool(open_letters), decision.rule


@pytest.mark.parametrize("rule", [rule for rule in RuleId if rule not in _OF_OTHERS], ids=lambda rule: rule.name)
def test_every_rule_is_reached(rule: RuleId) -> None:
    seen, before, fact = EXAMPLES[rule]

    decision = decide(walk(first(seen), *before), fact, POLICY)

    assert decision.rule is rule


def test_an_invoice_below_the_floor_is_looked_up_before_it_is_ever_sent() -> None:
    decision = ingest(KEY, None, BELOW_FLOOR, POLICY)

    looking = walk(after(decision), CLAIM)

    assert decision.rule is RuleId.FIRST_SEEN_BELOW_FLOOR
    assert looking.sent is None, "a look is no request"
    assert walk(looking, NOTHING).state is State.READY
    adopted = walk(looking, replace(FOUND, version=V1))
    assert adopted.state is State.CONFIRMED
    assert adopted.confirmed is not None


def test_a_doubt_goes_through_a_look_and_never_straight_to_a_request() -> None:
    doubted = walk(first(), CLAIM, UNKNOWN)
    looking = walk(doubted, CLAIM)

    assert doubted.due_at == T0 + SETTLE
    assert looking.sent == doubted.sent
    assert walk(looking, NOTHING).state is State.READY
    assert walk(looking, facts.NeverSent(T0)).state is State.IN_DOUBT
    assert walk(looking, facts.NotSent(T0)).state is State.IN_DOUBT


def test_a_correction_during_doubt_waits_for_the_look_and_goes_if_nothing_was_found() -> None:
    looking = walk(first(), CLAIM, UNKNOWN, told(2), CLAIM)

    sent_next = walk(looking, NOTHING, CLAIM)

    assert looking.sent is not None
    assert looking.sent.payload == b"1", "the look must know what was sent"
    assert sent_next.sent is not None
    assert sent_next.sent.payload == b"2"


def test_a_correction_during_doubt_becomes_a_letter_if_the_older_one_is_found() -> None:
    decision = decide(walk(first(), CLAIM, UNKNOWN, told(2), CLAIM), FOUND, POLICY)

    found = after(decision)

    assert found.state is State.CONFIRMED
    assert found.reason is Reason.INVOICE_CHANGED_AFTER_TRANSFER
    assert found.wanted.payload == b"1", "the row keeps what the target holds"
    assert found.wanted.version == Version(Revision(2))
    (letter,) = [effect for effect in decision.effects if isinstance(effect, OpenLetter)]
    assert letter.unsent is not None
    assert letter.unsent.payload == b"2"


def test_an_invoice_taken_back_before_it_was_sent_is_discarded_without_a_receipt() -> None:
    gone = walk(first(), WITHDRAWN)

    assert gone.state is State.DISCARDED
    assert gone.reason is Reason.INVOICE_TAKEN_BACK
    assert gone.receipt.wanted is None


def test_an_invoice_taken_back_after_its_transfer_is_a_letter() -> None:
    gone = walk(first(), CLAIM, APPLIED, WITHDRAWN)

    assert gone.state is State.CONFIRMED
    assert gone.reason is Reason.INVOICE_CHANGED_AFTER_TRANSFER


def test_an_invoice_taken_back_in_doubt_is_discarded_only_if_the_look_finds_nothing() -> None:
    looking = walk(first(), CLAIM, UNKNOWN, WITHDRAWN, CLAIM)

    assert walk(looking, NOTHING).state is State.DISCARDED
    assert walk(looking, FOUND).reason is Reason.INVOICE_CHANGED_AFTER_TRANSFER


def test_content_that_comes_back_to_what_was_transferred_closes_the_letter() -> None:
    changed = walk(first(told(1, content="a")), CLAIM, APPLIED, told(2, content="b"))

    decision = decide(changed, told(3, content="a"), POLICY)

    assert after(decision).reason is None
    assert CloseLetter(LetterClosedAs.SUPERSEDED) in decision.effects


def test_an_orphan_order_is_taken_up_only_by_the_content_that_made_it() -> None:
    orphan = facts.FoundNothing(T0, orphan_order="77")
    same = walk(first(), CLAIM, UNKNOWN, CLAIM, orphan)
    corrected = walk(first(), CLAIM, UNKNOWN, told(2), CLAIM, orphan)

    assert same.order_id == "77"
    assert corrected.order_id is None
    assert walk(same, told(2)).order_id is None


def test_a_number_taken_by_another_is_looked_up_again_before_anything_goes_under_it() -> None:
    taken = walk(first(), CLAIM, facts.TakenByAnother(REFUSAL, T0))

    assert taken.state is State.DEAD
    assert walk(taken, told(2)).state is State.IN_DOUBT
    assert walk(taken, facts.RetryAsked(V1, Generation(9), T0)).state is State.IN_DOUBT


def test_what_was_given_up_unanswered_is_never_reported_as_rejected() -> None:
    rounds = (CLAIM, UNKNOWN, CLAIM, NOTHING) * 4 + (CLAIM, UNKNOWN)
    dead = walk(first(), *rounds)

    assert dead.reason is Reason.TARGET_FAILS_ON_THIS
    assert dead.receipt.wanted is None
    assert walk(dead, facts.DiscardAsked(V1, T0)).receipt.wanted is None


def test_verify_never_sends_and_says_what_is_missing() -> None:
    looking = walk(first(), CLAIM, APPLIED, facts.VerifyAsked(V1, T0), CLAIM)
    missing = walk(looking, NOTHING)

    assert walk(looking, FOUND).state is State.CONFIRMED
    assert missing.state is State.DEAD
    assert missing.reason is Reason.INVOICE_MISSING_AT_TARGET
    retried = walk(missing, facts.RetryAsked(V1, Generation(9), T0))
    assert retried.state is State.IN_DOUBT, "somebody may have made it by hand since that look"
    assert walk(retried, CLAIM, NOTHING).state is State.READY


def receipt(delivery: Delivery) -> ReceiptContent:
    assert delivery.receipt.wanted is not None
    return read_receipt(delivery.receipt.wanted)


def test_each_end_asks_for_its_receipt_and_an_open_one_for_none() -> None:
    confirmed = walk(first(), CLAIM, APPLIED)
    dead = walk(first(), CLAIM, facts.Refused(REFUSAL, T0))
    unmappable = first(told(1, outcome=Outcome.UNMAPPABLE))

    assert receipt(confirmed) == ReceiptContent(88, ReceiptStatus.TRANSFERRED, "501")
    assert receipt(dead).status is ReceiptStatus.REJECTED
    assert (receipt(dead).reason, receipt(dead).field) == (Reason.CUSTOMER_UNKNOWN, "customerNumber")
    assert receipt(unmappable).reason is Reason.INVALID_KID
    for waiting in (first(), walk(first(), CLAIM), walk(first(), CLAIM, UNKNOWN), walk(dead, told(2))):
        assert waiting.receipt.wanted is None
        assert waiting.receipt.due_at is None


def test_an_amount_that_differs_is_transferred_with_a_word_of_warning() -> None:
    diverged = walk(first(), CLAIM, replace(APPLIED, diverged=DIVERGED, amount_note="net 900.00"))

    assert diverged.diverged
    assert receipt(diverged).status is ReceiptStatus.TRANSFERRED
    assert receipt(diverged).reason is Reason.AMOUNT_DIFFERS


def test_a_second_batch_asks_for_its_own_receipt() -> None:
    confirmed = walk(first(told(1, content="a")), CLAIM, APPLIED)
    told_once = walk(confirmed, facts.ReceiptTold(confirmed.receipt.wanted or "", T0))

    again = walk(told_once, told(2, content="a", batch=90))
    repeated = walk(told_once, told(2, content="a"))

    assert told_once.receipt.due_at is None
    assert receipt(again).batch == 90
    assert again.receipt.due_at is not None
    assert repeated.receipt.due_at is not None, "a source that asks again may have lost its receipt"


def test_a_late_rejected_cannot_come_after_transferred() -> None:
    """The unanswered REJECTED may still take effect, so TRANSFERRED waits until it has settled, and looks first."""
    out = walk(first(), CLAIM, facts.Refused(REFUSAL, T0), facts.ReceiptClaimed(7))
    lost = walk(out, facts.ReceiptUnclear(T0 + timedelta(seconds=5)))

    corrected = walk(lost, told(2), CLAIM, APPLIED)

    assert corrected.receipt.due_at == T0 + timedelta(seconds=5) + SETTLE
    assert corrected.receipt.look
    told_now = walk(corrected, facts.ReceiptClaimed(7), facts.ReceiptNotHeld(T0))
    assert told_now.receipt.due_at == T0
    assert not told_now.receipt.look


def test_a_receipt_that_changes_while_one_is_out_is_told_next() -> None:
    out = walk(first(), CLAIM, facts.Refused(REFUSAL, T0), facts.ReceiptClaimed(7))
    rejected = out.receipt.wanted or ""

    corrected = walk(out, told(2), CLAIM, APPLIED)
    answered = walk(corrected, facts.ReceiptTold(rejected, T0))

    assert corrected.receipt.due_at is None, "nothing more goes while one is out"
    assert answered.receipt.due_at == T0
    assert answered.receipt.sent == rejected


def test_the_order_behind_a_confirmed_invoice_waits_to_be_closed() -> None:
    confirmed = walk(first(), CLAIM, APPLIED)

    assert (confirmed.order_id, confirmed.order_due_at) == ("77", T0)
    assert walk(confirmed, facts.OrderOpen(T0 + SETTLE)).order_due_at == T0 + SETTLE
    assert walk(confirmed, facts.OrderSettled(T0)).order_due_at is None


def test_customers_have_no_receipts_and_no_orders() -> None:
    customer = EntityKey(TenantId("acme"), Flow.CUSTOMERS, EntityNumber("1"))
    confirmed = walk(after(ingest(customer, None, told(1), POLICY)), CLAIM, APPLIED)

    assert confirmed.receipt.wanted is None
    assert confirmed.order_due_at is None


def _given_up_in_doubt() -> Delivery:
    """The limit of unknown rounds was reached, so a letter is open and the effect too."""
    return walk(first(), *(CLAIM, UNKNOWN, CLAIM, NOTHING) * 4, CLAIM, UNKNOWN)


@pytest.mark.parametrize("let_go", [facts.NotSent(T0), facts.NeverSent(T0)])
def test_an_order_left_over_is_not_taken_up_by_content_that_came_while_it_was_out(
    let_go: facts.NotSent | facts.NeverSent,
) -> None:
    with_orphan = walk(first(), CLAIM, UNKNOWN, CLAIM, facts.FoundNothing(T0, orphan_order="900"), CLAIM)

    assert walk(with_orphan, let_go).order_id == "900"
    assert walk(with_orphan, told(2), let_go).order_id is None, "order 900 has the lines and the customer of version 1"


def test_an_order_left_over_is_not_taken_up_by_an_edit_though_its_source_hash_is_the_same() -> None:
    edited = walk(_given_up_in_doubt(), facts.EditAsked(V1, Generation(9), b"mended", T0), CLAIM)
    retried = walk(_given_up_in_doubt(), facts.RetryAsked(V1, Generation(9), T0), CLAIM)
    left_over = facts.FoundNothing(T0, orphan_order="900")

    assert walk(retried, left_over).order_id == "900"
    assert walk(edited, left_over).state is State.READY
    assert walk(edited, left_over).order_id is None


def test_an_edit_that_came_after_what_was_sent_is_not_lost_without_a_letter() -> None:
    edited = walk(_given_up_in_doubt(), facts.EditAsked(V1, Generation(9), b"mended", T0), CLAIM)

    decision = decide(edited, facts.FoundWanted(T0, "501", V1), POLICY)

    found = after(decision)
    assert (found.state, found.wanted.payload) == (State.CONFIRMED, b"1"), "the row says what is there"
    assert found.reason is Reason.ADOPTED_BUT_DIFFERENT
    assert [effect.refusal.reason for effect in decision.effects if isinstance(effect, OpenLetter)] == [found.reason]


def test_a_retry_that_finds_what_was_sent_needs_no_letter() -> None:
    retried = walk(_given_up_in_doubt(), facts.RetryAsked(V1, Generation(9), T0), CLAIM)

    decision = decide(retried, facts.FoundWanted(T0, "501", V1), POLICY)

    assert after(decision).reason is None
    assert not decision.effects


def test_a_verified_invoice_whose_number_another_has_is_confirmed_no_more_and_has_one_letter() -> None:
    diverged = walk(first(), CLAIM, replace(APPLIED, diverged=DIVERGED), facts.VerifyAsked(V1, T0), CLAIM)

    decision = decide(diverged, facts.TakenByAnother(REFUSAL, T0), POLICY)

    taken = after(decision)
    assert [type(effect) for effect in decision.effects] == [CloseLetter, OpenLetter], (
        "a second open one cannot be stored"
    )
    assert (taken.state, taken.confirmed, taken.order_due_at) == (State.DEAD, None, None)
    newer = walk(taken, told(2))
    assert newer.state is State.IN_DOUBT
    assert newer.receipt.wanted is None, "OC2 must not hear TRANSFERRED of what is not there"


@pytest.mark.parametrize("outcome", [Outcome.WITHDRAWN, Outcome.UNMAPPABLE])
def test_content_confirmed_while_the_source_moved_on_stays_content_that_may_go(outcome: Outcome) -> None:
    confirmed = walk(first(), CLAIM, told(2, outcome=outcome), APPLIED)
    missing = walk(confirmed, facts.VerifyAsked(confirmed.wanted.version, T0), CLAIM, NOTHING)

    assert (confirmed.wanted.outcome, confirmed.wanted.payload) == (Outcome.MAPPED, b"1")
    retried = walk(missing, facts.RetryAsked(missing.wanted.version, Generation(9), T0), CLAIM, NOTHING)
    assert retried.state is State.READY, "a person asked for it to be sent again"


def test_nothing_is_told_while_a_retried_invoice_is_looked_up() -> None:
    taken = walk(first(), CLAIM, facts.TakenByAnother(REFUSAL, T0))
    assert taken.receipt.wanted is not None

    retried = walk(taken, facts.RetryAsked(V1, Generation(9), T0))

    assert retried.state is State.IN_DOUBT
    assert (retried.receipt.wanted, retried.receipt.due_at) == (None, None)


@pytest.mark.parametrize("outcome", [Outcome.WITHDRAWN, Outcome.UNMAPPABLE])
def test_what_is_there_though_never_sent_from_here_is_told_transferred_and_has_a_letter(outcome: Outcome) -> None:
    changed = Refusal(Reason.INVOICE_CHANGED_AFTER_TRANSFER, None, "from before the restore")
    looking = walk(first(BELOW_FLOOR), told(2, outcome=outcome), CLAIM)

    decision = decide(looking, facts.FoundWanted(T0, "501", Version(Revision(2)), "77", None, changed), POLICY)

    found = after(decision)
    assert (found.state, found.reason) == (State.CONFIRMED, changed.reason)
    assert [type(effect) for effect in decision.effects] == [OpenLetter]
    assert found.receipt.wanted is not None
    assert read_receipt(found.receipt.wanted).status is ReceiptStatus.TRANSFERRED


def test_a_confirmed_invoice_whose_look_ends_without_a_result_again_and_again_stays_confirmed() -> None:
    diverged = walk(first(), CLAIM, replace(APPLIED, diverged=DIVERGED), facts.VerifyAsked(V1, T0))

    looked = walk(diverged, *(CLAIM, UNKNOWN) * 10)

    assert (looked.state, looked.confirmed) == (State.IN_DOUBT, diverged.confirmed), "its letter is open already"
    assert walk(looked, CLAIM, FOUND).state is State.CONFIRMED


def test_what_an_operator_gave_up_comes_back_only_with_other_content_or_in_another_batch() -> None:
    """A resync, and a restored database, tell everything once more under a higher version."""
    given_up = walk(first(told(1, content="a")), CLAIM, facts.Refused(REFUSAL, T0), facts.DiscardAsked(V1, T0))

    told_once_more = walk(given_up, told(2, content="a"))

    assert told_once_more.state is State.DISCARDED
    assert told_once_more.wanted.version == Version(Revision(2))
    assert told_once_more.receipt == given_up.receipt
    assert walk(told_once_more, told(3, content="b")).state is State.READY
    assert walk(told_once_more, told(3, content="a", batch=90)).state is State.READY
    assert walk(told_once_more, told(3, outcome=Outcome.WITHDRAWN)).reason is Reason.INVOICE_TAKEN_BACK
    taken_back = walk(first(told(1, content="a")), WITHDRAWN)
    assert walk(taken_back, told(3, content="a")).state is State.READY
