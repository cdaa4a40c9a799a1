"""Who waits: judges what calls say about a tenant's target, closes its gates, and probes until they may open.

The stored gates, as the snapshot shows them, are the truth; the judges here only count. An outage closes a gate and
never makes a dead letter.

Which gate hears of what depends on who else goes through it. OC2 is written to by one flow, so a failing call closes
the tenant's OC2. Tripletex is read by the poller too: its gate hears only of what concerns every call (credentials,
company, a pause asked for) and opens by its probe alone; whatever else keeps invoices out closes their flow.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final, Protocol

from bridge.contracts.identity import Flow, TenantId
from bridge.contracts.reasons import Reason
from bridge.publisher.application.target import TARGETS, Probe
from bridge.publisher.application.verdict import (
    Adopted,
    Declined,
    Denied,
    LookFailed,
    Result,
    Stored,
    Unclear,
    Verdict,
    Waits,
    verdict_of_error,
)
from bridge.remote.gate import (
    AccessDenied,
    Close,
    Fact,
    Failed,
    GateJudge,
    GateState,
    HalfOpen,
    Limited,
    Open,
    ProbeFailed,
    ProbeSucceeded,
    Succeeded,
)
from bridge.remote.gate import Declined as DeclinedAlike
from bridge.remote.pacing import DEFAULT_PAUSE
from bridge.runtime.errors import BridgeError
from bridge.runtime.logging import get_logger
from bridge.tenancy.gates import Gate, GateKey, GateScope, System

_OF_THE_WHOLE_SYSTEM: Final = frozenset(
    {Reason.CREDENTIALS_REFUSED, Reason.SECRET_MISSING, Reason.WRONG_COMPANY, Reason.RATE_LIMITED}
)
"""Reasons that concern every call to a tenant's system, whichever flow makes it."""

log = get_logger(__name__)


class GateBook(Protocol):
    """The stored gates: read from the snapshot, written on change; a write is in the snapshot when it returns."""

    def closed(self, keys: Iterable[GateKey]) -> Sequence[Gate]:
        """Return those of the gates that are closed, half-open ones included."""
        ...

    def host_of(self, tenant: TenantId, system: System) -> GateKey | None:
        """Return the gate of the host of one of the tenant's systems; None for an unknown tenant."""
        ...

    async def close(self, key: GateKey, close: Close, *, probe_in: timedelta) -> None:
        """Write a gate closed; one that a person closed stays as it is."""
        ...

    async def half_open(self, key: GateKey, reason: Reason) -> None:
        """Let one row at a time through."""
        ...

    async def open(self, key: GateKey) -> None:
        """Open a half-open gate."""
        ...

    async def due_probes(self, tenants: Sequence[TenantId], *, every: timedelta) -> Sequence[Gate]:
        """Claim the probes that are due; no other replica gets them within the interval."""
        ...


class Gatekeeper:
    """Judges, closes, probes and opens.

    Args:
        probes: For each system, the safe call that shows whether what a reason names is mended.
        probe_every: Time between two probes of a closed gate.
        max_pause: The longest pause taken over from the target.
    """

    def __init__(
        self, book: GateBook, probes: Mapping[System, Probe], *, probe_every: timedelta, max_pause: timedelta
    ) -> None:
        self._book = book
        self._probes = probes
        self._probe_every = probe_every
        self._max_pause = max_pause
        self._judges: dict[GateKey, GateJudge] = {}

    def at_once(self, tenant: TenantId, flow: Flow) -> int | None:
        """Return how many of the tenant's entities may be on their way: 0 closed, 1 half-open, None no limit."""
        return self._through(tenant, TARGETS[flow], GateKey.flow(tenant, flow))

    def _through(self, tenant: TenantId, system: System, *others: GateKey) -> int | None:
        host = self._book.host_of(tenant, system)
        keys = [GateKey.system(tenant, system), *others]
        gates = self._book.closed([*keys, host] if host else keys)
        if not gates:
            return None
        return 1 if all(gate.half_open for gate in gates) else 0

    async def note(self, tenant: TenantId, flow: Flow, results: Sequence[Result]) -> None:
        """Take in what one call said; writes only where a gate changes."""
        system, own_flow = GateKey.system(tenant, TARGETS[flow]), GateKey.flow(tenant, flow)
        for key, facts in _facts(system, own_flow, results, self._max_pause).items():
            for fact in facts:
                await self._judge(key, fact)

    def towards_source(self, tenant: TenantId) -> int | None:
        """Return how many calls that tell the source what became of an invoice may be on their way, as `at_once`."""
        return self._through(tenant, System.OC2)

    async def note_telling(self, tenant: TenantId, about: str, verdict: Verdict) -> None:
        """Take in what a call that told the source says of it; `about` names what the call carried."""
        fact = _fact_of_telling(about, verdict, self._max_pause)
        if fact is not None:
            await self._judge(GateKey.system(tenant, System.OC2), fact)

    async def probe(self, tenants: Sequence[TenantId]) -> None:
        """Make the probes that are due for these tenants; each is one safe call, and none waits for another's answer.

        Raises:
            TransientError: A gate could not be read or written; every other probe was seen through.
        """
        due = await self._book.due_probes(tenants, every=self._probe_every)
        probes = [self._probe_one(gate, gate.key.tenant) for gate in due if gate.key.tenant is not None]
        for error in await asyncio.gather(*probes, return_exceptions=True):
            if error is not None:
                raise error

    async def _probe_one(self, gate: Gate, tenant: TenantId) -> None:
        system = _system_of(gate.key)
        if system is None:
            return
        try:
            await self._probes[system](tenant, gate.reason)
        except BridgeError as error:
            await self._judge(gate.key, _probe_failure(verdict_of_error(error), self._max_pause))
        else:
            await self._judge(gate.key, ProbeSucceeded())

    async def _judge(self, key: GateKey, fact: Fact) -> None:
        judge, verdict = self._current(key).judge(fact)
        self._judges[key] = judge
        match verdict:
            case Close():
                log.warning("A gate closes.", gate=str(key), reason=verdict.reason.value, why=verdict.why)
                await self._book.close(key, verdict, probe_in=verdict.pause or self._probe_every)
            case HalfOpen():
                log.info("A gate lets one row at a time through.", gate=str(key))
                await self._book.half_open(key, judge.reason or Reason.TARGET_DOWN)
                if _is_shared(key):
                    # No row of ours may be due, and the poller would wait for one; the probe was a call like its own.
                    await self._book.open(key)
            case Open():
                log.info("A gate opens.", gate=str(key))
                await self._book.open(key)
            case None:
                pass

    def _current(self, key: GateKey) -> GateJudge:
        """Return the judge as the stored gate has it: a person or another process may have changed it."""
        judge = self._judges.get(key, GateJudge())
        gates = self._book.closed([key])
        if not gates:
            return judge if judge.state is GateState.OPEN else GateJudge()
        state = GateState.HALF_OPEN if gates[0].half_open else GateState.CLOSED
        return replace(judge, state=state, reason=gates[0].reason)


