"""What a hold on a shard allows: to send until its deadline, and to write down what became of it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from bridge.publisher.application.ports import Hold, Holds
from bridge.runtime.errors import TransientError
from bridge.runtime.logging import get_logger

_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 2.0

log = get_logger(__name__)


def deadline_of(holds: Holds, hold: Hold) -> float:
    """Return the boot seconds after which no byte may leave under this hold, as the newest renewal has it."""
    current = holds.current().get(hold.shard)
    return current.deadline_boot if current is not None and current.epoch == hold.epoch else float("-inf")


async def until_durable(write: Callable[[], Awaitable[object]], holds: Holds, hold: Hold) -> None:
    """Write results until they are durable or the shard has another owner, whose takeover then decides."""
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            await write()
        except TransientError as error:
            log.warning("Results are not durable yet; they are written again.", error=str(error))
        else:
            return
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        current = holds.current().get(hold.shard)
        if current is not None and current.epoch != hold.epoch:
            return
