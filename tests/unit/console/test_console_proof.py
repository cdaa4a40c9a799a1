"""The proof's arithmetic, against a plain model of entities and deliveries."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.console.domain.proof import FlowCounts

STATES = ("ready", "sending", "in_doubt", "confirmed", "dead", "discarded")
PLACES = ("in_flight", "waiting", "in_doubt", "confirmed", "dead", "discarded")


@dataclass(frozen=True, slots=True)
class Entity:
    """What both services know of one entity; `taken` is None until the publisher has a row."""

    told: int
    taken: int | None
    state: str


def place(entity: Entity) -> str:
    if entity.taken is None or entity.taken < entity.told:
        return "in_flight"
    return "waiting" if entity.state in ("ready", "sending") else entity.state


def counted(entities: Sequence[Entity]) -> FlowCounts:
    """Count as the query does."""
    places = Counter(place(entity) for entity in entities)
    changes = sum(entity.told for entity in entities)
    return FlowCounts(
        tenant="acme",
        flow="customers",
        emitted=changes,
        changes=changes,
        entities=len(entities),
        dead_by_reason={"name_missing": places["dead"]} if places["dead"] else {},
        discarded_by_reason={"given_up_by_operator": places["discarded"]} if places["discarded"] else {},
        **of(PLACES, places),
    )


def of(names: Sequence[str], numbers: Mapping[str, int]) -> dict[str, Any]:
    """Return these numbers as arguments by name."""
    return {name: numbers[name] for name in names}


@st.composite
def entity(draw: st.DrawFn) -> Entity:
    told = draw(st.integers(1, 20))
    return Entity(told, draw(st.none() | st.integers(1, told)), draw(st.sampled_from(STATES)))


@given(st.lists(entity(), max_size=30))
def test_the_proof_holds_for_every_state_that_can_be(entities: list[Entity]) -> None:
    counts = counted(entities)

    assert counts.problems == ()
    located = sum(int(getattr(counts, name)) for name in PLACES)
    assert counts.emitted == counts.superseded + located


@given(st.lists(entity(), min_size=1, max_size=30), st.integers(1, 5))
def test_a_change_counted_and_never_told_is_found(entities: list[Entity], lost: int) -> None:
    counts = counted(entities)

    assert replace(counts, emitted=counts.emitted + lost).problems
    assert replace(counts, changes=counts.changes + lost).problems


@given(st.lists(entity(), min_size=1, max_size=30), st.sampled_from(PLACES), st.sampled_from((-1, 1)))
def test_an_entity_counted_nowhere_or_twice_is_found(entities: list[Entity], name: str, by: int) -> None:
    counts = counted(entities)

    wrong = replace(counts, **of([name], {name: int(getattr(counts, name)) + by}))

    assert any("accounted for" in problem for problem in wrong.problems)


@pytest.mark.parametrize("name", ["strays", "ahead", "confirmed_other"])
def test_a_delivery_that_nothing_explains_is_found(name: str) -> None:
    counts = counted([Entity(2, 2, "confirmed")])

    assert counts.problems == ()
    assert replace(counts, **of([name], {name: 1})).problems


@given(st.lists(entity(), max_size=30))
def test_it_is_quiet_exactly_when_nothing_is_on_its_way(entities: list[Entity]) -> None:
    moving = any(place(one) in ("in_flight", "waiting", "in_doubt") for one in entities)

    assert counted(entities).quiet is not moving
    assert replace(counted(entities), outbox=1).quiet is False
    assert replace(counted(entities), receipts_outstanding=1).quiet is False
