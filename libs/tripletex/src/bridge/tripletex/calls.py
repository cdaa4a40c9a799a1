"""One call at Tripletex, whatever it is about: session, rate window, deadline.

Owns what every call needs. A 401 renews the session once and sends again, since it is decided before any effect. Groups
of calls (customers, invoices, ...) are classes on top of this one. It waits for nothing by itself: `pause` tells the
caller when the next call may begin, and `wait_for_room` waits for that if the caller wants to.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from bridge.contracts.identity import TenantId
from bridge.contracts.reasons import Reason
from bridge.remote.classify import CallKind, classify
from bridge.remote.encode import json_bytes
from bridge.remote.errors import RateLimitedError
from bridge.remote.http import DEFAULT_TIMEOUTS, AnswerLostError, HttpPort, HttpRequest, NotSentError, Timeouts
from bridge.remote.outcome import Applied, NotSent, Outcome, Unauthorized
from bridge.remote.pacing import RateWindow, read_rate
from bridge.runtime.clock import Clock
from bridge.runtime.errors import SourceUnavailableError, TransientError
from bridge.tripletex.access import TripletexTenant
from bridge.tripletex.failing import failure, rows_of
from bridge.tripletex.session import Session, SessionKeeper

MAX_COUNT: Final = 1000
"""More rows in one answer is nowhere documented."""

MAX_ROWS: Final = 10_000
"""A query with more matching rows is refused."""

Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Call:
    """One request before its session: a path of the API, its query and body, and what it may do there.

    `not_after` are boot seconds after which the first byte must not leave; `decimals` reads the answer's fractions as
    exact decimals.
    """

    kind: CallKind
    method: str
    path: str
    query: Query = ()
    body: bytes | None = field(default=None, repr=False)
    not_after: float | None = None
    decimals: bool = False


class Calls:
    """The core of the client.

    Args:
        port: Where calls go.
        clock: For session dates and rate windows.
        share: Part of each employee's rate window that this process may use (see `bridge.remote.pacing`).
        rng: Chance for pauses; seeded in tests.
        timeouts: Of every call.
        refusal_pause: Shortest time between two log-ins with tokens that were refused.
    """

    def __init__(
        self,
        port: HttpPort,
        clock: Clock,
        *,
        share: float = 1.0,
        rng: random.Random | None = None,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        refusal_pause: timedelta = timedelta(seconds=30),
    ) -> None:
        self._port = port
        self._clock = clock
        self._share = share
        self._rng = rng or random.Random()  # noqa: S311 (jitter, not a secret)
        self._timeouts = timeouts
        self._sessions = SessionKeeper(port, clock, timeouts=timeouts, refusal_pause=refusal_pause)
        self._windows: dict[TenantId, RateWindow] = {}

    def pause(self, tenant: TenantId) -> float:
        """Return the seconds until the tenant's next call may begin; 0 if it may now."""
        window = self._windows.get(tenant)
        return window.delay(self._clock.boot()) if window else 0.0

    async def wait_for_room(self, tenant: TenantId, *, latest: float) -> bool:
        """Wait until the tenant's next call may begin; False, at once, if that is not before `latest` (boot seconds).

        A call that follows without another await in between has that room.
        """
        while (pause := self.pause(tenant)) > 0:
            if self._clock.boot() + pause >= latest:
                return False
            await asyncio.sleep(pause)
        return self._clock.boot() < latest

    def forget(self, tenant: TenantId) -> None:
        """Drop everything kept for a tenant that was removed or changed."""
        self._sessions.forget(tenant)
        self._windows.pop(tenant, None)

    async def check_access(self, tenant: TripletexTenant) -> None:
        """Prove that the tenant's session works and is for the pinned company; log in if there is none.

        The probe for gates closed by credentials or company.

        Raises:
            CredentialsRefusedError, WrongCompanyError: Close the gate.
            RateLimitedError, SourceUnavailableError: Try again later.
        """
        session = await self._sessions.current(tenant)
        outcome = await self._sessions.who_am_i(tenant, session)
        if isinstance(outcome, Unauthorized):
            outcome = await self._sessions.who_am_i(tenant, await self._sessions.current(tenant, instead_of=session))
        if not isinstance(outcome, Applied):
            raise failure(tenant, outcome, "whoAmI")

    async def _read(self, tenant: TripletexTenant, path: str, query: Query, *, decimals: bool = True) -> Outcome:
        """GET one answer.

        Raises:
            AccessDeniedError, TransientError: There is no session to be had.
        """
        return await self._exchange(tenant, Call(CallKind.GET, "GET", path, query, decimals=decimals))

    async def _rows(
        self, tenant: TripletexTenant, path: str, query: Query, what: str
    ) -> tuple[Mapping[str, object], ...]:
        """GET every page of a list in ascending id; a page with fewer rows than asked for is the last.

        Raises:
            AccessDeniedError: Close the gate.
            TransientError: Try again later; there is no part of a list.
        """
        rows: list[Mapping[str, object]] = []
        for offset in range(0, MAX_ROWS, MAX_COUNT):
            page = [*query, ("sorting", "id"), ("from", str(offset)), ("count", str(MAX_COUNT))]
            found = rows_of(tenant, await self._read(tenant, path, page), what)
            rows += found
            if len(found) < MAX_COUNT:
                return tuple(rows)
        raise SourceUnavailableError(f"Tripletex, tenant {tenant.tenant}, {what}: the pages come to no end.")

    async def _write(
        self,
        tenant: TripletexTenant,
        kind: CallKind,
        method: str,
        path: str,
        query: Query,
        body: Mapping[str, object],
        not_after: float | None,
    ) -> Outcome:
        """Send a body once; what kept it from being sent for a while is `NotSent`.

        Raises:
            AccessDeniedError: No log-in; nothing was sent.
        """
        call = Call(kind, method, path, query, json_bytes(body), not_after, decimals=True)
        try:
            return await self._exchange(tenant, call)
        except TransientError as error:
            # Only a log-in raises here, thus before the call or after a 401, which has no effect.
            limited = isinstance(error, RateLimitedError)
            return NotSent(error.retry_after, str(error), Reason.RATE_LIMITED if limited else Reason.TARGET_DOWN)

    async def _exchange(self, tenant: TripletexTenant, call: Call) -> Outcome:
        session = await self._sessions.current(tenant)
        outcome = await self._send(tenant, session, call)
        if not isinstance(outcome, Unauthorized):
            return outcome
        session = await self._sessions.current(tenant, instead_of=session)
        outcome = await self._send(tenant, session, call)
        if isinstance(outcome, Unauthorized) and isinstance(
            await self._sessions.who_am_i(tenant, session), Unauthorized
        ):
            # The log-in worked a moment ago, so another process has logged in since: the tokens are fine.
            return NotSent(None, "the new session was ended by another log-in; trying later")
        return outcome

    async def _send(self, tenant: TripletexTenant, session: Session, call: Call) -> Outcome:
        headers = {"authorization": session.authorization()}
        if call.body is not None:
            headers["content-type"] = "application/json"
        request = HttpRequest(call.method, tenant.url(call.path), call.query, headers, call.body)
        self._windows[tenant.tenant] = self._window(tenant).begin(self._clock.boot())
        try:
            answer = await self._port.send(request, timeouts=self._timeouts, not_after=call.not_after)
        except (NotSentError, AnswerLostError) as lost:
            self._windows[tenant.tenant] = self._window(tenant).lost(self._clock.boot())
            return classify(call.kind, lost)
        except BaseException:
            self._windows[tenant.tenant] = self._window(tenant).lost(self._clock.boot())
            raise
        self._sessions.learn_date(tenant, answer)
        now, window = self._clock.boot(), self._window(tenant)
        outcome = classify(call.kind, answer, decimals=call.decimals)
        if isinstance(outcome, NotSent) and outcome.reason is Reason.RATE_LIMITED:
            window = window.refused(answer.headers, now, self._rng)
            outcome = NotSent(timedelta(seconds=window.delay(now)), outcome.why, outcome.reason)
        else:
            window = window.answered(read_rate(answer.headers), now)
        self._windows[tenant.tenant] = window
        return outcome

    def _window(self, tenant: TripletexTenant) -> RateWindow:
        return self._windows.get(tenant.tenant) or RateWindow(self._share)
