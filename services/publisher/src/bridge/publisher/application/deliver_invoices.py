"""How invoices go to Tripletex: one call each, once.

What is in doubt is only looked up, in a claim of its own, and nothing is sent in that claim. Everything else is sent by
one `POST /invoice` with our own number in it. A group shares its look-ups of references; each result is given at once,
so that it is durable before the next invoice leaves. Each function here ends with one result for each claim it was
given, whatever happens on the way.
"""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bridge.contracts.events.invoice import InvoiceWanted
from bridge.publisher.application.bodies import read_body
from bridge.publisher.application.comparing import compare_amounts, divergence, held_of
from bridge.publisher.application.invoice_request import Ready, new_invoice
from bridge.publisher.application.looking import Looking
from bridge.publisher.application.references import Referred, look_up
from bridge.publisher.application.refusing import Refusing
from bridge.publisher.application.spans import delivery_span, tell
from bridge.publisher.application.target import InvoiceTarget
from bridge.publisher.application.verdict import (
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
from bridge.publisher.domain.delivery.model import Refusal
from bridge.publisher.domain.journal import Call
from bridge.remote.outcome import Refused, Unknown
from bridge.runtime.clock import Clock
from bridge.runtime.errors import BridgeError
from bridge.tripletex.invoice_body import ExistingOrder, InvoiceRequest
from bridge.tripletex.invoices import InvoiceOutcome, StoredInvoice

GROUP_SIZE: Final = 20
_GROUPS_IN_HAND: Final = 4
_ATTEMPTS_IN_A_GROUP: Final = 2
_SPAN: Final = "send invoice"

Deadline = Callable[[], float]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What became of an invoice, by which form of request, and that request's id at Tripletex if it was told."""

    verdict: Verdict
    how: str
    request_id: str | None = None


class DeliverInvoices:
    """Sends claimed invoices of one tenant; `group_size` is how many share their look-ups."""

    def __init__(self, target: InvoiceTarget, clock: Clock, *, group_size: int = GROUP_SIZE) -> None:
        self._target = target
        self._clock = clock
        self._group_size = group_size
        self._looking = Looking(target)
        self._refusing = Refusing(target, self._looking)

    @property
    def in_hand(self) -> int | None:
        """A few groups: each invoice in hand is one that must be looked up if this process dies."""
        return self._group_size * _GROUPS_IN_HAND

    def plan(self, claims: Sequence[Claim]) -> Iterator[Sequence[Claim]]:
        """Split a tenant's claims into groups; what needs a look or may fail alone goes alone."""
        together = [claim for claim in claims if not _goes_alone(claim)]
        for start in range(0, len(together), self._group_size):
            yield together[start : start + self._group_size]
        yield from ([claim] for claim in claims if _goes_alone(claim))

    async def send(self, claims: Sequence[Claim], *, deadline: Deadline) -> AsyncGenerator[Sequence[Result], None]:
        """Look for one, or send a group, result by result."""
        if claims[0].parcel.delivery.read_back:
            yield [await self._look(claim) for claim in claims]
            return
        ready, done = await self._address(claims)
        if done:
            yield done
        for one in ready:
            yield [await self._send_one(one, deadline)]

    async def _look(self, claim: Claim) -> Result:
        begun = self._clock.boot()
        with delivery_span(_SPAN, claim) as span:
            verdict: Verdict
            try:
                verdict = await self._looking.look(claim)
            except BridgeError as error:
                verdict = verdict_of_error(error)
                if isinstance(verdict, Waits):
                    verdict = LookFailed(verdict.after, verdict.why, verdict.reason)
            tell(span, verdict)
        return Result(claim, verdict, self._call("look", begun))

    async def _address(self, claims: Sequence[Claim]) -> tuple[list[Ready], list[Result]]:
        """Find what each invoice refers to; those that cannot have theirs get their verdict here."""
        bodies = [(claim, read_body(InvoiceWanted, claim)) for claim in claims]
        done = [Result(claim, body) for claim, body in bodies if isinstance(body, Declined)]
        invoices = [(claim, body) for claim, body in bodies if not isinstance(body, Declined)]
        if not invoices:
            return [], done
        begun = self._clock.boot()
        try:
            found = await look_up(self._target, invoices[0][0].parcel.key.tenant, [body for _, body in invoices])
        except BridgeError as error:
            verdict = verdict_of_error(error)
            call = self._call("references", begun)
            return [], done + [Result(claim, verdict, call) for claim, _ in invoices]
        call = self._call("references", begun)
        ready: list[Ready] = []
        for (claim, body), one in zip(invoices, found, strict=True):
            match one:
                case Referred():
                    ready.append(Ready(claim, body, one))
                case Refusal():
                    done.append(Result(claim, Declined(one, None), call))
        return ready, done

    async def _send_one(self, ready: Ready, deadline: Deadline) -> Result:
        begun = self._clock.boot()
        with delivery_span(_SPAN, ready.claim) as span:
            try:
                answer = await self._one(ready, deadline)
            except BridgeError as error:
                # Raised before the request, or after a look has shown that a refused one left nothing behind.
                answer = _Answer(verdict_of_error(error), "preconditions")
            tell(span, answer.verdict)
        return Result(ready.claim, answer.verdict, self._call(answer.how, begun, answer.request_id))

    async def _one(self, ready: Ready, deadline: Deadline) -> _Answer:
        request = new_invoice(ready)
        while True:
            outcome = await self._post(ready, request, deadline)
            judged = await self._judged(ready, request, outcome)
            if not isinstance(judged, InvoiceRequest):
                return _Answer(judged, _how(request), _request_id(outcome))
            # The first was refused and left nothing behind. What goes instead has no order number of its own, which is
            # the one thing that asks for another request: there is no third.
            request = judged

    async def _post(self, ready: Ready, request: InvoiceRequest, deadline: Deadline) -> InvoiceOutcome | Waits | Late:
        wait = await self._target.room_for_invoice(ready.tenant, latest=deadline())
        if wait is not None:
            why = "The tenant's share of Tripletex's rate window is used up."
            return Waits(timedelta(seconds=wait), why, None) if wait > 0 else Late()
        return await self._target.create_invoice(ready.tenant, request, not_after=deadline())

    async def _judged(
        self, ready: Ready, request: InvoiceRequest, outcome: InvoiceOutcome | Waits | Late
    ) -> Verdict | InvoiceRequest:
        match outcome:
            case StoredInvoice():
                return _stored(ready, request, outcome)
            case Refused():
                return await self._refusing.judge(ready, request, outcome)
            case Waits() | Late():
                return outcome
            case _:
                return verdict_of(outcome)

    def _call(self, how: str, begun: float, request_id: str | None = None) -> Call:
        return Call(how, round((self._clock.boot() - begun) * 1000), request_id)


def _goes_alone(claim: Claim) -> bool:
    """One that was in doubt, or has waited again and again: a register's answer about it may be what keeps failing."""
    return claim.parcel.delivery.suspect or claim.parcel.delivery.attempt > _ATTEMPTS_IN_A_GROUP


def _stored(ready: Ready, request: InvoiceRequest, made: StoredInvoice) -> Stored:
    held = held_of(made)
    compared = compare_amounts(ready.wanted, ready.referred.vat_types, held)
    return Stored(
        _how(request),
        detail=ready.referred.note,
        remote_id=held.remote_id,
        order_id=held.order_id,
        amount_note=compared.note,
        diverged=divergence(compared),
    )


def _how(request: InvoiceRequest) -> str:
    if isinstance(request.order, ExistingOrder):
        return "order left over"
    return "part delivery" if request.order.number is None else "new order"


def _request_id(outcome: InvoiceOutcome | Waits | Late) -> str | None:
    """Return the id that Tripletex's support asks for, as far as the outcome carries it."""
    return outcome.request_id if isinstance(outcome, StoredInvoice | Refused | Unknown) else None
