"""How customers go to OC2: in lists where that is safe, alone where it is not.

A list that stays unanswered puts all of its rows in doubt, so what was ever in doubt travels alone. Each function here
ends with one result for each claim it was given, whatever happens on the way.
"""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.contracts.envelope import Outcome as Mapped
from bridge.contracts.events.customer import CustomerWanted, CustomerWithdrawn
from bridge.contracts.identity import TenantId
from bridge.oc2.client import CustomerResult, ListResults
from bridge.oc2.client import Stored as StoredCustomer
from bridge.oc2.customer import customer_body, deactivated, differences
from bridge.publisher.application.bodies import read_body
from bridge.publisher.application.payment_terms import PaymentTerms
from bridge.publisher.application.spans import delivery_span, tell
from bridge.publisher.application.target import CustomerBody, CustomerTarget
from bridge.publisher.application.verdict import (
    Adopted,
    Claim,
    Declined,
    Late,
    LookFailed,
    Result,
    Stored,
    Verdict,
    Waits,
    verdict_of,
    verdict_of_error,
)
from bridge.publisher.domain.journal import Call
from bridge.remote.outcome import Outcome
from bridge.runtime import semconv
from bridge.runtime.clock import Clock
from bridge.runtime.errors import BridgeError
from bridge.runtime.tracing import SpanKind, start_root_span, traceparent_of

LIST_SIZE: Final = 200
TERM_FIELD: Final = "paymentTermId"
_SPAN: Final = "send customer"


@dataclass(frozen=True, slots=True)
class _Addressed:
    """A claim with the body that will make the target hold its content."""

    claim: Claim
    body: CustomerBody


