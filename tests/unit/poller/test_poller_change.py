"""The one rule of the poller: what a look at the source means."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.contracts.envelope import EventType
from bridge.contracts.events.customer import CustomerWithdrawn, WithdrawnBecause
from bridge.contracts.identity import EntityNumber, SourceId
from bridge.contracts.reasons import Reason
from bridge.poller.domain.change import decide
from bridge.poller.domain.customers import CustomerRules
from bridge.poller.domain.memory import (
    Content,
    Decisions,
    Entity,
    Event,
    Fault,
    Record,
    Seen,
    SeenGone,
    Sight,
    Standing,
)

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def seen(
    source_id: int,
    number: int | None,
    text: str = "Fjord AS",
    *,
    version: int = 1,
    fault: str | None = None,
    alone: bool = False,
    number_unreadable: bool = False,
) -> Seen:
    body = f"{number}:{text}".encode()
    return Seen(
        source_id=SourceId(str(source_id)),
        number=EntityNumber(str(number)) if number else None,
        version=version,
        newest_change=NOON + timedelta(seconds=version),
        content=Content(
            body,
            hashlib.sha256(body).hexdigest(),
            Fault(Reason.SOURCE_ROW_UNREADABLE, fault, "is wrong") if fault else None,
        ),
        alone=alone,
        number_unreadable=number_unreadable,
    )


@dataclass
class Memory:
    """The store of the poller in a dictionary; loads all of it, as a superset of what a look needs."""

    records: dict[SourceId, Record] = field(default_factory=dict)
    entities: dict[EntityNumber, Entity] = field(default_factory=dict)
    told: list[Event] = field(default_factory=list)

    def look(self, *sights: Sight, touched: tuple[EntityNumber, ...] = ()) -> Decisions:
        decisions = decide(
            rules=CustomerRules(),
            known_records=self.records,
            known_entities=self.entities,
            sights=sights,
            touched=touched,
        )
        if not decisions.look_at:
            self.records.update({record.source_id: record for record in decisions.records})
            self.entities.update({entity.number: entity for entity in decisions.entities})
            self.told.extend(decisions.events)
        return decisions

    def said(self) -> list[tuple[str | None, str]]:
        return [(event.number, event.type.value.split(".")[1]) for event in self.told]


def because(event: Event) -> WithdrawnBecause:
    return CustomerWithdrawn.model_validate_json(event.content.body).because


def test_a_new_customer_is_told_once_and_an_unchanged_one_not_again() -> None:
    memory = Memory()

    memory.look(seen(1, 10001))
    again = memory.look(seen(1, 10001))

    assert memory.said() == [("10001", "changed")]
    assert again.records == ()
    assert again.tally.unchanged == 1


def test_a_version_that_rises_without_visible_change_moves_the_memory_but_tells_nothing() -> None:
    memory = Memory()
    memory.look(seen(1, 10001, version=1))

    decisions = memory.look(seen(1, 10001, version=2))

    assert decisions.events == ()
    assert memory.records[SourceId("1")].version == 2


def test_content_that_changes_under_a_frozen_version_is_told() -> None:
    memory = Memory()
    for text in ("due 0", "due 14", "due 0"):
        memory.look(seen(1, 10001, text))

    assert [event.change_no for event in memory.told] == [1, 2, 3]


def test_a_stale_page_is_ignored_and_counted() -> None:
    memory = Memory()
    memory.look(seen(1, 10001, "new", version=5))

    decisions = memory.look(seen(1, 10001, "old", version=4))

    assert decisions.events == ()
    assert decisions.records == ()
    assert decisions.tally.stale == 1


def test_a_renumbered_customer_withdraws_the_old_number_and_tells_the_new_one() -> None:
    memory = Memory()
    memory.look(seen(1, 10001))

    events = memory.look(seen(1, 10002, version=2)).events

    assert [(event.number, event.type) for event in events] == [
        ("10001", EventType.CUSTOMER_WITHDRAWN),
        ("10002", EventType.CUSTOMER_CHANGED),
    ]
    assert because(events[0]) is WithdrawnBecause.RENUMBERED


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["leaver first", "taker first"])
def test_a_taken_over_number_is_never_withdrawn_when_both_rows_are_in_one_page(order: tuple[int, int]) -> None:
    memory = Memory()
    memory.look(seen(1, 10001, "A"), seen(2, 10002, "B"))
    rows = (seen(1, 10003, "A", version=2), seen(2, 10001, "B", version=2))

    events = memory.look(*(rows[index] for index in order)).events

    assert [(event.number, event.type.value, event.source_id) for event in events] == [
        ("10001", "customer.changed.v1", "2"),
        ("10002", "customer.withdrawn.v1", "2"),
        ("10003", "customer.changed.v1", "1"),
    ]


def test_swapped_numbers_are_two_changes() -> None:
    memory = Memory()
    memory.look(seen(1, 10001, "A"), seen(2, 10002, "B"))

    events = memory.look(seen(1, 10002, "A", version=2), seen(2, 10001, "B", version=2)).events

    assert [(event.number, event.source_id) for event in events] == [("10001", "2"), ("10002", "1")]
    assert {event.type for event in events} == {EventType.CUSTOMER_CHANGED}


def test_the_holder_of_a_number_used_twice_is_read_before_anything_is_decided() -> None:
    memory = Memory()
    memory.look(seen(1, 10001))

    decisions = memory.look(seen(2, 10001, "second"))

    assert decisions.look_at == {"1"}


def test_a_number_used_twice_keeps_the_second_waiting_with_one_letter_about_no_entity() -> None:
    memory = Memory()
    memory.look(seen(1, 10001))

    memory.look(seen(2, 10001, "second"), seen(1, 10001, alone=True))
    again = memory.look(seen(2, 10001, "second, edited", version=2))

    letter = memory.told[1]
    assert (letter.number, letter.type, letter.source_id) == (None, EventType.CUSTOMER_UNREADABLE, "2")
    assert letter.content.fault
    assert letter.content.fault.reason is Reason.NUMBER_HELD_BY_ANOTHER
    assert again.look_at == frozenset()
    assert again.events == ()
    assert memory.records[SourceId("2")].standing is Standing.WAITING


def test_a_holder_that_was_renumbered_meanwhile_gives_the_number_away() -> None:
    memory = Memory()
    memory.look(seen(1, 10001))

    events = memory.look(seen(2, 10001, "second"), seen(1, 10009, version=2, alone=True)).events

    assert [(event.number, event.source_id) for event in events] == [("10001", "2"), ("10009", "1")]


@pytest.mark.parametrize(
    "leaving",
    [SeenGone(SourceId("1")), seen(1, 10009, version=2), seen(1, None, version=2)],
    ids=["deleted", "renumbered", "number removed"],
)
def test_a_waiting_customer_gets_the_number_instead_of_a_withdrawal(leaving: Sight) -> None:
    memory = Memory()
    memory.look(seen(1, 10001))
    memory.look(seen(2, 10001, "second"), seen(1, 10001, alone=True))

    events = memory.look(leaving).events

    assert [(event.type, event.source_id) for event in events if event.number == "10001"] == [
        (EventType.CUSTOMER_CHANGED, "2")
    ]
    assert memory.records[SourceId("2")].standing is Standing.HOLDS
    assert memory.records[SourceId("2")].content is None


@pytest.mark.parametrize(
    ("leaving", "reason"),
    [
        (SeenGone(SourceId("1")), WithdrawnBecause.DELETED),
        (seen(1, None, version=2), WithdrawnBecause.NUMBER_REMOVED),
        (seen(1, 10009, version=2), WithdrawnBecause.RENUMBERED),
    ],
)
def test_a_number_nobody_holds_is_withdrawn_with_its_reason(leaving: Sight, reason: WithdrawnBecause) -> None:
    memory = Memory()
    memory.look(seen(1, 10001))

    memory.look(leaving)
    memory.look(leaving)

    withdrawals = [event for event in memory.told if event.type is EventType.CUSTOMER_WITHDRAWN]
    assert [because(event) for event in withdrawals] == [reason]


def test_a_row_without_a_number_is_remembered_and_tells_nothing() -> None:
    memory = Memory()

    memory.look(seen(1, None))

    assert memory.told == []
    assert memory.records[SourceId("1")].standing is Standing.NUMBERLESS


def test_a_number_given_later_is_told() -> None:
    memory = Memory()
    memory.look(seen(1, None))

    memory.look(seen(1, 10001, version=2))

    assert memory.said() == [("10001", "changed")]


def test_unreadable_content_is_told_once_and_superseded_when_mended() -> None:
    memory = Memory()
    memory.look(seen(1, 10001, "broken", fault="isInactive"))
    memory.look(seen(1, 10001, "broken", fault="isInactive"))

    memory.look(seen(1, 10001, "mended", version=2))

    assert memory.said() == [("10001", "unreadable"), ("10001", "changed")]


def test_an_unreadable_number_keeps_the_number_the_row_was_known_by() -> None:
    memory = Memory()
    memory.look(seen(1, 10001))

    memory.look(seen(1, None, "abc", version=2, fault="customerNumber", number_unreadable=True))

    assert memory.said() == [("10001", "changed"), ("10001", "unreadable")]


def test_an_unreadable_row_without_a_number_is_a_letter_about_no_entity_once() -> None:
    memory = Memory()
    row = seen(1, None, "abc", fault="customerNumber", number_unreadable=True)
    memory.look(row)
    memory.look(row)

    assert memory.said() == [(None, "unreadable")]


def test_a_deleted_row_that_shows_up_again_unchanged_is_read_alone_before_it_is_believed() -> None:
    memory = Memory()
    memory.look(seen(1, 10001))
    memory.look(SeenGone(SourceId("1")))

    doubted = memory.look(seen(1, 10001))
    memory.look(seen(1, 10001), SeenGone(SourceId("1")))
    assert memory.said() == [("10001", "changed"), ("10001", "withdrawn")]
    memory.look(seen(1, 10001), seen(1, 10001, alone=True))

    assert doubted.look_at == {"1"}
    assert memory.said()[-1] == ("10001", "changed")


def test_a_forgotten_hash_tells_an_unchanged_customer_and_a_withdrawn_number_once_more() -> None:
    memory = Memory()
    memory.look(seen(1, 10001), seen(2, 10002))
    memory.look(SeenGone(SourceId("2")))
    for number, entity in list(memory.entities.items()):
        memory.entities[number] = Entity(number, entity.holder, entity.change_no, None, entity.withdrawn)

    for _ in range(2):
        memory.look(seen(1, 10001), touched=(EntityNumber("10002"),))

    assert memory.said()[3:] == [("10001", "changed"), ("10002", "withdrawn")]


# Property: whatever is seen, in whatever slices and order, the last word on each number is the truth at the source.

Edit = tuple[int, int | None, int]
EDITS = st.lists(st.tuples(st.integers(1, 5), st.one_of(st.none(), st.integers(1, 4)), st.integers(-1, 3)), max_size=25)


class Source:
    """A source of five rows that are edited, renumbered and deleted; text -1 deletes."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[int | None, str, int]] = {}
        self._versions: dict[int, int] = {}

    def apply(self, edit: Edit) -> None:
        source_id, number, text = edit
        version = self._versions[source_id] = self._versions.get(source_id, 0) + 1
        if text < 0:
            self.rows.pop(source_id, None)
        else:
            self.rows[source_id] = (number, f"text {text}", version)

    def page(self, ids: list[int]) -> list[Sight]:
        return [sight for i in ids if isinstance(sight := self.get(i, alone=False), Seen)]

    def get(self, source_id: int, *, alone: bool = True) -> Sight:
        if source_id not in self.rows:
            return SeenGone(SourceId(str(source_id)))
        number, text, version = self.rows[source_id]
        return seen(source_id, number, text, version=version, alone=alone)

    def contents_by_number(self) -> dict[str, set[str]]:
        claims: dict[str, set[str]] = {}
        for source_id, (number, _, _) in self.rows.items():
            sight = self.get(source_id)
            if number and isinstance(sight, Seen):
                claims.setdefault(str(number), set()).add(sight.content.source_hash)
        return claims


