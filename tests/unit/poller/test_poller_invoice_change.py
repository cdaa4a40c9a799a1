"""What a look at OC2's batches means: the one rule of the door with the rules of invoices."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.contracts.envelope import EventType
from bridge.contracts.identity import EntityNumber, SourceId, invoice_ref
from bridge.contracts.reasons import Reason
from bridge.poller.domain.change import decide
from bridge.poller.domain.invoices import InvoiceRules
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


def seen(batch: int, number: int | None, text: str = "1250.00", *, at: int = 0, fault: str | None = None) -> Seen:
    """Return one invoice of a batch whose `changedAt` is `at` seconds after noon."""
    digest = hashlib.sha256(f"{number}:{text}".encode()).hexdigest()
    return Seen(
        source_id=invoice_ref(batch, number if number is not None else f"row-{digest[:8]}"),
        number=EntityNumber(str(number)) if number is not None else None,
        version=0,
        newest_change=NOON + timedelta(seconds=at),
        content=Content(
            f"{batch}:{text}".encode(),
            digest,
            Fault(Reason.SOURCE_ROW_UNREADABLE, fault, "is wrong") if fault else None,
        ),
    )


def gone(batch: int, number: int) -> SeenGone:
    return SeenGone(invoice_ref(batch, number))


@dataclass
class Memory:
    """The store of the poller in a dictionary; loads all of it, as a superset of what a look needs."""

    records: dict[SourceId, Record] = field(default_factory=dict)
    entities: dict[EntityNumber, Entity] = field(default_factory=dict)
    told: list[Event] = field(default_factory=list)

    def look(self, *sights: Sight, touched: tuple[EntityNumber, ...] = ()) -> Decisions:
        decisions = decide(
            rules=InvoiceRules(),
            known_records=self.records,
            known_entities=self.entities,
            sights=sights,
            touched=touched,
        )
        self.records.update({record.source_id: record for record in decisions.records})
        self.entities.update({entity.number: entity for entity in decisions.entities})
        self.told.extend(decisions.events)
        return decisions

    def retire(self, batch: int) -> None:
        """Forget the rows of a batch that has left the list, as the store does."""
        self.records = {key: row for key, row in self.records.items() if not key.startswith(f"{batch}/")}

    def said(self) -> list[tuple[str | None, str]]:
        return [(event.source_id, event.type.value.split(".")[1]) for event in self.told]


def test_an_invoice_is_told_once_however_often_its_batch_is_read() -> None:
    memory = Memory()

    for at in (0, 0, 60):
        decisions = memory.look(seen(88, 10472, at=at))

    assert memory.said() == [("88/10472", "generated")]
    assert decisions.records == ()


def test_a_correction_is_told_in_the_same_second_too() -> None:
    memory = Memory()
    memory.look(seen(88, 10472, "1250.00"))

    memory.look(seen(88, 10472, "1350.00"))

    assert [event.change_no for event in memory.told] == [1, 2]


def test_the_same_invoice_in_a_second_batch_is_a_new_event_that_names_it() -> None:
    memory = Memory()
    memory.look(seen(88, 10472))

    decisions = memory.look(seen(89, 10472, at=10))

    assert [(event.source_id, event.change_no) for event in decisions.events] == [("89/10472", 2)]
    assert memory.records[SourceId("88/10472")].standing is Standing.WAITING
    assert decisions.look_at == frozenset()


def test_two_batches_that_differ_do_not_take_turns_when_they_are_read_again() -> None:
    memory = Memory()
    memory.look(seen(88, 10472, "old"), seen(89, 10472, "new", at=10))

    for hour in range(1, 4):
        memory.look(seen(88, 10472, "old", at=3600 * hour))
        memory.look(seen(89, 10472, "new", at=10))

    assert memory.said() == [("89/10472", "generated")]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["older first", "newer first"])
def test_the_newest_row_has_the_last_word_in_whatever_order_batches_are_read(order: tuple[int, int]) -> None:
    memory = Memory()
    rows = (seen(90, 10472, "old", at=1), seen(89, 10472, "new", at=10))

    for index in order:
        memory.look(rows[index])

    assert memory.told[-1].source_id == "89/10472"


def test_a_correction_in_the_older_batch_takes_the_number_back() -> None:
    memory = Memory()
    memory.look(seen(88, 10472), seen(89, 10472, at=10))

    memory.look(seen(88, 10472, "corrected", at=20))

    assert memory.told[-1].source_id == "88/10472"


def test_an_invoice_taken_back_is_withdrawn_once_and_names_its_batch() -> None:
    memory = Memory()
    memory.look(seen(88, 10472))

    memory.look(gone(88, 10472))
    memory.look(gone(88, 10472))

    assert memory.said() == [("88/10472", "generated"), ("88/10472", "withdrawn")]
    body = json.loads(memory.told[1].content.body)
    assert body == {"batchNumber": 88, "invoiceNumber": 10472, "because": "taken_back"}


def test_an_invoice_that_is_put_back_is_told_again() -> None:
    memory = Memory()
    memory.look(seen(88, 10472))
    memory.look(gone(88, 10472))

    memory.look(seen(88, 10472))

    assert memory.told[-1].type is EventType.INVOICE_GENERATED
    assert memory.told[-1].change_no == 3


@pytest.mark.parametrize("newer", ["new", "old"], ids=["other content", "same content"])
def test_an_invoice_taken_back_from_one_batch_is_told_by_the_other_at_its_next_read(newer: str) -> None:
    memory = Memory()
    memory.look(seen(88, 10472, "old"), seen(89, 10472, newer, at=10))

    silent = memory.look(gone(89, 10472))
    forgotten = memory.entities[EntityNumber("10472")]
    memory.look(seen(88, 10472, "old"))
    memory.look(seen(88, 10472, "old"))

    assert silent.events == ()
    assert (forgotten.holder, forgotten.source_hash) == ("88/10472", None)
    assert memory.said() == [("89/10472", "generated"), ("88/10472", "generated")]


def test_a_row_is_gone_from_a_batch_that_does_not_hold_the_number_without_a_word() -> None:
    memory = Memory()
    memory.look(seen(88, 10472), seen(89, 10472, at=10))

    decisions = memory.look(gone(88, 10472))

    assert decisions.events == ()


def test_a_batch_that_is_done_hands_over_to_a_batch_of_the_same_content_and_to_no_older_words() -> None:
    memory = Memory()
    memory.look(seen(88, 1, "same"), seen(89, 1, "same", at=10), seen(88, 2, "old"), seen(89, 2, "new", at=10))
    memory.retire(89)

    for _ in range(2):
        memory.look(seen(88, 1, "same"), seen(88, 2, "old"))
    memory.look(seen(88, 2, "corrected", at=20))

    assert memory.said()[2:] == [("88/1", "generated"), ("88/2", "generated")]
    assert memory.told[-1].content.body == b"88:corrected"


def test_a_batch_that_comes_back_after_a_gap_in_the_list_repeats_nothing() -> None:
    memory = Memory()
    memory.look(seen(88, 10472))
    memory.retire(88)

    memory.look(seen(88, 10472))
    memory.look(gone(88, 10472))

    assert memory.said() == [("88/10472", "generated"), ("88/10472", "withdrawn")]


def test_a_broken_row_is_told_with_its_number_and_a_mended_one_follows() -> None:
    memory = Memory()
    memory.look(seen(88, 10472, "broken", fault="kid"), seen(88, 10473))

    memory.look(seen(88, 10472, "mended"))

    assert [(event.number, event.type) for event in memory.told] == [
        ("10472", EventType.INVOICE_UNREADABLE),
        ("10473", EventType.INVOICE_GENERATED),
        ("10472", EventType.INVOICE_GENERATED),
    ]


def test_a_row_without_a_number_is_a_letter_about_no_entity_once() -> None:
    memory = Memory()

    for _ in range(2):
        memory.look(seen(88, None, "broken", fault="invoiceNumber"))

    assert [(event.number, event.type) for event in memory.told] == [(None, EventType.INVOICE_UNREADABLE)]


def test_a_list_from_before_a_correction_undoes_nothing() -> None:
    memory = Memory()
    memory.look(seen(88, 10472, "old", at=0))
    memory.look(seen(88, 10472, "new", at=10))

    decisions = memory.look(seen(88, 10472, "old", at=0))

    assert decisions.events == ()
    assert decisions.tally.stale == 1


def test_what_was_forgotten_is_told_once_more_and_a_withdrawal_names_its_batch_again() -> None:
    memory = Memory()
    memory.look(seen(88, 1), seen(88, 2))
    memory.look(gone(88, 2))
    for number, entity in list(memory.entities.items()):
        memory.entities[number] = Entity(number, entity.holder, entity.change_no, None, entity.withdrawn)
    memory.retire(88)

    for _ in range(2):
        memory.look(seen(88, 1), touched=(EntityNumber("2"),))

    assert memory.said()[3:] == [("88/1", "generated"), ("88/2", "withdrawn")]
    assert json.loads(memory.told[-1].content.body)["batchNumber"] == 88


# Property: whatever happens to batches, and in whatever order and slices they are read, the last word on each invoice
# is what the newest row of it says, and reading without a change says nothing.

Edit = tuple[int, int, int]
EDITS = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(-1, 2)), max_size=25)
READS = st.lists(st.lists(st.integers(1, 3), max_size=3), max_size=25)


class Source:
    """Three batches of four invoices that are put, corrected and taken back (text -1), one edit a second or less."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int], tuple[str, int]] = {}
        self.changed_at: dict[int, int] = {1: 0, 2: 0, 3: 0}

    def apply(self, edit: Edit, now: int) -> None:
        batch, number, text = edit
        self.changed_at[batch] = now
        if text < 0:
            self.rows.pop((batch, number), None)
        elif self.rows.get((batch, number), ("", 0))[0] != f"text {text}":
            self.rows[batch, number] = (f"text {text}", now)

    def read(self, batch: int, memory: Memory) -> Decisions:
        """Read a batch completely."""
        at = self.changed_at[batch]
        rows = [seen(batch, number, text, at=at) for (one, number), (text, _) in self.rows.items() if one == batch]
        here = {row.source_id for row in rows}
        standing = {key for key, row in memory.records.items() if row.standing is not Standing.GONE}
        missing = {key for key in standing if key.startswith(f"{batch}/")} - here
        return memory.look(*rows, *(SeenGone(key) for key in missing))

    def texts_by_number(self) -> dict[str, set[str]]:
        held: dict[str, set[str]] = {}
        for (_, number), (text, _) in self.rows.items():
            held.setdefault(str(number), set()).add(hashlib.sha256(f"{number}:{text}".encode()).hexdigest())
        return held


