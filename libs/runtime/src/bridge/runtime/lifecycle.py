"""How a process runs and leaves: loops in one task group, signals, a drain with a deadline, an exit code.

0: drained after a signal. 1: a loop failed, or the drain took too long. 2: the configuration cannot work.
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, NoReturn, Protocol

from bridge.runtime.errors import BridgeError, ConfigurationError
from bridge.runtime.health import Health
from bridge.runtime.logging import get_logger
from bridge.runtime.redaction import redact_text

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_MISCONFIGURED: Final = 2
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

log = get_logger(__name__)


class Loop(Protocol):
    """Something that turns until it is told to stop."""

    name: str

    async def run(self, stop: asyncio.Event) -> None:
        """Turn until `stop` is set, finish what was begun, take nothing new, and return soon after.

        Returning before `stop` is set is a failure, as is any exception: the process ends loudly.
        """
        ...


class LoopEndedError(RuntimeError):
    """A loop returned although nobody asked it to."""


async def serve(name: str, loops: Sequence[Loop], *, drain_seconds: float, health: Health) -> int:
    """Run the loops until SIGTERM or SIGINT, then let them drain; return the exit code.

    A loop that fails takes the others down with it at once: nothing more is committed, the platform starts a new
    process. A drain that outlasts `drain_seconds` is cut off.

    Raises:
        ConfigurationError: A loop found that the process cannot work as it is set up.
    """
    stop = asyncio.Event()
    with _stop_on_signal(stop):
        running = asyncio.create_task(_run_all(loops, stop), name=f"{name} loops")
        stopping = asyncio.create_task(stop.wait(), name=f"{name} stop")
        try:
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                log.info("The process drains.", process=name, limit_seconds=drain_seconds)
                health.set_check("drain", lambda: "The process is draining.")
                await asyncio.wait({running}, timeout=drain_seconds)
            return await _end(name, running, drain_seconds)
        finally:
            stopping.cancel()
            running.cancel()


async def _end(name: str, running: "asyncio.Task[None]", drain_seconds: float) -> int:
    if not running.done():
        log.error("The drain took too long and was cut off.", process=name, limit_seconds=drain_seconds)
        running.cancel()
        await asyncio.wait({running})
        return EXIT_FAILED
    failure = running.exception()
    if failure is None:
        log.info("The process has drained.", process=name)
        return EXIT_OK
    misconfigured = _find_configuration_error(failure)
    if misconfigured is not None:
        raise misconfigured
    log.error("A loop failed, so the process ends.", process=name, exc_info=failure)
    return EXIT_FAILED


async def _run_all(loops: Sequence[Loop], stop: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as group:
        for loop in loops:
            group.create_task(_run_one(loop, stop), name=loop.name)


async def _run_one(loop: Loop, stop: asyncio.Event) -> None:
    await loop.run(stop)
    if not stop.is_set():
        raise LoopEndedError(f"The loop {loop.name} ended although nobody asked it to.")


def _find_configuration_error(failure: BaseException) -> ConfigurationError | None:
    if isinstance(failure, ConfigurationError):
        return failure
    if isinstance(failure, BaseExceptionGroup):
        return next((found for inner in failure.exceptions if (found := _find_configuration_error(inner))), None)
    return None


@contextmanager
def _stop_on_signal(stop: asyncio.Event) -> Iterator[None]:
    running_loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        running_loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in _SIGNALS:
            running_loop.remove_signal_handler(number)
            if stop.is_set():
                # Asked twice, a process would otherwise be cut off while it gives back leases and sends its last spans.
                signal.signal(number, _already_leaving)


def _already_leaving(_number: int, _frame: FrameType | None) -> None:
    """Take note of a signal and go on leaving; a function and not SIG_IGN, which child processes would inherit."""


async def until_stopped(stop: asyncio.Event, seconds: float) -> bool:
    """Wait for `seconds`, or less if `stop` is set meanwhile; return whether it is set. The pause between two turns."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True


async def unless_stopped(stop: asyncio.Event, work: Awaitable[object], *, seconds: float) -> bool:
    """Wait for `work`, for `stop`, or for `seconds`, whichever is first; return whether `stop` is set.

    Work that is not done by then is cancelled, so give it something that only waits, such as a wake-up event.
    """
    task = asyncio.ensure_future(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopping}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiting in (task, stopping):
            waiting.cancel()
        await asyncio.gather(task, stopping, return_exceptions=True)
    return stop.is_set()


def run_main(main: Callable[[], Coroutine[Any, Any, int]]) -> NoReturn:
    """Run a process's main coroutine and exit with its code.

    A configuration that cannot work ends in one line on stderr and exit code 2, another foreseen error in one line and
    1, anything unforeseen in a log line with its traceback and 1.
    """
    try:
        code = asyncio.run(main())
    except ConfigurationError as error:
        sys.stderr.write(redact_text(str(error)) + "\n")
        code = EXIT_MISCONFIGURED
    except BridgeError as error:
        sys.stderr.write(redact_text(str(error)) + "\n")
        code = EXIT_FAILED
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except Exception:
        log.exception("The process failed in a way that nobody foresaw.")
        code = EXIT_FAILED
    sys.exit(code)
