"""From a number of days to the id of OC2's payment term; a missing one is created, once.

A term is created only after a look has said that there is none; after a creation whose effect is unknown the tenant's
days rest until it has settled, and the look comes first again.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bridge.contracts.identity import TenantId
from bridge.contracts.reasons import Reason
from bridge.oc2.terms import PaymentTerm
from bridge.publisher.application.ports import Hold
from bridge.publisher.application.target import CustomerTarget
from bridge.publisher.application.verdict import Declined, Verdict, Waits, verdict_of, verdict_of_error
from bridge.publisher.domain.delivery.model import Refusal
from bridge.remote.outcome import Refused, Unknown
from bridge.runtime.clock import Clock
from bridge.runtime.errors import BridgeError


@dataclass(slots=True)
class _Register:
    """What the owner of a tenant remembers under one hold."""

    epoch: int
    ids: dict[int, int] = field(default_factory=dict)
    resting: dict[int, float] = field(default_factory=dict)
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)


class PaymentTerms:
    """Memory of the tenants' terms; `settle` is how long an unanswered creation may still take effect."""

    def __init__(self, target: CustomerTarget, clock: Clock, *, settle: timedelta) -> None:
        self._target = target
        self._clock = clock
        self._settle = settle
        self._registers: dict[TenantId, _Register] = {}
        self._rest_until: dict[TenantId, float] = {}

    async def resolve(
        self, tenant: TenantId, hold: Hold, days: Sequence[int], *, not_after: Callable[[], float]
    ) -> Mapping[int, int | Verdict]:
        """Return for each number of days the term's id, or the verdict for those who need it."""
        found: dict[int, int | Verdict] = {}
        for wanted in sorted(set(days)):
            register = self._register(tenant, hold)
            async with register.one_at_a_time:
                found[wanted] = await self._one(tenant, register, wanted, not_after)
        return found

    def forget(self, tenant: TenantId) -> None:
        """Look up everything anew: the target no longer knows an id that is remembered here.

        What rests goes on resting: the creation that was not answered may still take effect.
        """
        if (register := self._registers.get(tenant)) is not None:
            register.ids.clear()

    def rest(self, tenant: TenantId) -> None:
        """Create nothing for a tenant until what its former owner may have asked for has settled."""
        self._rest_until[tenant] = self._clock.boot() + self._settle.total_seconds()

    def _register(self, tenant: TenantId, hold: Hold) -> _Register:
        register = self._registers.get(tenant)
        if register is None:
            register = self._registers[tenant] = _Register(hold.epoch)
        elif register.epoch != hold.epoch:
            # Another owner may have been here; what this process itself asked for rests all the same.
            register.epoch = hold.epoch
            register.ids.clear()
        return register

    async def _one(
        self, tenant: TenantId, register: _Register, days: int, not_after: Callable[[], float]
    ) -> int | Verdict:
        if (known := register.ids.get(days)) is not None:
            return known
        try:
            existing = await self._target.term_id(tenant, days)
        except BridgeError as error:
            return verdict_of_error(error)
        if existing is not None:
            register.ids[days] = existing
            return existing
        pause = max(register.resting.get(days, 0.0), self._rest_until.get(tenant, 0.0)) - self._clock.boot()
        return _resting(days, pause) if pause > 0 else await self._create(tenant, register, days, not_after)

    async def _create(
        self, tenant: TenantId, register: _Register, days: int, not_after: Callable[[], float]
    ) -> int | Verdict:
        try:
            outcome = await self._target.create_term(tenant, days, not_after=not_after())
        except BridgeError as error:
            return verdict_of_error(error)
        match outcome:
            case PaymentTerm(id=created):
                register.ids[days] = created
                return created
            case Unknown(why):
                register.resting[days] = self._clock.boot() + self._settle.total_seconds()
                return Waits(self._settle, f"Nothing tells whether the term of {days} days was created: {why}")
            case Refused():
                return _refused(verdict_of(outcome), days)
            case _:
                return verdict_of(outcome)


def _resting(days: int, pause: float) -> Waits:
    why = f"A term of {days} days may have been asked for already; it is looked up again before it is asked for anew."
    return Waits(timedelta(seconds=pause), why, None)


def _refused(verdict: Verdict, days: int) -> Verdict:
    if not isinstance(verdict, Declined):
        return verdict
    detail = f"OC2 refused to create a term of {days} days: {verdict.refusal.detail}"
    return Declined(Refusal(Reason.PAYMENT_TERM_REFUSED, "paymentTermDays", detail), f"term: {verdict.likeness}")
