"""Pages of one list: where it goes on, when it begins anew, when it ends."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bridge.contracts.identity import SourceId
from bridge.poller.application.ports import Page
from bridge.poller.application.reading import ListRead, Reading
from bridge.poller.domain.cursor import ReadPlan
from bridge.poller.domain.memory import Content, Seen

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def page(ids: list[int]) -> Page:
    sights = tuple(Seen(SourceId(str(i)), None, 1, None, Content(b"", "")) for i in ids)
    first, last = (sights[0].source_id, sights[-1].source_id) if sights else (None, None)
    return Page(sights, len(sights), first, last, NOW)


@given(st.integers(0, 60), st.integers(2, 12))
def test_every_row_of_a_list_that_stands_still_is_seen_and_the_read_ends(rows: int, size: int) -> None:
    ids, part, pages = list(range(rows)), ListRead(inactive=False), 0
    while not part.done:
        assert part.take(page(ids[part.offset : part.offset + size]), asked=size)
        pages += 1

    assert part.seen == {str(i) for i in ids}
    assert pages <= rows // (size - 1) + 1


def test_a_page_that_does_not_begin_with_the_border_row_begins_the_list_anew() -> None:
    part = ListRead(inactive=False)
    part.take(page([1, 2, 3]), asked=3)

    assert not part.take(page([4, 5, 6]), asked=3)

    assert (part.offset, part.restarts, part.seen, part.done) == (0, 1, set(), False)


def test_an_empty_page_where_the_border_row_should_be_begins_the_list_anew() -> None:
    part = ListRead(inactive=False)
    part.take(page([1, 2, 3]), asked=3)

    assert not part.take(page([]), asked=3)
    assert not part.done


@given(st.lists(st.integers(0, 30), unique=True), st.data())
def test_no_row_slips_through_when_rows_are_deleted_between_pages(ids: list[int], data: st.DataObject) -> None:
    rows, part = sorted(ids), ListRead(inactive=False)
    while not part.done and part.restarts < 40:
        part.take(page(rows[part.offset : part.offset + 4]), asked=4)
        leaver = data.draw(st.sampled_from([None, *rows]))
        if leaver is not None:
            rows.remove(leaver)

    assert {str(i) for i in rows} <= part.seen


def test_missing_are_the_known_rows_that_neither_list_showed_and_that_one_can_ask_for() -> None:
    reading = Reading(ReadPlan(None), epoch=1, began_at=0.0)
    reading.lists[0].take(page([1, 2]), asked=3)
    reading.lists[1].take(page([5]), asked=3)

    missing = reading.find_missing(SourceId(key) for key in ("1", "2", "5", "10", "9", "unreadable-ab"))

    assert missing == ["9", "10"]
    assert reading.current is None
