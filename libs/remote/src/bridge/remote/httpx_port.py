"""The HTTP port over httpx.

Owns the one client of the process and the one table from httpx's errors to ours. Must not know tenants or meanings.

Whether a byte left is known, not guessed: httpcore's trace calls back right before it writes the request's first byte.
Until then every failure is `NotSentError`, from then on every failure is `AnswerLostError`. Nothing of one answer
reaches the next request: no cookies (a session cookie of one tenant must not travel with another's call), no
redirects, no proxy or credentials from the environment.
"""

import asyncio
import http.cookiejar
import ipaddress
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self, cast

import httpx

from bridge.remote.http import AnswerLostError, HttpAnswer, HttpRequest, LostKind, NotSentError, NotSentWhy, Timeouts
from bridge.remote.pools import PoolPerHost
from bridge.runtime.clock import Clock

MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
"""A page of 1,000 customers is about 1.5 MB; a listing of 10,000 stays under 16 MB."""
CONNECTIONS_PER_HOST: Final = 32


class HttpxPort:
    """One httpx client for the whole process; use as an async context manager.

    Args:
        clock: Its boot seconds decide whether the first byte may still leave.
        connections_per_host: Upper bound of open connections to one host.
        max_answer_bytes: A longer answer (after decompression) is given up as lost.
        allow_private_addresses: Development only. Otherwise a name that resolves to a loopback, link-local or private
            address is refused right after the connection stands and before a byte is sent.
        tls: The context all hosts share; None means the certificates that come with the client.
        transport: Replaces the network in tests. It traces nothing, so its failures count as sent unless they are
            connect failures.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        connections_per_host: int = CONNECTIONS_PER_HOST,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        allow_private_addresses: bool = False,
        tls: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._clock = clock
        self._max_answer_bytes = max_answer_bytes
        self._allow_private = allow_private_addresses
        self._traced = transport is None
        self._pools = PoolPerHost(tls, connections=connections_per_host, clock=clock)
        self._client = httpx.AsyncClient(
            transport=transport or self._pools,
            follow_redirects=False,
            trust_env=False,
            cookies=http.cookiejar.CookieJar(policy=http.cookiejar.DefaultCookiePolicy(allowed_domains=[])),
            headers={"user-agent": "tripletex-oc2-bridge", "accept": "application/json"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    @property
    def open_hosts(self) -> int:
        """Return how many hosts have a pool."""
        return self._pools.hosts

    async def send(self, request: HttpRequest, *, timeouts: Timeouts, not_after: float | None = None) -> HttpAnswer:
        """Send once, never again; see `HttpPort.send`."""
        _check(request)
        flight = _Flight(request.host, self._clock, not_after, self._allow_private, sent=not self._traced)
        flight.refuse_if_late()
        begun = self._clock.boot()
        try:
            async with asyncio.timeout(timeouts.total), flight.abandoned_on_failure():
                status, headers, body = await self._exchange(request, timeouts, flight)
        except TimeoutError:
            raise flight.failure(LostKind.TIMEOUT, f"no whole answer within {timeouts.total:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as cause:
            # The message of a protocol error may quote a header, so neither it nor its cause is kept.
            raise flight.translate(cause) from None
        return HttpAnswer(status, headers, body, self._clock.boot() - begun)

    async def _exchange(
        self, request: HttpRequest, timeouts: Timeouts, flight: "_Flight"
    ) -> tuple[int, Mapping[str, str], bytes]:
        built = self._client.build_request(
            request.method,
            request.url,
            params=list(request.query) or None,
            headers=dict(request.headers),
            content=request.body,
            timeout=httpx.Timeout(
                connect=timeouts.connect, write=timeouts.write, read=timeouts.read, pool=timeouts.pool
            ),
            extensions={"trace": flight.trace},
        )
        response = await self._client.send(built, stream=True)
        try:
            flight.status = response.status_code
            body = await self._read(response, flight)
        finally:
            await response.aclose()
        return response.status_code, {name.lower(): value for name, value in response.headers.items()}, body

    async def _read(self, response: httpx.Response, flight: "_Flight") -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > self._max_answer_bytes:
                raise flight.failure(LostKind.TOO_LARGE, f"the answer is longer than {self._max_answer_bytes} bytes")
        return bytes(body)


def _check(request: HttpRequest) -> None:
    if not request.host:
        raise NotSentError(NotSentWhy.REQUEST, "Nothing was sent: the address names no host.")
    # httpx and h11 quote the whole value when they refuse a header, and the value may be a secret.
    for name, value in request.headers.items():
        if not value.isascii() or not value.isprintable() or value != value.strip():
            raise NotSentError(
                NotSentWhy.REQUEST, f"The header {name} for {request.host} holds a character that HTTP does not allow."
            )


class _Stream(Protocol):
    """The two things asked of httpcore's network stream."""

    def get_extra_info(self, info: str) -> object: ...
    async def aclose(self) -> None: ...