class DeliverCustomers:
    """Sends claimed customers of one tenant; `deadline` gives the boot seconds after which no byte may leave."""

    def __init__(
        self, target: CustomerTarget, terms: PaymentTerms, clock: Clock, *, list_size: int = LIST_SIZE
    ) -> None:
        self._target = target
        self._terms = terms
        self._clock = clock
        self._list_size = list_size

    @property
    def in_hand(self) -> int | None:
        """As many as the process may carry: a list costs one call."""
        return None

    def plan(self, claims: Sequence[Claim]) -> Iterator[Sequence[Claim]]:
        """Split a tenant's claims into calls: what needs a look or may fail alone goes alone, the rest in lists."""
        together = [claim for claim in claims if not _goes_alone(claim)]
        for start in range(0, len(together), self._list_size):
            yield together[start : start + self._list_size]
        yield from ([claim] for claim in claims if _goes_alone(claim))

    async def send(
        self, claims: Sequence[Claim], *, deadline: Callable[[], float]
    ) -> AsyncGenerator[Sequence[Result], None]:
        """Send one planned call and give its results, one a claim, in one part."""
        if deadline() <= self._clock.boot():
            yield [Result(claim, Late()) for claim in claims]
        elif len(claims) == 1:
            yield [await self._send_alone(claims[0], deadline)]
        else:
            yield await self._send_list(claims, deadline)

    async def _send_list(self, claims: Sequence[Claim], deadline: Callable[[], float]) -> list[Result]:
        ready, done = await self._address(claims, deadline)
        if not ready:
            return done
        begun = self._clock.boot()
        with start_root_span(
            "send customers",
            kind=SpanKind.PRODUCER,
            links=[parent for one in ready if (parent := one.claim.parcel.delivery.wanted.traceparent)],
            attributes={semconv.MESSAGING_BATCH_MESSAGE_COUNT: len(ready), semconv.TENANT: _tenant(claims[0])},
        ) as span:
            batch = traceparent_of(span)
            verdicts = await self._put_list(ready, deadline)
        if verdicts is None:
            return done + [await self._send_alone(one.claim, deadline) for one in ready]
        call = Call(f"list of {len(ready)}", round((self._clock.boot() - begun) * 1000))
        for one, verdict in zip(ready, verdicts, strict=True):
            with delivery_span(_SPAN, one.claim, links=[batch]) as row_span:
                tell(row_span, verdict)
        return done + [Result(one.claim, verdict, call) for one, verdict in zip(ready, verdicts, strict=True)]

    async def _put_list(self, ready: Sequence[_Addressed], deadline: Callable[[], float]) -> list[Verdict] | None:
        """Return a verdict for each, or None if the list as such was turned away, which says nothing of any one."""
        try:
            outcome = await self._target.put_list(
                _tenant(ready[0].claim), [one.body for one in ready], not_after=deadline()
            )
        except BridgeError as error:
            return [verdict_of_error(error)] * len(ready)
        if isinstance(outcome, ListResults):
            return [self._row_verdict(one, row) for one, row in zip(ready, outcome.results, strict=True)]
        verdict = verdict_of(outcome)
        return None if isinstance(verdict, Declined) else [verdict] * len(ready)

    def _row_verdict(self, one: _Addressed, row: CustomerResult) -> Verdict:
        return Stored(row.how.lower()) if isinstance(row, StoredCustomer) else self._judged(one, verdict_of(row))

    async def _send_alone(self, claim: Claim, deadline: Callable[[], float]) -> Result:
        begun = self._clock.boot()
        with delivery_span(_SPAN, claim) as span:
            try:
                verdict, how = await self._one(claim, deadline)
            except BridgeError as error:
                verdict, how = _look_verdict(claim, error), "look"
            tell(span, verdict)
        return Result(claim, verdict, Call(how, round((self._clock.boot() - begun) * 1000)))

    async def _one(self, claim: Claim, deadline: Callable[[], float]) -> tuple[Verdict, str]:
        if claim.parcel.delivery.wanted.outcome is Mapped.WITHDRAWN:
            return await self._withdraw(claim, deadline)
        ready, done = await self._address([claim], deadline)
        if done:
            return done[0].verdict, "payment term"
        one = ready[0]
        if claim.parcel.delivery.read_back:
            held = await self._target.held(_tenant(claim), _number(one.body))
            if held is not None and not differences(one.body, held):
                return Adopted(), "look"
        return self._judged(one, verdict_of(await self._put(claim, one.body, deadline))), "alone"

    async def _withdraw(self, claim: Claim, deadline: Callable[[], float]) -> tuple[Verdict, str]:
        """Put back what the target holds with active = false; where it holds nothing there is nothing to do."""
        wanted = read_body(CustomerWithdrawn, claim)
        if isinstance(wanted, Declined):
            return wanted, "none"
        held = await self._target.held(_tenant(claim), wanted.customer_number)
        if held is None:
            # A gateway that lost its routes says 404 to everything: only a target that answers may say "not there".
            await self._target.probe(_tenant(claim))
            return Stored("not there"), "look"
        if held.get("active") is False:
            return Stored("inactive already"), "look"
        return verdict_of(await self._put(claim, deactivated(held), deadline), how="deactivated"), "alone"

    async def _put(self, claim: Claim, body: CustomerBody, deadline: Callable[[], float]) -> Outcome:
        return await self._target.put_one(
            _tenant(claim), body, not_after=deadline(), idempotency_key=claim.parcel.delivery.wanted.event_id
        )

    async def _address(
        self, claims: Sequence[Claim], deadline: Callable[[], float]
    ) -> tuple[list[_Addressed], list[Result]]:
        """Find each claim's payment term; those that cannot have theirs get their verdict here."""
        parsed = [(claim, read_body(CustomerWanted, claim)) for claim in claims]
        days = [
            days for _, one in parsed if not isinstance(one, Declined) and (days := one.payment_term_days) is not None
        ]
        terms = await self._terms.resolve(_tenant(claims[0]), claims[0].hold, days, not_after=deadline)
        ready: list[_Addressed] = []
        done: list[Result] = []
        for claim, wanted in parsed:
            if isinstance(wanted, Declined):
                done.append(Result(claim, wanted))
                continue
            term = None if wanted.payment_term_days is None else terms[wanted.payment_term_days]
            if term is None or isinstance(term, int):
                ready.append(_Addressed(claim, customer_body(wanted, payment_term_id=term)))
            else:
                done.append(Result(claim, term, Call("payment term")))
        return ready, done

    def _judged(self, one: _Addressed, verdict: Verdict) -> Verdict:
        """A term that was deleted at the target is looked up anew once, before the customer counts as refused."""
        stale = isinstance(verdict, Declined) and TERM_FIELD in (verdict.refusal.field or "")
        if not stale:
            return verdict
        self._terms.forget(_tenant(one.claim))
        first = one.claim.parcel.delivery.attempt <= 1
        return Waits(None, "The payment term is gone at the target; it is looked up anew.", None) if first else verdict


def _goes_alone(claim: Claim) -> bool:
    delivery = claim.parcel.delivery
    return delivery.suspect or delivery.wanted.outcome is Mapped.WITHDRAWN


def _look_verdict(claim: Claim, error: BridgeError) -> Verdict:
    """Every error that a call raises comes before the request; after a takeover the doubt stays."""
    verdict = verdict_of_error(error)
    if isinstance(verdict, Waits) and claim.parcel.delivery.read_back:
        return LookFailed(verdict.after, verdict.why, verdict.reason)
    return verdict


def _tenant(claim: Claim) -> TenantId:
    return claim.parcel.key.tenant


def _number(body: CustomerBody) -> int:
    number = body["customerNumber"]
    if not isinstance(number, int):
        raise TypeError("a customer's body always has its number")
    return number
