"""The mark outside of the database: it rises with it, and tells when it has gone back."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.publisher.application.watermark import Mark, Watermark, check_start
from bridge.runtime.errors import ConfigurationError, StoreUnavailableError


class Database:
    """Knows as much as it is told; away while `mark_now` is None."""

    def __init__(self, mark: Mark | None) -> None:
        self.mark_now = mark

    async def mark(self) -> Mark:
        if self.mark_now is None:
            raise StoreUnavailableError("away")
        return self.mark_now


class Broker:
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    async def annotate(self, note: str) -> None:
        self.notes.append(note)


numbers = st.integers(0, 2**62)


@given(numbers, numbers)
def test_a_mark_reads_back_as_it_was_written(restored: int, newest: int) -> None:
    mark = Mark(restored, newest)

    assert Mark.read(str(mark)) == mark


@pytest.mark.parametrize("note", ["", "7", "1:", ":1", "1:2:3", "-1:2", "a:b", "1:²"])
def test_a_note_that_is_no_mark_says_nothing(note: str) -> None:
    assert Mark.read(note) is None


@given(
    st.lists(st.builds(Mark, st.integers(0, 3), st.integers(0, 9)), max_size=6), st.integers(0, 3), st.integers(0, 9)
)
async def test_a_database_below_any_mark_is_refused_and_no_other(left: list[Mark], restored: int, newest: int) -> None:
    now = Mark(restored, newest)
    notes = ["", *(str(mark) for mark in left)]

    if any(mark > now for mark in left):
        with pytest.raises(ConfigurationError, match="bridge after-restore"):
            await check_start(Database(now), notes)
    else:
        await check_start(Database(now), notes)


async def test_the_mark_is_carried_out_when_it_has_moved_and_only_then() -> None:
    database, broker = Database(Mark(0, 5)), Broker()
    watermark = Watermark(database, broker)

    await watermark.look()
    await watermark.look()
    database.mark_now = Mark(0, 9)
    await watermark.look()

    assert broker.notes == ["0:5", "0:9"]


async def test_a_database_that_goes_back_underneath_ends_the_process() -> None:
    database = Database(Mark(0, 9))
    watermark = Watermark(database, Broker())
    await watermark.look()
    database.mark_now = Mark(0, 8)

    with pytest.raises(ConfigurationError, match="row 9, and ends at row 8"):
        await watermark.look()


async def test_one_that_was_made_safe_goes_on_with_fewer_rows() -> None:
    await check_start(Database(Mark(1_700_000_000_000, 3)), ["0:9000"])


async def test_a_database_that_is_away_ends_nothing_and_the_last_mark_is_carried_out_at_the_end() -> None:
    database, broker, stop = Database(None), Broker(), asyncio.Event()
    looked = asyncio.Event()
    watermark = Watermark(database, broker, look_every_seconds=0.01, beat=lambda _: looked.set())

    running = asyncio.create_task(watermark.run(stop))
    await looked.wait()
    database.mark_now = Mark(0, 7)
    stop.set()
    await running

    assert broker.notes[-1] == "0:7"
