"""A TCP proxy that loses answers: between a client and a real server, in the test's own event loop.

Owns the faults of a connection that no server has a switch for. Must not know any protocol.
"""

import asyncio
from types import TracebackType
from typing import Self


class FaultProxy:
    """Forwards to 127.0.0.1:`target` until told otherwise; clients connect to `port`.

    `silent`: goes on taking what both sides send and passes nothing on, not even
    that a side has left, as a half-open connection does.
    `cut_after`: when the client sends these bytes the server still gets them, then the client's side breaks.
    `lose_every`: every n-th time that a client sends COMMIT the server still gets it, then that connection alone
    breaks, before the answer; `lost` counts these.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._pumps: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.silent = False
        self.cut_after: bytes | None = None
        self.lose_every = 0
        self.lost = 0
        self._commits = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, to_server}
        for pump in (self._up(reader, to_server, writer), self._down(from_server, writer)):
            self._pumps.add(asyncio.create_task(pump))

    async def _up(self, reader: asyncio.StreamReader, out: asyncio.StreamWriter, back: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if self.silent:
                continue
            out.write(data)
            await out.drain()
            if self.cut_after is not None and self.cut_after in data:
                self.silent = True
                back.transport.abort()
            if self._loses_answer_to(data):
                back.transport.abort()
        if not self.silent:
            out.close()

    def _loses_answer_to(self, data: bytes) -> bool:
        if not self.lose_every or b"COMMIT" not in data:
            return False
        self._commits += 1
        loses = self._commits % self.lose_every == 0
        self.lost += loses
        return loses

    async def _down(self, reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if not self.silent:
                out.write(data)
                await out.drain()
        if not self.silent:
            out.close()
