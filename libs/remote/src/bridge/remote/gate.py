"""When a gate closes and when it opens again: the judge.

Pure: facts in, verdict out, nothing remembered but the judge's own frozen state. Must not know where a gate is stored
or how a probe is made. One judge stands for one scope (a host, a tenant at a system, a tenant's flow).

    OPEN ── failures of two entities, a failing safe GET, refused credentials, 429, 20 refusals alike ──▶ CLOSED
    CLOSED ── the probe that the reason names succeeds ──▶ HALF_OPEN (one entity at a time)
    HALF_OPEN ── one is Applied ──▶ OPEN; two more fail, or any reason above ──▶ CLOSED

One failing entity never closes a gate, not even a half-open one: it may be that entity's own fault.
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final, Self

from bridge.contracts.reasons import Reason

DIFFERENT_ENTITIES: Final = 2
REFUSALS_ALIKE: Final = 20

OPENED_BY_HAND: Final = frozenset({Reason.CLOSED_BY_OPERATOR, Reason.NOT_LIVE, Reason.TOO_MANY_MISSING})
"""Reasons that no probe answers: only an operator opens these."""


class GateState(StrEnum):
    """Whether work of a scope goes on."""

    OPEN = "open"
    HALF_OPEN = "half_open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Succeeded:
    """A write of an entity was Applied."""

    entity: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A write of an entity ended as NotSent or Unknown, other than by 429."""

    entity: str
    why: str


@dataclass(frozen=True, slots=True)
class Declined:
    """A write of an entity was Refused. `likeness` is equal for refusals that look alike (status, code, fields)."""

    entity: str
    likeness: str


@dataclass(frozen=True, slots=True)
class SafeGetFailed:
    """A GET without an effect failed; `reason` says what that means (source down, target down, rights missing)."""

    reason: Reason
    why: str


@dataclass(frozen=True, slots=True)
class AccessDenied:
    """The tenant's right to use the system is gone: credentials, company, secret, or a limit of the system."""

    reason: Reason
    why: str


@dataclass(frozen=True, slots=True)
class Limited:
    """A 429. `pause` is when to come back, jitter included."""

    pause: timedelta
    why: str = "status 429"


@dataclass(frozen=True, slots=True)
class ProbeSucceeded:
    """The GET that the reason names succeeded."""


@dataclass(frozen=True, slots=True)
class ProbeFailed:
    """The probe failed; the gate stays as it is."""


Fact = Succeeded | Failed | Declined | SafeGetFailed | AccessDenied | Limited | ProbeSucceeded | ProbeFailed


@dataclass(frozen=True, slots=True)
class Close:
    """Write the gate closed. `pause`: nothing is probed before it has passed; None: probe by backoff."""

    reason: Reason
    why: str
    pause: timedelta | None = None


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """Write the gate half-open: one entity at a time."""


@dataclass(frozen=True, slots=True)
class Open:
    """Write the gate open."""


Verdict = Close | HalfOpen | Open | None
"""None: nothing changes, nothing is written."""


@dataclass(frozen=True, slots=True)
class GateJudge:
    """The judge of one scope; every fact returns the next judge and the verdict."""

    state: GateState = GateState.OPEN
    reason: Reason | None = None
    failing: frozenset[str] = field(default_factory=frozenset)
    declined: frozenset[str] = field(default_factory=frozenset)
    likeness: str | None = None

    @property
    def at_once(self) -> int | None:
        """Return how many entities may be on their way at once; None for no limit by this gate."""
        return {GateState.OPEN: None, GateState.HALF_OPEN: 1, GateState.CLOSED: 0}[self.state]

    def judge(self, fact: Fact) -> tuple[Self, Verdict]:
        """Take in one fact."""
        match fact:
            case AccessDenied(reason, why):
                return self._close(Close(reason, why), again=reason is not self.reason)
            case Limited(pause, why):
                return self._close(
                    Close(Reason.RATE_LIMITED, why, pause), again=self.reason in (None, Reason.RATE_LIMITED)
                )
            case SafeGetFailed(reason, why):
                return self._close(Close(reason, why), again=False)
            case ProbeSucceeded():
                return self._probed()
            case ProbeFailed():
                return self, None
            case Succeeded() | Failed() | Declined() if self.state is GateState.CLOSED:
                # An answer to something sent before the gate closed says nothing about now.
                return self, None
            case Succeeded():
                return self._succeeded()
            case Failed(entity, why):
                return self._failed(entity, why)
            case Declined(entity, likeness):
                return self._declined(entity, likeness)

    def _close(self, close: Close, *, again: bool) -> tuple[Self, Verdict]:
        if self.state is GateState.CLOSED and (not again or self.reason in OPENED_BY_HAND):
            return self, None
        closed = replace(
            self, state=GateState.CLOSED, reason=close.reason, failing=frozenset(), declined=frozenset(), likeness=None
        )
        return closed, close

    def _probed(self) -> tuple[Self, Verdict]:
        if self.state is not GateState.CLOSED or self.reason in OPENED_BY_HAND:
            return self, None
        return replace(self, state=GateState.HALF_OPEN), HalfOpen()

    def _succeeded(self) -> tuple[Self, Verdict]:
        verdict = Open() if self.state is GateState.HALF_OPEN else None
        return type(self)(), verdict

    def _failed(self, entity: str, why: str) -> tuple[Self, Verdict]:
        failing = self.failing | {entity}
        if len(failing) < DIFFERENT_ENTITIES:
            return replace(self, failing=failing), None
        return self._close(Close(Reason.TARGET_DOWN, why), again=True)

    def _declined(self, entity: str, likeness: str) -> tuple[Self, Verdict]:
        same = likeness == self.likeness
        declined = (self.declined | {entity}) if same else frozenset({entity})
        limit = 1 if self.reason is Reason.REFUSED_ALIKE else REFUSALS_ALIKE
        if len(declined) < limit:
            # A refusal is an answer: the system is up.
            return replace(self, failing=frozenset(), declined=declined, likeness=likeness), None
        return self._close(Close(Reason.REFUSED_ALIKE, likeness), again=True)
