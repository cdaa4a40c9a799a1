"""Terms: a look first, one creation, rest after silence."""

from datetime import timedelta

import pytest

from bridge.contracts.identity import Shard, TenantId
from bridge.contracts.reasons import Reason
from bridge.oc2.terms import PaymentTerm
from bridge.publisher.application.payment_terms import PaymentTerms
from bridge.publisher.application.ports import Hold
from bridge.publisher.application.verdict import Declined, Denied, Waits
from bridge.remote.errors import CredentialsRefusedError
from bridge.remote.outcome import Refused, Unknown
from bridge.testkit.clock import ManualClock
from bridge.testkit.fake_oc2 import FakeOc2

ACME = TenantId("acme")
HOLD = Hold(Shard(1), 1, float("inf"))
SETTLE = timedelta(seconds=60)


@pytest.fixture
def clock() -> ManualClock:
    """A clock moved by hand."""
    return ManualClock()


@pytest.fixture
def oc2() -> FakeOc2:
    """An empty OC2."""
    return FakeOc2()


@pytest.fixture
def terms(oc2: FakeOc2, clock: ManualClock) -> PaymentTerms:
    """The terms of that OC2."""
    return PaymentTerms(oc2, clock, settle=SETTLE)


async def resolve(terms: PaymentTerms, *days: int, hold: Hold = HOLD) -> dict[int, object]:
    """Resolve without a deadline."""
    return dict(await terms.resolve(ACME, hold, days, not_after=lambda: float("inf")))


async def test_a_term_is_looked_up_once_and_remembered(terms: PaymentTerms, oc2: FakeOc2) -> None:
    oc2.terms[ACME] = [PaymentTerm(31, "Netto", 14), PaymentTerm(7, "14 dager", 14)]

    assert await resolve(terms, 14, 14) == {14: 7}
    assert await resolve(terms, 14) == {14: 7}

    assert oc2.calls == ["term_id"]


async def test_a_new_owner_remembers_nothing_of_an_older_epoch(terms: PaymentTerms, oc2: FakeOc2) -> None:
    await resolve(terms, 14)
    oc2.terms[ACME] = [PaymentTerm(99, "andre", 14)]

    assert await resolve(terms, 14, hold=Hold(Shard(1), 2, float("inf"))) == {14: 99}


async def test_an_unanswered_creation_rests_until_it_has_settled_and_is_then_found(
    terms: PaymentTerms, oc2: FakeOc2, clock: ManualClock
) -> None:
    oc2.plan("create_term", Unknown("silence"))

    assert isinstance((await resolve(terms, 45))[45], Waits)
    clock.advance(59)
    resting = (await resolve(terms, 45))[45]
    assert isinstance(resting, Waits)
    assert resting.reason is None
    assert oc2.calls.count("create_term") == 1

    oc2.terms[ACME] = [PaymentTerm(5, "45 dager", 45)]
    clock.advance(2)
    assert await resolve(terms, 45) == {45: 5}
    assert oc2.calls.count("create_term") == 1


@pytest.mark.parametrize("epoch", [1, 2], ids=["an id is gone", "the lease was lost and taken again"])
async def test_a_term_goes_on_resting_whatever_else_is_forgotten(
    terms: PaymentTerms, oc2: FakeOc2, clock: ManualClock, epoch: int
) -> None:
    oc2.plan("create_term", Unknown("silence"))
    await resolve(terms, 45)

    terms.forget(ACME)

    assert isinstance((await resolve(terms, 45, hold=Hold(Shard(1), epoch, float("inf"))))[45], Waits)
    assert oc2.calls.count("create_term") == 1


async def test_after_a_takeover_nothing_is_created_before_the_former_owner_has_settled(
    terms: PaymentTerms, oc2: FakeOc2, clock: ManualClock
) -> None:
    terms.rest(ACME)

    assert isinstance((await resolve(terms, 45))[45], Waits)
    assert "create_term" not in oc2.calls

    clock.advance(61)
    assert await resolve(terms, 45) == {45: 1}


async def test_a_term_that_exists_is_used_at_once_after_a_takeover(terms: PaymentTerms, oc2: FakeOc2) -> None:
    oc2.terms[ACME] = [PaymentTerm(5, "45 dager", 45)]
    terms.rest(ACME)

    assert await resolve(terms, 45) == {45: 5}


async def test_a_refused_term_names_the_days_and_its_own_reason(terms: PaymentTerms, oc2: FakeOc2) -> None:
    oc2.plan("create_term", Refused(Reason.TARGET_REFUSED, 422, detail="not offered"))

    verdict = (await resolve(terms, 45))[45]

    assert isinstance(verdict, Declined)
    assert verdict.refusal.reason is Reason.PAYMENT_TERM_REFUSED
    assert "45 days" in verdict.refusal.detail


async def test_a_register_that_cannot_be_read_creates_nothing(terms: PaymentTerms, oc2: FakeOc2) -> None:
    oc2.plan("term_id", CredentialsRefusedError("The key is refused."))

    verdict = (await resolve(terms, 45))[45]

    assert isinstance(verdict, Denied)
    assert verdict.reason is Reason.CREDENTIALS_REFUSED
    assert oc2.calls == ["term_id"]
