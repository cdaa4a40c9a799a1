"""A small duty that recurs: one coroutine, one pause, one name for liveness."""

import asyncio
from collections.abc import Awaitable, Callable

from bridge.runtime.errors import TransientError
from bridge.runtime.lifecycle import until_stopped
from bridge.runtime.logging import get_logger

log = get_logger(__name__)


class Chore:
    """A `Loop`: does `work`, waits `every_seconds`, does it again; what fails in passing is done the next time."""

    def __init__(
        self, name: str, work: Callable[[], Awaitable[object]], every_seconds: float, beat: Callable[[str], None]
    ) -> None:
        self.name = name
        self._work = work
        self._every_seconds = every_seconds
        self._beat = beat

    async def run(self, stop: asyncio.Event) -> None:
        """Turn until `stop` is set."""
        while not stop.is_set():
            try:
                await self._work()
            except TransientError as error:
                log.warning("A duty failed in passing and is done the next time.", loop=self.name, error=str(error))
            self._beat(self.name)
            await until_stopped(stop, self._every_seconds)