@settings(max_examples=300, deadline=None)
@given(edits=EDITS, reads=READS, shuffle=st.randoms())
def test_after_every_batch_is_read_the_last_word_is_the_truth_and_reading_on_says_nothing(
    edits: list[Edit], reads: list[list[int]], shuffle: Random
) -> None:
    source, memory = Source(), Memory()
    for index, edit in enumerate(edits):
        source.apply(edit, index // 2)
        for batch in reads[index] if index < len(reads) else ():
            source.read(batch, memory)
    # Twice, since a number that passes to a batch read before is told at its next read.
    for _ in range(2):
        for batch in shuffle.sample((1, 2, 3), 3):
            source.read(batch, memory)

    held = source.texts_by_number()
    last = {str(event.number): event for event in memory.told}
    assert set(held) <= set(last)
    for number, event in last.items():
        assert (event.type is EventType.INVOICE_GENERATED) == (number in held)
        assert number not in held or event.content.source_hash in held[number]
        entity = memory.entities[EntityNumber(number)]
        assert entity.source_hash == event.content.source_hash
        assert [told.change_no for told in memory.told if told.number == number] == [*range(1, entity.change_no + 1)]
    for batch in shuffle.sample((1, 2, 3), 3):
        assert source.read(batch, memory).events == ()
    for record in memory.records.values():
        holder = memory.entities[record.number].holder if record.number else None
        assert (record.standing is Standing.HOLDS) == (holder == record.source_id)


@settings(max_examples=300, deadline=None)
@given(edits=EDITS, shuffle=st.randoms())
def test_who_has_the_last_word_does_not_depend_on_the_order_in_which_batches_are_first_read(
    edits: list[Edit], shuffle: Random
) -> None:
    source = Source()
    for index, edit in enumerate(edits):
        source.apply(edit, index // 2)
    one, other = Memory(), Memory()
    for batch in (1, 2, 3):
        source.read(batch, one)
    for batch in shuffle.sample((1, 2, 3), 3):
        source.read(batch, other)

    holders = [{number: entity.holder for number, entity in memory.entities.items()} for memory in (one, other)]
    assert holders[0] == holders[1]
