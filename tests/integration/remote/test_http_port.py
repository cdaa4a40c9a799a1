"""What the port says when the far side misbehaves byte by byte: did anything leave, and is the answer whole?"""

import asyncio
import gzip
import socket
from collections.abc import Awaitable, Callable

import pytest

from bridge.remote.http import AnswerLostError, HttpRequest, LostKind, NotSentError, NotSentWhy, Timeouts
from bridge.remote.httpx_port import HttpxPort
from bridge.runtime.clock import SystemClock
from bridge.testkit.clock import ManualClock
from bridge.testkit.raw_server import Behaviour, Connection, RawServer
from bridge.testkit.waiting import eventually

_SHORT = Timeouts(connect=2.0, write=2.0, read=0.2, pool=2.0, total=2.0)
_OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"

_Serve = Callable[[Behaviour], Awaitable[RawServer]]


async def _answers(connection: Connection) -> None:
    while True:
        await connection.head()
        connection.writer.write(_OK)


async def _silent(connection: Connection) -> None:
    await connection.read_on()


def _then(*chunks: bytes) -> Behaviour:
    async def behave(connection: Connection) -> None:
        await connection.head()
        for chunk in chunks:
            connection.writer.write(chunk)
        await connection.writer.drain()

    return behave


def _get(server: RawServer, path: str = "/v2/customer") -> HttpRequest:
    return HttpRequest("GET", server.url + path)


async def test_an_answer_arrives_whole_with_lower_case_headers(raw_server: _Serve, port: HttpxPort) -> None:
    server = await raw_server(_then(b"HTTP/1.1 201 Created\r\nX-Rate-Limit-Reset: 3\r\nContent-Length: 2\r\n\r\n{}"))

    request = HttpRequest(
        "POST", f"{server.url}/token/session/>whoAmI", [("from", "0"), ("a", "b c")], {"x-api-key": "k"}, b'{"a":1}'
    )
    answer = await port.send(request, timeouts=_SHORT)

    assert (answer.status, answer.body, answer.headers["x-rate-limit-reset"]) == (201, b"{}", "3")
    sent = server.received[0].decode()
    assert sent.startswith("POST /token/session/%3EwhoAmI?from=0&a=b+c HTTP/1.1\r\n")
    assert "x-api-key: k\r\n" in sent


async def test_silence_after_the_request_is_a_lost_answer(raw_server: _Serve, port: HttpxPort) -> None:
    server = await raw_server(_silent)

    with pytest.raises(AnswerLostError) as lost:
        await port.send(_get(server), timeouts=_SHORT)

    assert (lost.value.kind, lost.value.status) == (LostKind.TIMEOUT, None)


async def test_a_slow_drip_ends_at_the_total_time(raw_server: _Serve, port: HttpxPort) -> None:
    async def drip(connection: Connection) -> None:
        await connection.head()
        connection.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while True:
            connection.writer.write(b" ")
            await connection.writer.drain()
            await asyncio.sleep(0.02)

    server = await raw_server(drip)

    with pytest.raises(AnswerLostError) as lost:
        await port.send(_get(server), timeouts=Timeouts(read=5.0, total=0.4))

    assert (lost.value.kind, lost.value.status) == (LostKind.TIMEOUT, 200)


