"""Raw servers, and the port that speaks to them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from bridge.remote.httpx_port import HttpxPort
from bridge.runtime.clock import SystemClock
from bridge.testkit.raw_server import Behaviour, RawServer


@pytest.fixture
async def raw_server() -> AsyncIterator[Callable[[Behaviour], Awaitable[RawServer]]]:
    """Start raw servers; all are closed at the end."""
    async with AsyncExitStack() as stack:

        async def start(behaviour: Behaviour) -> RawServer:
            return await stack.enter_async_context(RawServer(behaviour).running())

        yield start


@pytest.fixture
async def port() -> AsyncIterator[HttpxPort]:
    """A port as production has it, but for loopback addresses."""
    async with HttpxPort(SystemClock(), allow_private_addresses=True) as made:
        yield made
