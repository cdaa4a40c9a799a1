"""Small chores at a steady pace: probes behind gates, acts of operators, the depth of the outbox."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bridge.runtime.errors import LeaseLostError, TransientError
from bridge.runtime.lifecycle import until_stopped
from bridge.runtime.logging import get_logger

log = get_logger(__name__)


@dataclass(slots=True)
class Chore:
    """Does `work` every `every_seconds`; a `Loop`. A transient failure is the next round's."""

    name: str
    work: Callable[[], Awaitable[None]]
    every_seconds: float
    beat: Callable[[str], None]

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set."""
        while not stop.is_set():
            try:
                await self.work()
            except (TransientError, LeaseLostError) as error:
                log.warning("A chore failed; it is done again in a moment.", chore=self.name, error=str(error))
            self.beat(self.name)
            await until_stopped(stop, self.every_seconds)
