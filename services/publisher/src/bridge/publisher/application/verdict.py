"""What became of one claimed delivery, between the call and the state machine.

Owns the step from the outcome of a call to a verdict, and from a verdict to the machine's fact. Knows no flow.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from bridge.contracts.identity import Version
from bridge.contracts.reasons import Reason, describe
from bridge.publisher.application.ports import Hold
from bridge.publisher.domain.delivery import facts
from bridge.publisher.domain.delivery.model import Refusal
from bridge.publisher.domain.journal import Call, Parcel, Step
from bridge.remote.errors import AccessDeniedError, RateLimitedError
from bridge.remote.outcome import Applied, NotSent, Outcome, Refused, Unauthorized, Unknown
from bridge.runtime.errors import BridgeError, TransientError
from bridge.tenancy.secrets import SecretMissingError


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery in our hands: its parcel as claimed, under which hold, and which fields the request changes."""

    parcel: Parcel
    hold: Hold
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """The target holds the content that was sent; `how` is its own word.

    For documents: their ids there, how their amounts differ from the lines, and why that needs a person if it does.
    """

    how: str
    detail: str | None = None
    remote_id: str | None = None
    order_id: str | None = None
    amount_note: str | None = None
    diverged: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Adopted:
    """A look at the target found the content there already: that of `version`, None for the one claimed.

    `differs` names what a person should compare.
    """

    version: Version | None = None
    remote_id: str | None = None
    order_id: str | None = None
    amount_note: str | None = None
    differs: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Absent:
    """A look found that the target does not hold it; `orphan_order` is an order that was left without its invoice."""

    orphan_order: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """A look found somebody else's document under the number."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Late:
    """Nothing was sent: the owner's deadline had passed, or the process is leaving."""


@dataclass(frozen=True, slots=True)
class Waits:
    """Nothing was stored; worth another try, after the pause asked for if there is one.

    `reason` is None where the wait is our own and says nothing of the target.
    """

    after: timedelta | None
    why: str
    reason: Reason | None = Reason.TARGET_DOWN


@dataclass(frozen=True, slots=True)
class Denied:
    """Nothing was stored: the tenant's right to use the target is gone until somebody acts."""

    reason: Reason
    why: str


@dataclass(frozen=True, slots=True)
class Declined:
    """The target refused this content; `likeness` is equal for refusals that look alike.

    It is None where the cause is known and lies with this entity, so that many of them point at no setting.
    """

    refusal: Refusal
    likeness: str | None


@dataclass(frozen=True, slots=True)
class Unclear:
    """The request was out and nothing tells what became of it."""

    why: str


@dataclass(frozen=True, slots=True)
class LookFailed:
    """The look before the request got no usable answer, so nothing was sent."""

    after: timedelta | None
    why: str
    reason: Reason | None = Reason.TARGET_DOWN


Verdict = Stored | Adopted | Absent | Taken | Late | Waits | Denied | Declined | Unclear | LookFailed


@dataclass(frozen=True, slots=True)
class Result:
    """One claim's verdict, with the request that led to it."""

    claim: Claim
    verdict: Verdict
    call: Call | None = None


def verdict_of(outcome: Outcome, *, how: str = "") -> Verdict:
    """Return what a writing call's outcome means for the delivery."""
    match outcome:
        case Applied():
            return Stored(how or f"status {outcome.answer.status}")
        case NotSent(after, why, reason):
            return Waits(after, why, reason)
        case Unknown(why):
            return Unclear(why)
        case Unauthorized(why):
            return Denied(Reason.CREDENTIALS_REFUSED, why)
        case Refused():
            return declined(outcome)
        case _:
            assert_never(outcome)


def verdict_of_error(error: BridgeError) -> Waits | Denied:
    """Return what a reading call's error means, where nothing was sent yet.

    Raises:
        BridgeError: The error itself, if it is none of those that reading calls raise.
    """
    match error:
        case AccessDeniedError():
            return Denied(error.reason, str(error))
        case SecretMissingError():
            return Denied(Reason.SECRET_MISSING, str(error))
        case RateLimitedError():
            return Waits(error.pause, str(error), Reason.RATE_LIMITED)
        case TransientError():
            return Waits(error.retry_after, str(error))
        case _:
            raise error