@pytest.mark.parametrize(
    ("behaviour", "kind", "status"),
    [
        pytest.param(_then(), LostKind.RESET, None, id="closed-without-an-answer"),
        pytest.param(_then(b"HTTP/1.1 20"), LostKind.RESET, None, id="closed-inside-the-status"),
        pytest.param(
            _then(b'HTTP/1.1 201 Created\r\ncontent-length: 50\r\n\r\n{"value"'), LostKind.HALF, 201, id="half-a-body"
        ),
        pytest.param(
            _then(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab"),
            LostKind.HALF,
            200,
            id="half-a-chunk",
        ),
        pytest.param(_then(b"this is not http\r\n\r\n"), LostKind.RESET, None, id="another-protocol"),
        pytest.param(
            _then(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nnope"),
            LostKind.HALF,
            200,
            id="broken-gzip",
        ),
    ],
)
async def test_a_broken_answer_is_lost(
    raw_server: _Serve, port: HttpxPort, behaviour: Behaviour, kind: LostKind, status: int | None
) -> None:
    server = await raw_server(behaviour)

    with pytest.raises(AnswerLostError) as lost:
        await port.send(_get(server), timeouts=_SHORT)

    assert (lost.value.kind, lost.value.status) == (kind, status)


async def test_a_reset_before_the_request_is_read_still_counts_as_sent(raw_server: _Serve, port: HttpxPort) -> None:
    async def reset(connection: Connection) -> None:
        made = connection.writer.get_extra_info("socket")
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        connection.writer.transport.abort()

    server = await raw_server(reset)

    # Bytes were handed to the kernel; that nobody read them cannot be known from here.
    with pytest.raises(AnswerLostError):
        await port.send(HttpRequest("POST", server.url, body=b"x" * 100_000), timeouts=_SHORT)


async def test_a_refused_connection_was_not_sent(port: HttpxPort) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"

    with pytest.raises(NotSentError) as refused:
        await port.send(HttpRequest("GET", url), timeouts=_SHORT)

    assert refused.value.reason is NotSentWhy.CONNECT


async def test_a_name_that_does_not_exist_was_not_sent(port: HttpxPort) -> None:
    with pytest.raises(NotSentError) as refused:
        await port.send(HttpRequest("GET", "http://nobody.invalid/"), timeouts=_SHORT)

    assert refused.value.reason is NotSentWhy.CONNECT


async def test_a_server_that_speaks_no_tls_was_not_sent(raw_server: _Serve, port: HttpxPort) -> None:
    async def plain(connection: Connection) -> None:
        connection.writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await connection.read_on()

    server = await raw_server(plain)
    request = HttpRequest("GET", server.url.replace("http:", "https:"), headers={"x-api-key": "very-secret"})

    with pytest.raises(NotSentError) as refused:
        await port.send(request, timeouts=_SHORT)

    assert refused.value.reason is NotSentWhy.CONNECT
    assert b"very-secret" not in b"".join(server.received)


async def test_silence_inside_the_handshake_was_not_sent_and_leaves_no_connection(
    raw_server: _Serve, port: HttpxPort
) -> None:
    ended = asyncio.Event()

    async def mute(connection: Connection) -> None:
        await connection.read_on()
        ended.set()

    server = await raw_server(mute)
    request = HttpRequest("GET", server.url.replace("http:", "https:"))

    with pytest.raises(NotSentError):
        await port.send(request, timeouts=Timeouts(connect=5.0, total=0.2))

    await asyncio.wait_for(ended.wait(), 5)


async def test_a_redirect_is_an_answer_and_is_not_followed(raw_server: _Serve, port: HttpxPort) -> None:
    inner = await raw_server(_answers)
    server = await raw_server(
        _then(f"HTTP/1.1 302 Found\r\nlocation: {inner.url}/latest/\r\ncontent-length: 0\r\n\r\n".encode())
    )

    answer = await port.send(_get(server), timeouts=_SHORT)

    assert answer.status == 302
    assert inner.received == []


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
async def test_an_answer_over_the_limit_is_given_up(raw_server: _Serve, *, packed: bool) -> None:
    body = b" " * 200_000
    head = "content-encoding: gzip\r\n" if packed else ""
    wire = gzip.compress(body) if packed else body
    server = await raw_server(_then(f"HTTP/1.1 200 OK\r\n{head}content-length: {len(wire)}\r\n\r\n".encode(), wire))

    async with HttpxPort(SystemClock(), allow_private_addresses=True, max_answer_bytes=100_000) as small:
        with pytest.raises(AnswerLostError) as lost:
            await small.send(_get(server), timeouts=_SHORT)

    assert (lost.value.kind, lost.value.status) == (LostKind.TOO_LARGE, 200)


async def test_a_deadline_that_has_passed_opens_no_connection(raw_server: _Serve, port: HttpxPort) -> None:
    server = await raw_server(_answers)

    with pytest.raises(NotSentError) as late:
        await port.send(_get(server), timeouts=_SHORT, not_after=SystemClock().boot())

    assert late.value.reason is NotSentWhy.DEADLINE
    assert server.received == []


class _PassesWhileConnecting(ManualClock):
    """Says that the deadline lies ahead when first asked, and behind at every later look."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._looks = looks

    def boot(self) -> float:
        self._looks -= 1
        return 10.0 if self._looks >= 0 else 100.0


async def test_no_byte_leaves_when_the_deadline_passes_while_connecting(raw_server: _Serve) -> None:
    server = await raw_server(_silent)
    # Looks: at the hand-over, for `elapsed`, for the pool's creation, its clean-up and its use.
    clock = _PassesWhileConnecting(looks=5)

    async with HttpxPort(clock, allow_private_addresses=True) as port:
        with pytest.raises(NotSentError) as late:
            await port.send(HttpRequest("POST", server.url, body=b"{}"), timeouts=_SHORT, not_after=50.0)

    assert late.value.reason is NotSentWhy.DEADLINE
    await eventually(lambda: len(server.received) == 1, what="the connection stood")
    assert server.received == [b""]


async def test_a_process_frozen_between_head_and_body_sends_no_body_after_its_deadline(raw_server: _Serve) -> None:
    server = await raw_server(_silent)
    # One look more than in the test above: the head may still leave.
    clock = _PassesWhileConnecting(looks=6)

    async with HttpxPort(clock, allow_private_addresses=True) as port:
        with pytest.raises(NotSentError) as late:
            await port.send(HttpRequest("POST", server.url, body=b"too late"), timeouts=_SHORT, not_after=50.0)

    assert late.value.reason is NotSentWhy.DEADLINE
    await eventually(lambda: server.received[0].endswith(b"\r\n\r\n"), what="the head alone arrived")


async def test_a_deadline_ahead_holds_nothing_back(raw_server: _Serve, port: HttpxPort) -> None:
    server = await raw_server(_answers)

    answer = await port.send(_get(server), timeouts=_SHORT, not_after=SystemClock().boot() + 30)

    assert answer.status == 200


async def test_a_connection_that_is_used_again_obeys_the_deadline_too(raw_server: _Serve) -> None:
    server = await raw_server(_answers)
    clock = ManualClock()
    async with HttpxPort(clock, allow_private_addresses=True) as port:
        await port.send(_get(server), timeouts=_SHORT, not_after=clock.boot() + 1)
        clock.advance(2)

        with pytest.raises(NotSentError):
            await port.send(_get(server, "/second"), timeouts=_SHORT, not_after=clock.boot())

    assert len(server.received) == 1
    assert b"/second" not in server.received[0]


async def test_a_full_pool_is_not_sent_and_other_hosts_are_not_held_up(raw_server: _Serve) -> None:
    hanging, healthy = await raw_server(_silent), await raw_server(_answers)
    timeouts = Timeouts(connect=1.0, write=1.0, read=10.0, pool=0.2, total=10.0)

    async with HttpxPort(SystemClock(), connections_per_host=1, allow_private_addresses=True) as port:
        stuck = asyncio.create_task(port.send(_get(hanging), timeouts=timeouts))
        await hanging.connected.wait()

        with pytest.raises(NotSentError) as full:
            await port.send(_get(hanging), timeouts=timeouts)
        answer = await port.send(_get(healthy), timeouts=timeouts)

        stuck.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stuck

    assert full.value.reason is NotSentWhy.POOL
    assert answer.status == 200


async def test_a_private_address_behind_a_name_gets_no_byte(raw_server: _Serve) -> None:
    server = await raw_server(_silent)

    request = HttpRequest("GET", f"http://localhost:{server.port}/latest/", headers={"x-api-key": "very-secret"})
    async with HttpxPort(SystemClock()) as strict:
        with pytest.raises(NotSentError) as refused:
            await strict.send(request, timeouts=_SHORT)

    assert refused.value.reason is NotSentWhy.ADDRESS
    assert all(not seen for seen in server.received)


async def test_a_cookie_of_one_call_never_travels_with_the_next(raw_server: _Serve, port: HttpxPort) -> None:
    async def set_cookie(connection: Connection) -> None:
        while True:
            await connection.head()
            connection.writer.write(
                b"HTTP/1.1 200 OK\r\nset-cookie: JSESSIONID=acme; Path=/\r\ncontent-length: 2\r\n\r\n{}"
            )

    server = await raw_server(set_cookie)

    await port.send(_get(server), timeouts=_SHORT)
    await port.send(_get(server), timeouts=_SHORT)

    assert len(server.received) == 1, "the second call uses the first one's connection"
    assert b"cookie" not in server.received[0].lower()


@pytest.mark.parametrize("value", ["se\ncret-1", "se\x00cret-1", "secret-1 ", "sécret-1"], ids=range(4))
async def test_a_header_that_http_forbids_is_refused_without_being_quoted(
    raw_server: _Serve, port: HttpxPort, value: str
) -> None:
    server = await raw_server(_answers)

    with pytest.raises(NotSentError) as refused:
        await port.send(HttpRequest("GET", server.url, headers={"x-api-key": value}), timeouts=_SHORT)

    assert refused.value.reason is NotSentWhy.REQUEST
    assert "cret-1" not in str(refused.value)
    assert server.received == []


async def test_an_address_that_is_none_is_refused(port: HttpxPort) -> None:
    for url in ("ftp://example.invalid/", "https://", "http://["):
        with pytest.raises(NotSentError) as refused:
            await port.send(HttpRequest("GET", url), timeouts=_SHORT)

        assert refused.value.reason is NotSentWhy.REQUEST, url


async def test_pools_of_hosts_that_are_gone_are_closed(raw_server: _Serve) -> None:
    first, second = await raw_server(_answers), await raw_server(_answers)
    clock = ManualClock()
    async with HttpxPort(clock, allow_private_addresses=True) as port:
        await port.send(_get(first), timeouts=_SHORT)
        clock.advance(301)
        await port.send(_get(second), timeouts=_SHORT)

        assert port.open_hosts == 1
