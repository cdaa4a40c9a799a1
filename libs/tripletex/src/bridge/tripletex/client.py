"""The Tripletex client: customers.

Owns paths, query parameters and the session dance of a call. Must not know cursors, deliveries or gates: it says what
happened, the caller decides. It waits for nothing: `pause` tells the caller when the next call may begin.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from bridge.contracts.identity import SourceId, TenantId
from bridge.contracts.reasons import Reason
from bridge.remote.classify import CallKind, classify
from bridge.remote.http import DEFAULT_TIMEOUTS, AnswerLostError, HttpPort, HttpRequest, NotSentError, Timeouts
from bridge.remote.outcome import Applied, NotSent, Outcome, Refused, Unauthorized
from bridge.remote.pacing import RateReading, RateWindow, http_date, read_rate
from bridge.runtime.clock import Clock
from bridge.runtime.errors import SourceUnavailableError
from bridge.tripletex.access import TripletexTenant
from bridge.tripletex.customer import FIELDS, CustomerRow, UnreadableRow, parse_customer
from bridge.tripletex.failing import CODE_NOT_FOUND, failure, value_of
from bridge.tripletex.session import Session, SessionKeeper

MAX_COUNT: Final = 1000
"""More rows in one answer is nowhere documented."""


@dataclass(frozen=True, slots=True)
class CustomerPage:
    """One page as it came.

    `rows` are the raw elements of `values[]`, to be read one by one (`parsed`). A page with fewer rows than asked for
    is the last one; `full_result` is for display only, since it is no total. `server_date` is the answer's `Date`.
    """

    rows: tuple[object, ...]
    server_date: datetime | None
    full_result: int | None
    rate: RateReading

    def parsed(self) -> list[CustomerRow | UnreadableRow]:
        """Read every row on its own."""
        return [parse_customer(row) for row in self.rows]


class TripletexClient:
    """Calls for all tenants of a process.

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

    def forget(self, tenant: TenantId) -> None:
        """Drop everything kept for a tenant that was removed or changed."""
        self._sessions.forget(tenant)
        self._windows.pop(tenant, None)

    async def list_customers(
        self,
        tenant: TripletexTenant,
        *,
        inactive: bool,
        offset: int,
        count: int,
        changed_since: datetime | None = None,
        ids: Sequence[SourceId] | None = None,
    ) -> CustomerPage:
        """Return one page of customers in ascending id.

        Args:
            tenant: Whose customers.
            inactive: Which half: the API hides inactive customers unless it is asked for them.
            offset: Rows to leave out before this page.
            count: Rows wanted, 1 to 1,000; fewer in the answer means that it is the last page.
            changed_since: Only what changed since then; sent as UTC without a zone. The far side may ignore it.
            ids: Only these rows; not empty.

        Raises:
            CredentialsRefusedError, WrongCompanyError, RightsMissingError, TooManyCustomersError: Close the gate.
            RateLimitedError: Come back after `retry_after`.
            SourceUnavailableError: Try again later; nothing of the page can be used.
        """
        if not 1 <= count <= MAX_COUNT or offset < 0 or (ids is not None and not ids):
            raise ValueError(f"no such page: offset {offset}, count {count}, {ids if ids is None else len(ids)} ids")
        query = [
            ("fields", FIELDS),
            ("sorting", "id"),
            ("isInactive", "true" if inactive else "false"),
            ("from", str(offset)),
            ("count", str(count)),
        ]
        if changed_since is not None:
            query.append(("changedSince", changed_since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")))
        if ids is not None:
            query.append(("id", ",".join(ids)))
        what = f"customers from row {offset}"
        outcome = await self._get(tenant, "/customer", query, what)
        if not isinstance(outcome, Applied) or not isinstance(outcome.body, Mapping):
            raise failure(tenant, outcome, what)
        values = outcome.body.get("values")
        if not isinstance(values, list):
            raise failure(tenant, outcome, what)
        headers, total = outcome.answer.headers, outcome.body.get("fullResultSize")
        return CustomerPage(
            rows=tuple(values),
            server_date=http_date(headers.get("date", "")),
            full_result=total if isinstance(total, int) else None,
            rate=read_rate(headers),
        )

    async def get_customer(self, tenant: TripletexTenant, customer_id: SourceId) -> CustomerRow | UnreadableRow | None:
        """Return one customer, or None if Tripletex itself says that there is no such id (404, code 6000).

        Any other 404 is a failure: a page of a proxy must not pass for a deleted customer.

        Raises:
            The same as `list_customers`.
        """
        what = f"customer with id {customer_id}"
        outcome = await self._get(tenant, f"/customer/{customer_id}", [("fields", FIELDS)], what)
        match outcome:
            case Applied() if value := value_of(outcome):
                return parse_customer(value)
            case Refused(status=404, code=code) if code == CODE_NOT_FOUND:
                return None
            case _:
                raise failure(tenant, outcome, what)

    async def check_access(self, tenant: TripletexTenant) -> None:
        """Prove that the tenant's session works and is for the pinned company; log in if there is none.

        The probe for gates closed by credentials or company. Raises as `list_customers` does.
        """
        session = await self._sessions.current(tenant)
        outcome = await self._sessions.who_am_i(tenant, session)
        if isinstance(outcome, Unauthorized):
            outcome = await self._sessions.who_am_i(tenant, await self._sessions.current(tenant, instead_of=session))
        if not isinstance(outcome, Applied):
            raise failure(tenant, outcome, "whoAmI")

    async def _get(self, tenant: TripletexTenant, path: str, query: Sequence[tuple[str, str]], what: str) -> Outcome:
        session = await self._sessions.current(tenant)
        outcome = await self._exchange(tenant, session, path, query)
        if not isinstance(outcome, Unauthorized):
            return outcome
        session = await self._sessions.current(tenant, instead_of=session)
        outcome = await self._exchange(tenant, session, path, query)
        if isinstance(outcome, Unauthorized) and isinstance(
            await self._sessions.who_am_i(tenant, session), Unauthorized
        ):
            # The log-in worked a moment ago, so another process has logged in since: the tokens are fine.
            raise SourceUnavailableError(
                f"Tripletex, tenant {tenant.tenant}, {what}: the new session was ended by another log-in; trying later."
            )
        return outcome

    async def _exchange(
        self, tenant: TripletexTenant, session: Session, path: str, query: Sequence[tuple[str, str]]
    ) -> Outcome:
        request = HttpRequest("GET", tenant.url(path), query, {"authorization": session.authorization()})
        self._windows[tenant.tenant] = self._window(tenant).begin(self._clock.boot())
        try:
            answer = await self._port.send(request, timeouts=self._timeouts)
        except (NotSentError, AnswerLostError) as lost:
            self._windows[tenant.tenant] = self._window(tenant).lost(self._clock.boot())
            return classify(CallKind.GET, lost)
        except BaseException:
            self._windows[tenant.tenant] = self._window(tenant).lost(self._clock.boot())
            raise
        self._sessions.learn_date(tenant, answer)
        now, window = self._clock.boot(), self._window(tenant)
        outcome = classify(CallKind.GET, answer)
        if isinstance(outcome, NotSent) and outcome.reason is Reason.RATE_LIMITED:
            window = window.refused(answer.headers, now, self._rng)
            outcome = NotSent(timedelta(seconds=window.delay(now)), outcome.why, outcome.reason)
        else:
            window = window.answered(read_rate(answer.headers), now)
        self._windows[tenant.tenant] = window
        return outcome

    def _window(self, tenant: TripletexTenant) -> RateWindow:
        return self._windows.get(tenant.tenant) or RateWindow(self._share)
