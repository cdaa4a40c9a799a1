"""Sessions: one per tenant, kept in memory, renewed before they die, checked against the pinned company.

A session dies when Oslo reaches midnight at the start of its `expirationDate`. It is made by a POST body and travels in
a header, so no token is ever part of a URL; that is also why sessions are left to end by themselves (ending one means
naming its token in a path).

Under one lock per tenant: of many calls that find the session dead, the first renews it and the others take what it
got, a refusal included, so that a withdrawn token costs one log-in and not one per call.
"""

import asyncio
import base64
import json
import zlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from bridge.contracts.identity import TenantId
from bridge.remote.classify import CallKind, classify
from bridge.remote.errors import AccessDeniedError, CredentialsRefusedError, WrongCompanyError
from bridge.remote.http import AnswerLostError, HttpAnswer, HttpPort, HttpRequest, NotSentError, Timeouts
from bridge.remote.outcome import Applied, Outcome, Refused, Unauthorized
from bridge.remote.pacing import http_date
from bridge.runtime.clock import Clock
from bridge.runtime.errors import BridgeError, SourceUnavailableError
from bridge.tripletex.access import Tokens, TripletexTenant
from bridge.tripletex.failing import failure, value_of

OSLO: Final = ZoneInfo("Europe/Oslo")
MIN_LIFE: Final = timedelta(hours=1)
"""A new session lives at least this long; one made late in the evening gets the date after tomorrow."""
_RENEW_AT_LEAST: Final = timedelta(minutes=5)
_RENEW_SPREAD_SECONDS: Final = 25 * 60
"""Thousands of tenants shall not log in at the same minute before midnight."""


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """One session; compared by identity, since two with equal content are still two log-ins."""

    token: SecretStr = field(repr=False)
    dies_at: datetime
    base_url: str
    company_id: int

    def authorization(self) -> str:
        """Return the value of the Authorization header: user 0 stands for the employee's own company."""
        return "Basic " + base64.b64encode(b"0:" + self.token.get_secret_value().encode()).decode()