def _system_of(key: GateKey) -> System | None:
    """Return the system behind a tenant's gate; None for a gate that the publisher does not close."""
    last = key.subject.rpartition("/")[2]
    match key.scope:
        case GateScope.SYSTEM:
            return System(last)
        case GateScope.FLOW:
            return TARGETS[Flow(last)]
        case _:
            return None


def _is_shared(key: GateKey) -> bool:
    return key.scope is GateScope.SYSTEM and key.subject.endswith(f"/{System.TRIPLETEX}")


def _facts(
    system: GateKey, flow: GateKey, results: Sequence[Result], max_pause: timedelta
) -> Mapping[GateKey, list[Fact]]:
    """Return what a call says to each judge.

    A call that failed as a whole is one failure, however many it carried. Refusals beside a success in one call are the
    entities' own: only those without a success between them point at a setting.
    """
    facts: dict[GateKey, list[Fact]] = {system: [], flow: []}
    own = flow if _is_shared(system) else system
    passed = any(isinstance(result.verdict, Stored | Adopted) for result in results)
    whole: set[tuple[type[Verdict], Reason | None]] = set()
    for result in results:
        entity, verdict = str(result.claim.parcel.key.entity), result.verdict
        if isinstance(verdict, Declined):
            if not passed and verdict.likeness is not None:
                facts[flow].append(DeclinedAlike(entity, verdict.likeness))
            continue
        kind = (type(verdict), getattr(verdict, "reason", None))
        if kind in whole:
            continue
        whole.add(kind)
        match verdict:
            case Stored() | Adopted():
                for key in {own, flow}:
                    facts[key].append(Succeeded(entity))
            case Waits(after, why, Reason() as reason) | LookFailed(after, why, Reason() as reason):
                fact = _failure(entity, after, why, reason, max_pause)
                facts[system if isinstance(fact, Limited) else own].append(fact)
            case Unclear(why):
                facts[own].append(Failed(entity, why))
            case Denied(reason, why):
                facts[system if reason in _OF_THE_WHOLE_SYSTEM else own].append(AccessDenied(reason, why))
    return facts


def _fact_of_telling(about: str, verdict: Verdict, max_pause: timedelta) -> Fact | None:
    """A refusal says nothing of the system: it concerns what was told alone."""
    match verdict:
        case Stored():
            return Succeeded(about)
        case Waits(after, why, Reason() as reason):
            return _failure(about, after, why, reason, max_pause)
        case Unclear(why):
            return Failed(about, why)
        case Denied(reason, why):
            return AccessDenied(reason, why)
        case _:
            return None


def _failure(entity: str, after: timedelta | None, why: str, reason: Reason, max_pause: timedelta) -> Fact:
    if reason is Reason.RATE_LIMITED:
        return Limited(min(after or DEFAULT_PAUSE, max_pause), why)
    return Failed(entity, why)


def _probe_failure(verdict: Waits | Denied, max_pause: timedelta) -> Fact:
    match verdict:
        case Denied(reason, why):
            return AccessDenied(reason, why)
        case Waits(after, why, Reason.RATE_LIMITED):
            return Limited(min(after or DEFAULT_PAUSE, max_pause), why)
        case Waits():
            return ProbeFailed()