def read(source: Source, memory: Memory, sights: list[Sight]) -> None:
    while wanted := memory.look(*sights).look_at:
        sights = sights + [source.get(int(key)) for key in wanted]


@settings(max_examples=300, deadline=None)
@given(edits=EDITS, slices=st.lists(st.sets(st.integers(1, 5)), max_size=25), shuffle=st.randoms())
def test_after_a_full_read_the_last_word_on_each_number_is_the_truth(
    edits: list[Edit], slices: list[set[int]], shuffle: Random
) -> None:
    source, memory = Source(), Memory()
    for index, edit in enumerate(edits):
        source.apply(edit)
        ids = sorted(slices[index]) if index < len(slices) else []
        shuffle.shuffle(ids)
        read(source, memory, source.page(ids))

    read(source, memory, [source.get(i) for i in range(1, 6)])

    claims = source.contents_by_number()
    last = {str(event.number): event for event in memory.told if event.number}
    assert set(claims) <= set(last)
    for number, event in last.items():
        is_claimed = number in claims
        assert (event.type is EventType.CUSTOMER_CHANGED) == is_claimed
        assert not is_claimed or event.content.source_hash in claims[number]


@settings(max_examples=200, deadline=None)
@given(edits=EDITS, slices=st.lists(st.sets(st.integers(1, 5)), max_size=25))
def test_change_numbers_count_every_event_once_and_no_event_repeats_the_one_before(
    edits: list[Edit], slices: list[set[int]]
) -> None:
    source, memory = Source(), Memory()
    for edit, ids in zip(edits, slices, strict=False):
        source.apply(edit)
        read(source, memory, source.page(sorted(ids)))
    read(source, memory, [source.get(i) for i in range(1, 6)])

    for number, entity in memory.entities.items():
        told = [event for event in memory.told if event.number == number]
        assert [event.change_no for event in told] == list(range(1, entity.change_no + 1))
        assert all(one.content.source_hash != two.content.source_hash for one, two in pairwise(told))
    for record in memory.records.values():
        holder = memory.entities[record.number].holder if record.number else None
        assert (record.standing is Standing.HOLDS) == (holder == record.source_id)
