"""When a gate closes, when it opens, and what must not close it."""

from datetime import timedelta
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.contracts.reasons import Reason
from bridge.remote.gate import (
    OPENED_BY_HAND,
    REFUSALS_ALIKE,
    AccessDenied,
    Close,
    Declined,
    Fact,
    Failed,
    GateJudge,
    GateState,
    HalfOpen,
    Limited,
    Open,
    ProbeFailed,
    ProbeSucceeded,
    SafeGetFailed,
    Succeeded,
    Verdict,
)


def _after(*facts: Fact, start: GateJudge | None = None) -> tuple[GateJudge, Verdict]:
    judge, verdict = start or GateJudge(), None
    for fact in facts:
        judge, verdict = judge.judge(fact)
    return judge, verdict


_CLOSED = GateJudge(GateState.CLOSED, Reason.TARGET_DOWN)
_HALF = GateJudge(GateState.HALF_OPEN, Reason.TARGET_DOWN)


def test_two_different_entities_that_fail_close_the_gate() -> None:
    judge, verdict = _after(Failed("1", "status 500"), Failed("2", "status 502"))

    assert verdict == Close(Reason.TARGET_DOWN, "status 502")
    assert (judge.state, judge.at_once) == (GateState.CLOSED, 0)


def test_one_entity_that_fails_again_and_again_closes_nothing() -> None:
    judge, verdict = _after(*[Failed("1", "status 500")] * 50)

    assert (judge.state, verdict) == (GateState.OPEN, None)


@pytest.mark.parametrize("between", [Succeeded("3"), Declined("3", "422")], ids=["applied", "refused"])
def test_an_answer_between_two_failures_shows_that_the_target_is_up(between: Fact) -> None:
    judge, verdict = _after(Failed("1", "a"), between, Failed("2", "b"))

    assert (judge.state, verdict) == (GateState.OPEN, None)


@pytest.mark.parametrize(
    ("fact", "verdict"),
    [
        pytest.param(SafeGetFailed(Reason.SOURCE_DOWN, "x"), Close(Reason.SOURCE_DOWN, "x"), id="safe-get"),
        pytest.param(
            AccessDenied(Reason.CREDENTIALS_REFUSED, "x"),
            Close(Reason.CREDENTIALS_REFUSED, "x"),
            id="401-after-renewal",
        ),
        pytest.param(AccessDenied(Reason.WRONG_COMPANY, "x"), Close(Reason.WRONG_COMPANY, "x"), id="wrong-company"),
        pytest.param(
            Limited(timedelta(seconds=12)),
            Close(Reason.RATE_LIMITED, "status 429", timedelta(seconds=12)),
            id="429",
        ),
    ],
)
@pytest.mark.parametrize("start", [GateJudge(), _HALF], ids=["open", "half-open"])
def test_these_facts_close_at_once(fact: Fact, verdict: Close, start: GateJudge) -> None:
    assert _after(fact, start=start)[1] == verdict


def test_twenty_refusals_alike_close_the_gate_and_nineteen_do_not() -> None:
    alike = [Declined(str(n), "422 paymentTermId") for n in range(REFUSALS_ALIKE)]

    assert _after(*alike[:-1])[1] is None
    assert _after(*alike)[1] == Close(Reason.REFUSED_ALIKE, "422 paymentTermId")


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param([Declined(str(n), f"422 field{n % 2}") for n in range(60)], id="not-alike"),
        pytest.param([Declined("1", "422 name")] * 60, id="one-entity"),
        pytest.param(
            [f for n in range(15) for f in (Declined(str(n), "422"), Declined(f"x{n}", "422"), Succeeded(f"ok{n}"))],
            id="successes-between",
        ),
    ],
)
def test_other_refusals_close_nothing(facts: list[Fact]) -> None:
    assert _after(*facts)[0].state is GateState.OPEN


def test_a_good_probe_lets_one_entity_through_and_its_success_opens() -> None:
    judge, verdict = _after(ProbeSucceeded(), start=_CLOSED)
    assert (judge.state, judge.at_once, verdict) == (GateState.HALF_OPEN, 1, HalfOpen())

    judge, verdict = judge.judge(Succeeded("1"))
    assert (judge, verdict) == (GateJudge(), Open())
    assert judge.at_once is None


