"""A mark outside of the database of how far it has come, so that one that went back does not go unnoticed.

The mark travels as the note on the group's commits at the broker. A database that knows less than the mark was
restored: what it calls unsent may be sent, so the process stops before it does anything.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol, Self

from bridge.runtime.errors import ConfigurationError, TransientError
from bridge.runtime.lifecycle import until_stopped
from bridge.runtime.logging import get_logger

LOOK_EVERY_SECONDS: Final = 1.0
_LAST_LOOK_SECONDS: Final = 2.0
REMEDY: Final = (
    "Stop every poller, transformer and publisher of this cell, run 'bridge after-restore' as the runbook on restored "
    "databases says, then start them."
)

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """How far a database has come: when it was last made safe after a restore, and its newest log row.

    The first part lets a database that was restored and made safe go on although its rows are fewer.
    """

    restored_ms: int
    newest_row: int

    def __str__(self) -> str:
        return f"{self.restored_ms}:{self.newest_row}"

    @classmethod
    def read(cls, note: str) -> Self | None:
        """Return the mark that a note holds, None if it holds none."""
        restored, colon, newest = note.partition(":")
        if not colon or not all(part.isascii() and part.isdigit() for part in (restored, newest)):
            return None
        return cls(int(restored), int(newest))


class MarkedStore(Protocol):
    """The database, asked how far it has come."""

    async def mark(self) -> Mark:
        """Return the mark of what is durable."""
        ...


class Notes(Protocol):
    """Where the mark is kept outside."""

    async def annotate(self, note: str) -> None:
        """Keep a note with the group's commits, these and the next ones."""
        ...


async def check_start(store: MarkedStore, notes: Iterable[str]) -> None:
    """Compare the database with the marks that were left before.

    Raises:
        ConfigurationError: The database has gone back.
    """
    left = [mark for note in notes if (mark := Mark.read(note)) is not None]
    if left:
        _compare(await store.mark(), max(left))


class Watermark:
    """A `Loop` that carries the mark out, and looks that the database does not go back underneath."""

    def __init__(
        self,
        store: MarkedStore,
        notes: Notes,
        *,
        look_every_seconds: float = LOOK_EVERY_SECONDS,
        beat: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.name = "watermark"
        self._store = store
        self._notes = notes
        self._look_every_seconds = look_every_seconds
        self._beat = beat
        self._highest = Mark(0, 0)

    async def run(self, stop: asyncio.Event) -> None:
        """Look until `stop` is set, and once more then, so that a restart finds the newest mark."""
        while not await until_stopped(stop, self._look_every_seconds):
            await self._look()
        # A courtesy that holds up nobody who leaves while a server is away.
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_LOOK_SECONDS):
                await self._look()

    async def _look(self) -> None:
        try:
            await self.look()
        except TransientError as error:
            log.warning("The mark of the database could not be kept; it is kept later.", error=str(error))
        self._beat(self.name)

    async def look(self) -> None:
        """Read the mark, and carry it out if it has moved.

        Raises:
            ConfigurationError: The database has gone back.
        """
        mark = await self._store.mark()
        _compare(mark, self._highest)
        if mark > self._highest:
            await self._notes.annotate(str(mark))
            self._highest = mark


def _compare(mark: Mark, left: Mark) -> None:
    if mark < left:
        raise ConfigurationError(
            f"The database has gone back: its log was seen at row {left.newest_row}, and ends at row {mark.newest_row} "
            f"now. {REMEDY}"
        )
