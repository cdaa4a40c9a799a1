"""A TCP server that misbehaves byte by byte, for tests of what a client makes of it."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self


class Connection:
    """One accepted connection; everything read is kept in `received`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self.received = bytearray()

    async def head(self) -> bytes:
        """Read the head of one request."""
        data = await self._reader.readuntil(b"\r\n\r\n")
        self.received += data
        return data

    async def read_on(self) -> None:
        """Read until the client closes, and answer nothing."""
        while data := await self._reader.read(4096):
            self.received += data


Behaviour = Callable[[Connection], Awaitable[None]]


@dataclass
class RawServer:
    """Runs one behaviour per connection; each connection is closed when its behaviour returns."""

    behaviour: Behaviour
    port: int = 0
    connections: list[Connection] = field(default_factory=list)
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def received(self) -> list[bytes]:
        """What each connection has sent so far."""
        return [bytes(connection.received) for connection in self.connections]

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Self]:
        """Listen on a free loopback port; end every connection afterwards."""
        listener = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=tls)
        self.port = listener.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            listener.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.append(asyncio.create_task(self._serve(Connection(reader, writer))))

    async def _serve(self, connection: Connection) -> None:
        self.connections.append(connection)
        self.connected.set()
        # A client that goes away mid-request is what these tests are about.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                await self.behaviour(connection)
            finally:
                connection.writer.close()
