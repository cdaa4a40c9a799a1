"""The door for probes and scrapers: GET /livez, /readyz, /metrics over plain HTTP/1.1, one answer per connection."""

import asyncio
import json
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from bridge.runtime.health import Health
from bridge.runtime.metrics import CONTENT_TYPE as METRICS_CONTENT_TYPE
from bridge.runtime.metrics import render
from bridge.runtime.settings import HealthSettings

_JSON: Final = "application/json"
_REQUEST_LIMIT_SECONDS: Final = 5.0
_REQUEST_LIMIT_BYTES: Final = 8192

Answer = tuple[HTTPStatus, str, bytes]


class HealthServer:
    """Async context manager. Once it listens, `port` is known and the ready file, if any, holds {"port": N}."""

    def __init__(self, health: Health, settings: HealthSettings) -> None:
        self._health = health
        self._settings = settings
        self._server: asyncio.Server | None = None
        self.port = settings.port

    async def __aenter__(self) -> Self:
        # It listens before the database and the broker are asked: until the loops are there nothing is ready.
        self._health.starting()
        self._server = await asyncio.start_server(
            self._serve, self._settings.host, self._settings.port, limit=_REQUEST_LIMIT_BYTES
        )
        self.port = int(self._server.sockets[0].getsockname()[1])
        if self._settings.ready_file is not None:
            _write_whole(self._settings.ready_file, json.dumps({"port": self.port}))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._settings.ready_file is not None:
            self._settings.ready_file.unlink(missing_ok=True)
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_REQUEST_LIMIT_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_message(self._answer(head)))
                await writer.drain()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # A caller that does not speak to the end is not an event of ours.
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    def _answer(self, head: bytes) -> Answer:
        method, _, rest = head.decode("latin-1").partition(" ")
        path = rest.split(" ", 1)[0].split("?", 1)[0]
        if method != "GET":
            return HTTPStatus.METHOD_NOT_ALLOWED, _JSON, b"{}"
        match path:
            case "/livez":
                return _livez(self._health)
            case "/readyz":
                return _readyz(self._health)
            case "/metrics":
                return HTTPStatus.OK, METRICS_CONTENT_TYPE, render()
            case _:
                return HTTPStatus.NOT_FOUND, _JSON, b"{}"


def _livez(health: Health) -> Answer:
    stalled = health.stalled()
    body = {"alive": not stalled, "loops": {name: stalled.get(name, "ok") for name in health.loops()}}
    return _verdict(not stalled), _JSON, json.dumps(body).encode()


def _readyz(health: Health) -> Answer:
    checks = health.readiness()
    ready = all(problem is None for problem in checks.values())
    body = {"ready": ready, "checks": {name: problem or "ok" for name, problem in checks.items()}}
    return _verdict(ready), _JSON, json.dumps(body).encode()


def _verdict(good: bool) -> HTTPStatus:
    return HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE


def _message(answer: Answer) -> bytes:
    status, content_type, body = answer
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def _write_whole(path: Path, text: str) -> None:
    # Written aside and renamed, so that nobody reads half of it.
    draft = path.with_name(path.name + ".part")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