def fact_of(  # noqa: C901 (one arm a verdict)
    verdict: Verdict, *, at: datetime, pause: timedelta, others_confirmed: bool
) -> facts.OutcomeFact:
    """Return the machine's fact; `pause` is our own backoff, the least time before another try."""
    match verdict:
        case Stored():
            return facts.Applied(at, verdict.remote_id, verdict.order_id, verdict.amount_note, verdict.diverged)
        case Adopted():
            return facts.FoundWanted(
                at, verdict.remote_id, verdict.version, verdict.order_id, verdict.amount_note, verdict.differs
            )
        case Absent(orphan_order):
            return facts.FoundNothing(at, orphan_order)
        case Taken(refusal):
            return facts.TakenByAnother(refusal, at)
        case Late():
            return facts.NeverSent(at)
        case Waits(after, _, _):
            return facts.NotSent(at + max(after or pause, pause))
        case Denied():
            return facts.NotSent(at + pause)
        case Declined(refusal, _):
            return facts.Refused(refusal, at)
        case Unclear():
            return facts.EffectUnknown(at, others_confirmed)
        case LookFailed(after, _, _):
            return facts.ReadBackFailed(at + max(after or pause, pause))
        case _:
            assert_never(verdict)


def step_of(verdict: Verdict) -> tuple[Step, str, str | None, Reason | None]:  # noqa: C901 (one arm a verdict)
    """Return the log's step, outcome, detail and reason."""
    match verdict:
        case Stored(how):
            return Step.CONFIRMED, how, _stored_detail(verdict), _reason(verdict.diverged)
        case Adopted():
            return Step.READ_BACK, "adopted", _adopted_detail(verdict), _reason(verdict.differs)
        case Absent(orphan_order):
            left = f" An order without its invoice is there: {orphan_order}." if orphan_order else ""
            return Step.READ_BACK, "absent", f"The target does not hold it.{left}", None
        case Taken(refusal):
            return Step.REFUSED, "taken", refusal.detail, refusal.reason
        case Late():
            return Step.NOT_SENT, "late", "The right to send ran out before the first byte.", None
        case Waits(_, why, reason):
            return Step.NOT_SENT, "waits", why, reason
        case Denied(reason, why):
            return Step.NOT_SENT, "denied", why, reason
        case Declined(refusal, _):
            return Step.REFUSED, "declined", refusal.detail, refusal.reason
        case Unclear(why):
            return Step.UNKNOWN, "unknown", why, None
        case LookFailed(_, why, reason):
            return Step.NOT_SENT, "look_failed", why, reason
        case _:
            assert_never(verdict)


def _stored_detail(verdict: Stored) -> str | None:
    parts = [verdict.detail, verdict.amount_note]
    return "; ".join(part for part in parts if part) or None


def _adopted_detail(verdict: Adopted) -> str:
    parts = ["The target held the wanted content already.", verdict.differs.detail if verdict.differs else None]
    return " ".join(part for part in parts if part)


def _reason(refusal: Refusal | None) -> Reason | None:
    return refusal.reason if refusal else None


def declined(outcome: Refused) -> Denied | Declined:
    """Return what a refusal means where nothing more is known of it than its answer."""
    if outcome.reason is Reason.RIGHTS_MISSING:
        # A missing right is the tenant's, not this entity's: the work waits behind the gate.
        return Denied(Reason.RIGHTS_MISSING, outcome.detail or describe(Reason.RIGHTS_MISSING))
    named = [f"{one.field}: {one.message}" if one.field else one.message for one in outcome.fields]
    detail = "; ".join(named) or outcome.detail or describe(outcome.reason)
    fields = sorted(one.field for one in outcome.fields if one.field)
    likeness = f"status {outcome.status}, code {outcome.code}, fields {', '.join(fields) or 'none'}"
    return Declined(Refusal(outcome.reason, ", ".join(fields) or None, detail), likeness)
