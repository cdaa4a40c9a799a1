"""One connection pool per host, one TLS context for all.

Owns which pool a request uses, so that a host that hangs can use up its own connections only. Must not know what is
sent. A pool unused for `idle_seconds` is closed when another is made: hosts come and go with tenants.
"""

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import httpx

from bridge.runtime.clock import Clock

_Origin = tuple[str, str, int | None]

IDLE_SECONDS: Final = 300.0


@dataclass(slots=True)
class _Pool:
    transport: httpx.AsyncHTTPTransport
    used_at: float
    in_flight: int = 0


class PoolPerHost(httpx.AsyncBaseTransport):
    """Send each request through the pool of its scheme, host and port."""

    def __init__(
        self, tls: ssl.SSLContext | None, *, connections: int, clock: Clock, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        # One context for all: making one costs milliseconds and about a megabyte.
        self._tls = tls or httpx.create_ssl_context(trust_env=False)
        self._limits = httpx.Limits(
            max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=30.0
        )
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._pools: dict[_Origin, _Pool] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send through the host's own pool; the pool counts as used until the answer is closed."""
        pool = await self._pool((request.url.scheme, request.url.host, request.url.port))
        pool.in_flight += 1
        try:
            response = await pool.transport.handle_async_request(request)
        except BaseException:
            self._done(pool)
            raise
        response.stream = _Counted(response.stream, pool, self)
        return response

    async def aclose(self) -> None:
        """Close every pool."""
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            await pool.transport.aclose()

    @property
    def hosts(self) -> int:
        """Return how many pools are open."""
        return len(self._pools)

    async def _pool(self, origin: _Origin) -> _Pool:
        pool = self._pools.get(origin)
        if pool is None:
            transport = httpx.AsyncHTTPTransport(verify=self._tls, limits=self._limits, trust_env=False, retries=0)
            pool = self._pools[origin] = _Pool(transport, self._clock.boot(), in_flight=1)
            await self._close_idle()
            pool.in_flight -= 1
        pool.used_at = self._clock.boot()
        return pool

    async def _close_idle(self) -> None:
        before = self._clock.boot() - self._idle_seconds
        idle = [key for key, pool in self._pools.items() if not pool.in_flight and pool.used_at < before]
        for pool in [self._pools.pop(key) for key in idle]:
            await pool.transport.aclose()

    def _done(self, pool: _Pool) -> None:
        pool.in_flight -= 1
        pool.used_at = self._clock.boot()


class _Counted(httpx.AsyncByteStream):
    """An answer's stream that tells its pool when it is closed."""

    def __init__(self, inner: httpx.SyncByteStream | httpx.AsyncByteStream, pool: _Pool, owner: PoolPerHost) -> None:
        if not isinstance(inner, httpx.AsyncByteStream):
            raise TypeError("an asynchronous transport must answer with an asynchronous stream")
        self._inner = inner
        self._pool = pool
        self._owner = owner
        self._open = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            yield chunk

    async def aclose(self) -> None:
        if self._open:
            self._open = False
            self._owner._done(self._pool)
        await self._inner.aclose()
