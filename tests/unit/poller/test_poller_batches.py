"""Which batches are read, and when a read of one is complete."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.contracts.identity import EntityNumber, SourceId, invoice_ref
from bridge.poller.application.batch_reading import BatchRows
from bridge.poller.application.ports import InvoicePage
from bridge.poller.domain.batches import KnownBatch, ListedBatch, is_due, is_settled
from bridge.poller.domain.memory import Content, Seen

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TWO_MINUTES = timedelta(minutes=2)


def listed(changed_at: datetime | None = NOON, count: int | None = 5) -> ListedBatch:
    return ListedBatch(88, changed_at, count)


@pytest.mark.parametrize(
    ("known", "due"),
    [
        (None, True),
        (KnownBatch(NOON, True, NOON), False),
        (KnownBatch(NOON - HOUR, True, NOON), True),
        (KnownBatch(NOON + HOUR, True, NOON), True),
        (KnownBatch(NOON, False, NOON), True),
        (KnownBatch(NOON, True, NOON - HOUR), True),
    ],
    ids=["new", "read and settled", "moved", "moved back", "not settled", "read an hour ago"],
)
def test_a_batch_is_read_when_it_is_new_moved_unsettled_or_old(known: KnownBatch | None, due: bool) -> None:
    assert is_due(listed(), known, as_of=NOON, reread_every=HOUR) is due


@pytest.mark.parametrize(("seconds", "settled"), [(0, False), (119, False), (120, True), (-30, False)])
def test_a_batch_has_settled_two_minutes_after_its_change_by_the_sources_own_clock(seconds: int, settled: bool) -> None:
    date = NOON + timedelta(seconds=seconds)

    assert is_settled(listed(), server_date=date, settle=TWO_MINUTES) is settled


def test_a_batch_whose_time_cannot_be_read_never_settles() -> None:
    assert not is_settled(listed(None), server_date=NOON + HOUR, settle=TWO_MINUTES)


def row(number: int | None, text: str = "a") -> Seen:
    ref = invoice_ref(88, number if number is not None else f"row-{text}")
    entity = EntityNumber(str(number)) if number is not None else None
    return Seen(ref, entity, 0, NOON, Content(text.encode(), text))


def page(*rows: Seen | int, total: int | None = 5) -> InvoicePage:
    return InvoicePage(tuple(row(one) if isinstance(one, int) else one for one in rows), total)


def test_pages_overlap_by_one_row_and_a_batch_seen_whole_is_complete() -> None:
    read = BatchRows(listed())

    first = read.take(page(1, 2, 3), asked=3)
    offset = read.offset
    second = read.take(page(3, 4, 5), asked=3)
    read.take(page(5), asked=3)

    assert offset == 2
    assert [sight.number for sight in first + second] == ["1", "2", "3", "4", "5"]
    assert read.complete
    assert read.missing({SourceId("88/5"), SourceId("88/6")}) == ["88/6"]


@pytest.mark.parametrize(
    ("pages", "count"),
    [
        ([page(1, 2, 3), page(4, 5)], 5),
        ([page(1, 2, 3), page()], 5),
        ([page(1, 2, 3), page(3, 4, 5), page(5)], 6),
        ([page(1, 2, 3), page(3, 4, 5), page(5)], None),
        ([page(1, 2, 3, total=6), page(3, 4, 5), page(5)], 5),
        ([page(1, 2, 3, total=None), page(3, total=None)], 3),
        ([page(1, 2, row(None), total=3), page(row(None), total=3)], 3),
        ([page(1, 2, row(2, "b"), total=3), page(row(2, "b"), total=3)], 3),
    ],
    ids=[
        "a row slipped through",
        "the batch shrank",
        "the list counts more",
        "the list does not count",
        "the total moved",
        "no total",
        "a row without a number",
        "a number twice",
    ],
)
def test_a_read_that_may_have_missed_a_row_is_not_complete(pages: list[InvoicePage], count: int | None) -> None:
    read = BatchRows(listed(count=count))

    for one in pages:
        read.take(one, asked=3)

    assert read.done
    assert not read.complete


def test_of_two_rows_of_one_number_the_first_counts_on_whatever_page_they_are() -> None:
    read = BatchRows(listed())

    shown = read.take(page(1, row(2, "a"), row(2, "b")), asked=3) + read.take(page(row(2, "b"), 3), asked=3)

    assert [(sight.number, sight.content.source_hash) for sight in shown] == [("1", "a"), ("2", "a"), ("3", "a")]


def test_a_source_that_shows_one_page_for_every_offset_does_not_keep_the_read_going() -> None:
    read = BatchRows(listed())

    for _ in range(2):
        read.take(page(1, 2, 3), asked=3)

    assert read.done
    assert not read.complete
