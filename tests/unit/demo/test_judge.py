"""The demo's judgement can say no: each kind of wrong is found where it was planted."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bridge.demo.counts import CUSTOMERS, Seen, Told, disagreements, faults, percentile
from bridge.demo.judge import see
from bridge.testkit.simulator_answers import Effect, JsonObject, Ledger, SourceState

FIRST = "+47 22 00 00 01"
SECOND = "+47 22 00 00 02"
THIRD = "+47 22 00 00 03"


def source(*phones: str, number: int = 7, name: str = "Fjord AS", **more: object) -> list[SourceState]:
    """States of one customer, one second apart."""
    return [
        SourceState(
            seq=index,
            at=float(index),
            id=1,
            customer_number=number,
            version=index,
            content={
                "name": name,
                "phoneNumber": phone,
                "currency": {"code": "NOK"},
                "invoicesDueIn": 1,
                "invoicesDueInType": "MONTHS",
                **more,  # type: ignore[dict-item]  # JSON by the caller's choice
            },
            deleted=False,
        )
        for index, phone in enumerate(phones, start=1)
    ]


def body(phone: str, **more: object) -> JsonObject:
    """The customer as OC2 holds it; term 2 is the one of 30 days."""
    found: dict[str, object] = {
        "customerNumber": 7,
        "name": "Fjord AS",
        "active": True,
        "currency": "NOK",
        "paymentTermId": 2,
        "phone1": phone,
        "invoiceAddress": {"line1": None},
    }
    return {**found, **more}  # type: ignore[dict-item]  # JSON by the caller's choice


def ledger(*bodies: JsonObject, terms: Sequence[JsonObject] | None = None) -> Ledger:
    """What OC2 was told, half a second after the source showed it."""
    writes = tuple(Effect(n, n + 0.5, 7, content, "put", "REPLACED") for n, content in enumerate(bodies, start=1))
    customers = {7: bodies[-1]} if bodies else {}
    return Ledger(writes, customers, tuple(terms or ({"id": 2, "name": "30 dager", "days": 30},)), 1)


def judged(history: Sequence[SourceState], told: Ledger, listed: Sequence[int] = (7,)) -> Seen:
    return see("acme", history, told, listed)


def test_what_arrived_as_it_was_is_confirmed() -> None:
    seen = judged(source(FIRST, SECOND), ledger(body(FIRST), body(SECOND)))

    assert (seen.changes, seen.entities, seen.confirmed, seen.superseded) == (2, 1, 1, 1)
    assert faults(seen) == ()
    assert seen.latencies == (0.5, 0.5)


def test_a_version_that_a_newer_one_replaced_on_the_way_is_no_fault() -> None:
    seen = judged(source(FIRST, SECOND, THIRD), ledger(body(FIRST), body(THIRD)))

    assert faults(seen) == ()
    assert (seen.confirmed, seen.superseded) == (1, 2)


@pytest.mark.parametrize(
    ("told", "lost"),
    [
        pytest.param(ledger(body(FIRST)), True, id="the newest version never came"),
        pytest.param(ledger(), True, id="nothing came"),
        pytest.param(ledger(body(FIRST), body(SECOND, name="Fjord")), True, id="another name came"),
        pytest.param(ledger(body(FIRST), body(SECOND, paymentTermId=None)), True, id="the term is missing"),
        pytest.param(ledger(body(FIRST), body(SECOND)), False, id="all came"),
    ],
)
def test_a_source_content_that_oc2_does_not_hold_is_lost(told: Ledger, lost: bool) -> None:
    assert bool(judged(source(FIRST, SECOND), told).lost) is lost


@pytest.mark.parametrize(
    ("phones", "out_of_order"),
    [
        pytest.param((FIRST, THIRD, SECOND), True, id="older after newer"),
        pytest.param((FIRST, THIRD, SECOND, THIRD), True, id="older after newer, mended later"),
        pytest.param((FIRST, SECOND, SECOND, THIRD), False, id="a repeat"),
        pytest.param((SECOND, THIRD), False, id="the first skipped"),
        pytest.param((FIRST, "+47 99 99 99 99", THIRD), True, id="a content that the source never showed"),
    ],
)
def test_contents_that_are_no_subsequence_of_the_sources_are_out_of_order(
    phones: Sequence[str], out_of_order: bool
) -> None:
    seen = judged(source(FIRST, SECOND, THIRD), ledger(*map(body, phones)))

    assert bool(seen.out_of_order) is out_of_order


def test_a_term_or_a_number_that_is_twice_at_oc2_is_doubled() -> None:
    terms: list[JsonObject] = [{"id": 2, "name": "30 dager", "days": 30}, {"id": 3, "name": "30 dagar", "days": 30}]

    seen = judged(source(FIRST), ledger(body(FIRST), terms=terms), listed=(7, 7))

    assert seen.doubled == ("the term of 30 days", "customer 7")


def test_a_number_that_was_left_must_be_inactive_at_oc2() -> None:
    moved = [*source(FIRST), replace(source(FIRST)[0], seq=2, at=2.0, customer_number=8, version=2)]

    active = judged(moved, ledger(body(FIRST)))
    withdrawn = judged(moved, ledger(body(FIRST), body(FIRST, active=False)))

    assert (active.changes, active.entities) == (3, 2)
    assert 7 in active.lost
    assert 7 not in withdrawn.lost
    assert withdrawn.out_of_order == ()


def test_a_customer_that_cannot_be_mapped_is_dead_and_not_lost() -> None:
    nameless = judged(source(FIRST, name=""), ledger())
    penniless = judged(source(FIRST, currency={"code": "kr"}), ledger())

    assert (dict(nameless.dead), nameless.lost) == ({"name_missing": 1}, ())
    assert dict(penniless.dead) == {"currency_invalid": 1}


def test_each_count_in_which_the_proof_differs_is_named() -> None:
    seen = judged(source(FIRST, SECOND), ledger(body(FIRST), body(SECOND)))
    agreeing = Told("acme", CUSTOMERS, changes=2, confirmed=1, superseded=1, waiting=0, in_doubt=0, dead={})

    assert disagreements(seen, agreeing) == ()
    assert len(disagreements(seen, replace(agreeing, changes=3, superseded=2))) == 2
    assert len(disagreements(seen, replace(agreeing, dead={"name_missing": 1}))) == 1
    assert len(disagreements(seen, replace(agreeing, waiting=1, in_doubt=1))) == 2
    assert len(disagreements(seen, replace(agreeing, discarded=1, receipts_missing=1))) == 2
    assert len(disagreements(seen, replace(agreeing, with_letter={"amount_differs": 1}))) == 1
    assert disagreements(seen, replace(agreeing, problems=("The sums do not match.",)))


def test_a_percentile_is_a_value_that_occurred() -> None:
    assert percentile([], 0.5) is None
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([float(n) for n in range(100)], 0.95) == 95.0
