"""The HTTP shell around both systems: real connections, and the ways in which they can die.

Owns sockets and waiting. The systems behind it are plain functions from request to answer, so an effect can
be run before, long after or without an answer.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import format_datetime
from urllib.parse import unquote

from aiohttp import web

from bridge.simulator import misbehaviour
from bridge.simulator.exchange import Answer, Request
from bridge.simulator.faults import Fault, Kind, Plan, System, Then, number_param
from bridge.simulator.world import World

TRIPLETEX_BASE = "/tripletex/v2"
OC2_BASE = "/oc2"


@dataclass(frozen=True, slots=True)
class Cut:
    """No whole answer: the connection closes, after half of the answer if there is one."""

    answer: Answer | None = None
    reset: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way to a system."""

    system: System
    scope: str | None
    request: Request
    run: Callable[[Plan], Answer]
    numbers: Callable[[], frozenset[int]]
    invoice_numbers: Callable[[], frozenset[int]]


@dataclass(slots=True)
class Gateway:
    """Serves both systems of one world."""

    world: World
    _late: set[asyncio.Task[Answer]] = field(default_factory=set)

    async def tripletex(self, web_request: web.Request) -> web.StreamResponse:
        """Any request below Tripletex's base URL."""
        request = await _read(web_request, TRIPLETEX_BASE)
        tripletex = self.world.tripletex
        company = tripletex.company_of(request)

        def run(plan: Plan) -> Answer:
            if company is not None:
                misbehaviour.move_rows(plan, company, now=self.world.clock.now())
            if plan.of(Kind.ORDER_LEFT):
                parts = [tripletex.handle(part) for part in misbehaviour.parts_done(plan, request)]
                return next((part for part in parts if part.status >= 400), [*parts, Answer(201)][0])
            return tripletex.handle(request, misbehaviour.list_view(plan))

        return await self._serve(
            Call(
                System.TRIPLETEX,
                str(company.id) if company is not None else None,
                request,
                run,
                lambda: tripletex.numbers_of(request),
                lambda: tripletex.invoice_numbers_of(request),
            ),
            web_request,
        )

    async def oc2(self, web_request: web.Request) -> web.StreamResponse:
        """Any request below one tenant's OC2 base URL."""
        tenant = web_request.match_info["tenant"]
        request = await _read(web_request, f"{OC2_BASE}/{tenant}/api")
        oc2 = self.world.oc2

        def run(plan: Plan) -> Answer:
            if tenant in oc2.tenants:
                misbehaviour.move_batch_rows(plan, oc2.tenants[tenant], request, at=self.world.clock.epoch())
            return oc2.handle(tenant, request, misbehaviour.refusals(plan), misbehaviour.batch_view(plan))

        return await self._serve(
            Call(
                System.OC2,
                tenant,
                request,
                run,
                lambda: oc2.numbers_of(request),
                lambda: oc2.invoice_numbers_of(request),
            ),
            web_request,
        )

    async def _serve(self, call: Call, web_request: web.Request) -> web.StreamResponse:
        world = self.world
        entry = world.log.begin(call.request, system=call.system.value, scope=call.scope, at=world.clock.epoch())
        world.checker.check(call.request, entry)
        plan = world.faults.plan(call.system, call.scope, call.request, call.numbers, call.invoice_numbers)
        entry.faults = tuple(fault.name for fault in plan.faults)
        await asyncio.sleep(plan.delay_seconds)
        result = await self._result(call, plan)
        if isinstance(result, Cut):
            return await self._cut(web_request, result)
        entry.status = result.status
        return self._response(result)

    async def _result(self, call: Call, plan: Plan) -> Answer | Cut:
        ending = plan.ending
        if ending is None:
            return misbehaviour.spoil(plan, call.run(plan))
        match ending.kind:
            case Kind.RESET_BEFORE:
                return Cut(reset=True)
            case Kind.HANG:
                await asyncio.sleep(number_param(ending.params, "seconds", 0.0))
                return Cut()
            case Kind.ANSWER_LOST:
                call.run(plan)
                return Cut()
            case Kind.HALF_ANSWER:
                return Cut(misbehaviour.spoil(plan, call.run(plan)))
            case Kind.MALFORMED_2XX:
                return misbehaviour.spoil(plan, call.run(plan))
            case Kind.STORED_ALTHOUGH | Kind.ORDER_LEFT:
                return self._told_otherwise(call, plan, ending)
            case Kind.EFFECT_AFTER:
                return await self._later(call, plan)
            case _:
                answer = misbehaviour.replacement(ending, call.system)
                return self._with_rate_headers(call, answer)

    def _told_otherwise(self, call: Call, plan: Plan, ending: Fault) -> Answer | Cut:
        """The effect, and an answer that hides it; a true refusal is told as it is."""
        done = misbehaviour.spoil(plan, call.run(plan))
        then = Then(str(ending.params["then"]))
        if then is Then.DONE or done.status >= 400:
            return done
        if then is Then.LOST:
            return Cut()
        return self._with_rate_headers(call, misbehaviour.told(ending, then, call.system))

    async def _later(self, call: Call, plan: Plan) -> Answer:
        """The effect after its time even if the caller has gone; the answer after that, or later still."""
        params = plan.ending.params if plan.ending is not None else {}
        seconds = number_param(params, "seconds", 0.0)

        async def effect() -> Answer:
            await asyncio.sleep(seconds)
            return misbehaviour.spoil(plan, call.run(plan))

        task = asyncio.create_task(effect())
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        answer = await asyncio.shield(task)
        await asyncio.sleep(max(0.0, number_param(params, "answerSeconds", seconds) - seconds))
        return answer

    def _with_rate_headers(self, call: Call, answer: Answer) -> Answer:
        if call.system is not System.TRIPLETEX:
            return answer
        headers = self.world.tripletex.rate_headers(call.request)
        if answer.status == 429:
            headers.pop("X-Rate-Limit-Reset", None)
        return Answer(answer.status, answer.body, {**headers, **answer.headers})

    def _response(self, answer: Answer) -> web.Response:
        return web.Response(status=answer.status, body=answer.body or None, headers=self._headers(answer))

    def _headers(self, answer: Answer) -> dict[str, str]:
        return {**answer.headers, "Date": format_datetime(self.world.clock.now(), usegmt=True)}

    async def _cut(self, web_request: web.Request, cut: Cut) -> web.StreamResponse:
        transport = web_request.transport
        response = web.StreamResponse(status=cut.answer.status if cut.answer is not None else 500)
        if transport is None:
            return response
        if cut.answer is not None:
            response.headers.update(self._headers(cut.answer))
            response.content_length = len(cut.answer.body)
            with contextlib.suppress(ConnectionError):
                await response.prepare(web_request)
                await response.write(cut.answer.body[: len(cut.answer.body) // 2])
        if cut.reset:
            _make_close_a_reset(transport)
            transport.abort()
        else:
            transport.close()
        return response

    async def close(self) -> None:
        """Drop effects that have not happened yet; only for the end of the process."""
        for task in list(self._late):
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)


def _make_close_a_reset(transport: asyncio.Transport) -> None:
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def _read(web_request: web.Request, base: str) -> Request:
    query: dict[str, tuple[str, ...]] = {}
    for name, value in web_request.query.items():
        query[name] = (*query.get(name, ()), value)
    return Request(
        method=web_request.method,
        path=_decoded_path(web_request.rel_url.raw_path).removeprefix(base) or "/",
        query=query,
        headers={name.lower(): value for name, value in web_request.headers.items()},
        body=await web_request.read(),
        host=web_request.host,
    )


def _decoded_path(raw_path: str) -> str:
    """The path decoded part by part; a slash inside a part, as in some tokens, stays `%2F`."""
    return "/".join(unquote(part).replace("/", "%2F") for part in raw_path.split("/"))
