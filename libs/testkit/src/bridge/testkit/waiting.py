"""Waiting for a condition in another process or server: the one place in the tests that sleeps."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar, overload

_FIRST_PAUSE_SECONDS: Final = 0.02
_LONGEST_PAUSE_SECONDS: Final = 0.1
"""What takes long is looked at less often: the services need the processors more than the test does."""

T = TypeVar("T")


@overload
async def eventually(
    condition: Callable[[], Coroutine[Any, Any, T]], timeout: float = 30.0, *, what: str | None = None
) -> T: ...
@overload
async def eventually(condition: Callable[[], T], timeout: float = 30.0, *, what: str | None = None) -> T: ...
async def eventually(
    condition: Callable[[], Any] | Callable[[], Coroutine[Any, Any, Any]],
    timeout: float = 30.0,
    *,
    what: str | None = None,
) -> Any:
    """Ask until the answer is true and return it; fail with the last answer once `timeout` seconds have passed."""
    loop = asyncio.get_running_loop()
    end, pause = loop.time() + timeout, _FIRST_PAUSE_SECONDS
    while True:
        answer = condition()
        found = await answer if inspect.isawaitable(answer) else answer
        if found:
            return found
        if loop.time() > end:
            raise AssertionError(f"Not true within {timeout:g} s: {what or condition}; the last answer was {found!r}.")
        await asyncio.sleep(pause)
        pause = min(1.2 * pause, _LONGEST_PAUSE_SECONDS)