def test_a_bad_probe_changes_nothing() -> None:
    assert _after(ProbeFailed(), start=_CLOSED) == (_CLOSED, None)


def test_a_late_answer_to_an_older_call_does_not_open_a_closed_gate() -> None:
    assert _after(Succeeded("1"), Failed("2", "x"), Declined("3", "y"), start=_CLOSED) == (_CLOSED, None)


def test_one_bad_entity_does_not_close_a_half_open_gate_again_but_two_do() -> None:
    one = _after(Failed("1", "a"), start=_HALF)
    assert one[0].state is GateState.HALF_OPEN

    assert _after(Failed("2", "b"), start=one[0])[1] == Close(Reason.TARGET_DOWN, "b")


def test_after_refusals_alike_one_more_of_the_kind_is_enough() -> None:
    half = GateJudge(GateState.HALF_OPEN, Reason.REFUSED_ALIKE)

    assert _after(Declined("1", "422 z"), start=half)[1] == Close(Reason.REFUSED_ALIKE, "422 z")


@pytest.mark.parametrize("reason", sorted(OPENED_BY_HAND))
@pytest.mark.parametrize(
    "fact",
    [ProbeSucceeded(), Limited(timedelta(1)), AccessDenied(Reason.CREDENTIALS_REFUSED, "x"), Succeeded("1")],
    ids=["probe", "429", "denied", "success"],
)
def test_what_a_person_closed_only_a_person_opens_or_renames(reason: Reason, fact: Fact) -> None:
    closed = GateJudge(GateState.CLOSED, reason)

    assert _after(fact, start=closed) == (closed, None)


def test_a_closed_gate_learns_that_the_credentials_are_refused() -> None:
    assert _after(AccessDenied(Reason.CREDENTIALS_REFUSED, "x"), start=_CLOSED)[1] == Close(
        Reason.CREDENTIALS_REFUSED, "x"
    )


def test_the_same_reason_again_is_not_written_again() -> None:
    closed = GateJudge(GateState.CLOSED, Reason.CREDENTIALS_REFUSED)

    assert _after(AccessDenied(Reason.CREDENTIALS_REFUSED, "x"), start=closed)[1] is None


def test_a_pause_does_not_hide_a_graver_reason() -> None:
    closed = GateJudge(GateState.CLOSED, Reason.CREDENTIALS_REFUSED)

    assert _after(Limited(timedelta(seconds=1)), start=closed)[1] is None


def test_a_longer_pause_is_taken_over() -> None:
    closed = GateJudge(GateState.CLOSED, Reason.RATE_LIMITED)

    assert _after(Limited(timedelta(hours=1)), start=closed)[1] == Close(
        Reason.RATE_LIMITED, "status 429", timedelta(hours=1)
    )


_ENTITY = st.sampled_from(["1", "2", "3"])
_FACT: st.SearchStrategy[Fact] = st.one_of(
    st.builds(Succeeded, _ENTITY),
    st.builds(Failed, _ENTITY, st.just("x")),
    st.builds(Declined, _ENTITY, st.sampled_from(["a", "b"])),
    st.builds(SafeGetFailed, st.just(Reason.TARGET_DOWN), st.just("x")),
    st.builds(AccessDenied, st.just(Reason.CREDENTIALS_REFUSED), st.just("x")),
    st.builds(Limited, st.just(timedelta(seconds=5))),
    st.builds(ProbeSucceeded),
    st.builds(ProbeFailed),
)


@given(st.lists(_FACT, max_size=40))
def test_every_verdict_tells_the_state_and_silence_means_no_change(facts: list[Fact]) -> None:
    def step(judge: GateJudge, fact: Fact) -> GateJudge:
        after, verdict = judge.judge(fact)
        expected = {Close: GateState.CLOSED, HalfOpen: GateState.HALF_OPEN, Open: GateState.OPEN}
        assert after.state is (judge.state if verdict is None else expected[type(verdict)])
        assert not (judge.state is GateState.CLOSED and after.state is GateState.OPEN)
        return after

    reduce(step, facts, GateJudge())


@given(st.lists(st.builds(Failed, st.just("1"), st.just("x")) | st.builds(Declined, st.just("1"), st.just("y"))))
def test_no_sequence_of_one_entitys_own_failures_closes_a_gate(facts: list[Fact]) -> None:
    assert _after(*facts)[0].state is GateState.OPEN
