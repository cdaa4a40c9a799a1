"""The port over TLS: what is trusted, and that the deadline counts after the handshake too."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.remote.http import HttpRequest, NotSentError, NotSentWhy, Timeouts
from bridge.remote.httpx_port import HttpxPort
from bridge.runtime.clock import SystemClock
from bridge.testkit.clock import ManualClock
from bridge.testkit.raw_server import Connection, RawServer
from bridge.testkit.waiting import eventually

_TLS = Path(__file__).parent / "tls"
_SHORT = Timeouts(connect=2.0, write=2.0, read=2.0, pool=2.0, total=5.0)


async def _answers(connection: Connection) -> None:
    while True:
        await connection.head()
        connection.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_TLS / "localhost-cert.pem", _TLS / "localhost-key.pem")
    async with RawServer(_answers).running(context) as running:
        yield running


@pytest.fixture
def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(_TLS / "localhost-cert.pem"))


def _request(server: RawServer, host: str = "localhost") -> HttpRequest:
    return HttpRequest("GET", f"https://{host}:{server.port}/v2/customer", headers={"authorization": "very-secret"})


async def test_a_trusted_server_is_spoken_to(server: RawServer, trusting: ssl.SSLContext) -> None:
    async with HttpxPort(SystemClock(), allow_private_addresses=True, tls=trusting) as port:
        answer = await port.send(_request(server), timeouts=_SHORT, not_after=SystemClock().boot() + 30)

    assert answer.status == 200
    assert b"very-secret" in server.received[0]


async def test_a_server_with_an_unknown_certificate_gets_no_request(server: RawServer) -> None:
    async with HttpxPort(SystemClock(), allow_private_addresses=True) as port:
        with pytest.raises(NotSentError) as refused:
            await port.send(_request(server), timeouts=_SHORT)

    assert refused.value.reason is NotSentWhy.CONNECT
    assert b"".join(server.received) == b""


class _PassesOnTheWay(ManualClock):
    """Says that the deadline lies ahead for the looks before the handshake, and behind at the one after it."""

    def __init__(self) -> None:
        super().__init__()
        # At the hand-over, for `elapsed`, for the pool's creation, its clean-up and its use.
        self._looks = 5

    def boot(self) -> float:
        self._looks -= 1
        return 10.0 if self._looks >= 0 else 100.0


async def test_no_byte_leaves_when_the_deadline_passes_during_the_handshake(
    server: RawServer, trusting: ssl.SSLContext
) -> None:
    async with HttpxPort(_PassesOnTheWay(), allow_private_addresses=True, tls=trusting) as port:
        with pytest.raises(NotSentError) as late:
            await port.send(_request(server), timeouts=_SHORT, not_after=50.0)

    assert late.value.reason is NotSentWhy.DEADLINE
    await eventually(lambda: server.connections, what="the handshake was completed")
    assert server.received == [b""]