@dataclass(slots=True)
class _Place:
    """What is kept for one tenant."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    session: Session | None = None
    attempts: int = 0
    error: BridgeError | None = None
    refused: tuple[Tokens, TripletexTenant] | None = None
    refused_until: float = 0.0


class SessionKeeper:
    """Keeps the sessions of all tenants of this process.

    Args:
        port: Where calls go.
        clock: Wall clock until an answer has told the date; boot seconds for the pause after a refusal.
        timeouts: Of a log-in.
        refusal_pause: After refused tokens nothing is tried for this long, unless the tokens have changed.
    """

    def __init__(
        self, port: HttpPort, clock: Clock, *, timeouts: Timeouts, refusal_pause: timedelta = timedelta(seconds=30)
    ) -> None:
        self._port = port
        self._clock = clock
        self._timeouts = timeouts
        self._refusal_pause = refusal_pause
        self._places: dict[TenantId, _Place] = {}
        self._ahead: dict[str, timedelta] = {}

    async def current(self, tenant: TripletexTenant, *, instead_of: Session | None = None) -> Session:
        """Return a session that should work; log in if there is none, if it is about to die, or if it is `instead_of`.

        Raises:
            CredentialsRefusedError: Tripletex does not accept the tokens.
            WrongCompanyError: They belong to another company than the pinned one.
            SourceUnavailableError: The log-in got no usable answer.
            RateLimitedError: Tripletex asked for a pause.
        """
        place = self._places.setdefault(tenant.tenant, _Place())
        seen = place.attempts
        if (session := self._usable(tenant, place, instead_of)) is not None:
            return session
        async with place.lock:
            if (session := self._usable(tenant, place, instead_of)) is not None:
                return session
            if place.attempts != seen and place.error is not None:
                raise place.error
            return await self._log_in(tenant, place)

    def forget(self, tenant: TenantId) -> None:
        """Drop what is kept for a tenant: it was removed, or its address or company changed."""
        self._places.pop(tenant, None)

    async def who_am_i(self, tenant: TripletexTenant, session: Session) -> Outcome:
        """Ask whose session this is; harmless, so it also serves as a probe."""
        request = HttpRequest(
            "GET",
            tenant.url("/token/session/>whoAmI"),
            headers={"authorization": session.authorization()},
        )
        return await self._send(tenant, CallKind.GET, request)

    def learn_date(self, tenant: TripletexTenant, answer: HttpAnswer) -> None:
        """Take the time from an answer's `Date`: Tripletex's clock decides when a session dies, not this machine's."""
        served = http_date(answer.headers.get("date", ""))
        if served is not None:
            self._ahead[tenant.base_url] = served - self._clock.now()

    def _now(self, tenant: TripletexTenant) -> datetime:
        return self._clock.now() + self._ahead.get(tenant.base_url, timedelta())

    async def _send(self, tenant: TripletexTenant, kind: CallKind, request: HttpRequest) -> Outcome:
        try:
            answer = await self._port.send(request, timeouts=self._timeouts)
        except (NotSentError, AnswerLostError) as failed:
            return classify(kind, failed)
        self.learn_date(tenant, answer)
        return classify(kind, answer)

    def _usable(self, tenant: TripletexTenant, place: _Place, instead_of: Session | None) -> Session | None:
        session = place.session
        if session is None or session is instead_of:
            return None
        if (session.base_url, session.company_id) != (tenant.base_url, tenant.company_id):
            return None
        spread = zlib.crc32(tenant.tenant.encode()) % _RENEW_SPREAD_SECONDS
        renew_at = session.dies_at - _RENEW_AT_LEAST - timedelta(seconds=spread)
        return session if self._now(tenant) < renew_at else None

    async def _log_in(self, tenant: TripletexTenant, place: _Place) -> Session:
        tokens = tenant.read_tokens()
        tried = (tokens, tenant)
        if place.error is not None and place.refused == tried and self._clock.boot() < place.refused_until:
            raise place.error
        place.session = place.error = place.refused = None
        try:
            place.session = await self._open(tenant, tokens)
        except AccessDeniedError as error:
            place.error, place.refused = error, tried
            place.refused_until = self._clock.boot() + self._refusal_pause.total_seconds()
            raise
        except BridgeError as error:
            place.error = error
            raise
        finally:
            place.attempts += 1
        return place.session

    async def _open(self, tenant: TripletexTenant, tokens: Tokens) -> Session:
        expires = expiration_date(self._now(tenant))
        outcome = await self._create(tenant, tokens, expires)
        if _about_the_date(outcome) and (corrected := expiration_date(self._now(tenant))) != expires:
            # The first answer of all told that this machine's date is wrong.
            expires = corrected
            outcome = await self._create(tenant, tokens, expires)
        token = value_of(_logged_in(tenant, outcome)).get("token")
        if not isinstance(token, str) or not token:
            raise SourceUnavailableError(f"Tripletex answered the log-in of {tenant.tenant} without a session token.")
        session = Session(SecretStr(token), dies_at(expires), tenant.base_url, tenant.company_id)
        await self._check_company(tenant, session)
        return session

    async def _create(self, tenant: TripletexTenant, tokens: Tokens, expires: date) -> Outcome:
        body = {
            "consumerToken": tokens.consumer.get_secret_value(),
            "employeeToken": tokens.employee.get_secret_value(),
            "expirationDate": expires.isoformat(),
        }
        request = HttpRequest(
            "POST",
            tenant.url("/token/session/:create"),
            headers={"content-type": "application/json"},
            body=json.dumps(body).encode(),
        )
        # A log-in that was not seen to succeed leaves at most one session behind, so it may simply be made again.
        return await self._send(tenant, CallKind.POST_CREATE, request)

    async def _check_company(self, tenant: TripletexTenant, session: Session) -> None:
        company = value_of(_logged_in(tenant, await self.who_am_i(tenant, session))).get("companyId")
        if isinstance(company, bool) or not isinstance(company, int):
            raise SourceUnavailableError(f"Tripletex does not say which company the session of {tenant.tenant} is for.")
        if company != tenant.company_id:
            raise WrongCompanyError(
                f"The Tripletex tokens of {tenant.tenant} belong to company {company}, "
                f"but company {tenant.company_id} is pinned. Nothing was read or written. "
                "Correct the company id or the token, then apply the tenant file."
            )


def _logged_in(tenant: TripletexTenant, outcome: Outcome) -> Applied:
    match outcome:
        case Applied():
            return outcome
        case Unauthorized() | Refused(status=400 | 403 | 422) if not _about_the_date(outcome):
            # Field and code name the token at fault; the text is left out, since it might quote it.
            named = ", ".join(f.field for f in outcome.fields if f.field) if isinstance(outcome, Refused) else ""
            raise CredentialsRefusedError(
                f"Tripletex refuses the tokens of {tenant.tenant} ({named or 'no field named'}). "
                "Put valid tokens into the secrets that the tenant file names; the next probe uses them."
            )
        case _:
            raise failure(tenant, outcome, "the log-in")


def _about_the_date(outcome: Outcome) -> bool:
    return isinstance(outcome, Refused) and any("expirationDate" in (f.field or "") for f in outcome.fields)


def expiration_date(now: datetime) -> date:
    """Return the date to ask for: tomorrow in Oslo, or the day after if tomorrow is less than `MIN_LIFE` away."""
    return (now.astimezone(OSLO) + MIN_LIFE).date() + timedelta(days=1)


def dies_at(expires: date) -> datetime:
    """Return the moment, in UTC, at which a session with that date stops working: Oslo midnight as the date begins."""
    return datetime(expires.year, expires.month, expires.day, tzinfo=OSLO).astimezone(UTC)