_UNSENT: Final[tuple[tuple[type[Exception], NotSentWhy, str], ...]] = (
    (httpx.PoolTimeout, NotSentWhy.POOL, "every connection to it was in use"),
    (httpx.ConnectTimeout, NotSentWhy.CONNECT, "no connection within the time-out"),
    (httpx.ConnectError, NotSentWhy.CONNECT, "no connection (name, network or certificate)"),
    (httpx.UnsupportedProtocol, NotSentWhy.REQUEST, "the address is not an http address"),
    (httpx.InvalidURL, NotSentWhy.REQUEST, "the address is not valid"),
)
_LOST: Final[tuple[tuple[type[Exception], LostKind, str], ...]] = (
    (httpx.TimeoutException, LostKind.TIMEOUT, "silence for longer than the time-out"),
    (httpx.DecodingError, LostKind.HALF, "the answer's compression is broken"),
    (httpx.HTTPError, LostKind.RESET, "the connection ended"),
    (httpx.StreamError, LostKind.RESET, "the connection ended"),
)


@dataclass(slots=True)
class _Flight:
    """What is known about one request on its way."""

    host: str
    clock: Clock
    not_after: float | None
    allow_private: bool
    sent: bool
    status: int | None = None
    stream: _Stream | None = None

    async def trace(self, event: str, info: Mapping[str, object]) -> None:
        """Called by httpcore; what matters is the connection, the first byte of the head, and that of the body."""
        if event == "connection.connect_tcp.complete":
            self.stream = cast(_Stream, info["return_value"])
            self.refuse_private(self.stream)
        elif event == "http11.send_request_headers.started":
            self.refuse_if_late()
            self.sent = True
        elif event == "http11.send_request_body.started":
            # A process may be frozen between head and body; a head alone is no request, and the connection is closed.
            self.refuse_if_late()

    def refuse_if_late(self) -> None:
        if self.not_after is not None and self.clock.boot() >= self.not_after:
            raise NotSentError(NotSentWhy.DEADLINE, f"Nothing was sent to {self.host}: the deadline had passed.")

    @asynccontextmanager
    async def abandoned_on_failure(self) -> AsyncIterator[None]:
        """Close a connection on which nothing was sent: httpcore forgets it when it is cut off inside a handshake."""
        try:
            yield
        except BaseException:
            if self.stream is not None and not self.sent:
                await self.stream.aclose()
            raise

    def refuse_private(self, stream: _Stream) -> None:
        address = stream.get_extra_info("server_addr")
        if not self.allow_private and isinstance(address, tuple) and not _is_public(str(address[0])):
            raise NotSentError(
                NotSentWhy.ADDRESS, f"Nothing was sent to {self.host}: its name leads into a private network."
            )

    def translate(self, cause: Exception) -> NotSentError | AnswerLostError:
        unsent = next((row for row in _UNSENT if isinstance(cause, row[0])), None)
        if unsent is not None:
            return NotSentError(unsent[1], f"Nothing was sent to {self.host}: {unsent[2]}.")
        kind, words = next((row[1], row[2]) for row in _LOST if isinstance(cause, row[0]))
        return self.failure(kind, words)

    def failure(self, kind: LostKind, words: str) -> NotSentError | AnswerLostError:
        if not self.sent:
            return NotSentError(NotSentWhy.CONNECT, f"Nothing was sent to {self.host}: {words}.")
        half = self.status is not None and kind is LostKind.RESET
        return AnswerLostError(
            LostKind.HALF if half else kind, f"The answer of {self.host} was lost: {words}.", self.status
        )


def _is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return parsed.is_global
