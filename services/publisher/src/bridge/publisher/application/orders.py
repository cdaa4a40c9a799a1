"""Close the order behind each confirmed invoice: read it once, and close it if it is open.

The invoice is not touched by it. Repeating it changes nothing, so nothing is written before the call.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Final, Protocol

from bridge.contracts.identity import Flow, TenantId
from bridge.publisher.application.arrival import trace_id
from bridge.publisher.application.holding import deadline_of, until_durable
from bridge.publisher.application.ports import ClaimAsk, DeliveryStore, Errand, Hold, Holds
from bridge.publisher.application.target import OrderTarget
from bridge.publisher.application.verdict import (
    Declined,
    Denied,
    Stored,
    Unclear,
    Verdict,
    Waits,
    verdict_of,
    verdict_of_error,
)
from bridge.publisher.domain.delivery import facts
from bridge.publisher.domain.delivery.model import Policy
from bridge.publisher.domain.delivery.transitions import decide
from bridge.publisher.domain.journal import LogEntry, Parcel, Step
from bridge.remote.errors import AccessDeniedError
from bridge.runtime.errors import TransientError
from bridge.tenancy.secrets import SecretMissingError

AT_ONCE: Final = 20
"""Orders of a tenant in one turn: their results are written together."""
_FIRST_RETRY: Final = timedelta(seconds=2)
_LAST_RETRY: Final = timedelta(days=1)


class End(StrEnum):
    """How an order was found or left; the outcome in the log."""

    CLOSED = "closed"
    CLOSED_ALREADY = "closed already"
    GONE = "gone"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Closing:
    """What became of one order; `after` is the pause that the target asked for."""

    parcel: Parcel
    end: End
    why: str | None = None
    after: timedelta | None = None


class TargetGate(Protocol):
    """Whether a tenant's target can be used now; see `gatekeeper`."""

    def at_once(self, tenant: TenantId, flow: Flow) -> int | None:
        """Return how many calls may be on their way: 0 closed, 1 half-open, None no limit."""
        ...


class Orders:
    """The errand."""

    errand: Final = Errand.ORDER

    def __init__(
        self,
        store: DeliveryStore,
        target: OrderTarget,
        holds: Holds,
        gate: TargetGate,
        *,
        policy: Policy,
        owner: str,
    ) -> None:
        self._store = store
        self._target = target
        self._holds = holds
        self._gate = gate
        self._policy = policy
        self._owner = owner

    def room(self, tenant: TenantId) -> int:
        """Return how many orders of the tenant may be closed in one turn now."""
        # A half-open gate lets one row at a time through, and that is an invoice's.
        return AT_ONCE if self._gate.at_once(tenant, Flow.INVOICES) is None else 0

    async def turn(self, ask: ClaimAsk, *, go_on: Callable[[], bool]) -> int:
        """Read due orders, close those that are open, write what became of them, and return how many there were.

        Once a call says that the target cannot be used now, the rest waits for the next turn.
        """
        async with self._store.unit() as unit:
            parcels = list(await unit.lock_errands(Errand.ORDER, [ask]))
        closings: list[Closing] = []
        for parcel in parcels:
            if not go_on():
                break
            closings.append(await self._close(ask, parcel))
            if closings[-1].end is End.FAILED:
                break
        await until_durable(partial(self._write, ask.hold, closings), self._holds, ask.hold)
        return len(closings)

    async def _close(self, ask: ClaimAsk, parcel: Parcel) -> Closing:
        order_id = parcel.delivery.order_id
        if order_id is None or not order_id.isdecimal():
            return Closing(parcel, End.GONE)
        try:
            order = await self._target.order_state(ask.tenant, int(order_id))
            if order is None:
                return Closing(parcel, End.GONE)
            if order.is_closed:
                return Closing(parcel, End.CLOSED_ALREADY)
            not_after = deadline_of(self._holds, ask.hold)
            verdict = verdict_of(await self._target.close_order(ask.tenant, order, not_after=not_after))
        except (AccessDeniedError, SecretMissingError, TransientError) as error:
            verdict = verdict_of_error(error)
        return _closing_of(parcel, verdict)

    async def _write(self, hold: Hold, closings: Sequence[Closing]) -> None:
        changed: list[Parcel] = []
        entries: list[LogEntry] = []
        async with self._store.unit() as unit:
            locked = await unit.lock(sorted(one.parcel.key for one in closings))
            for one in closings:
                parcel = locked.get(one.parcel.key)
                if parcel is None or parcel.delivery.order_id != one.parcel.delivery.order_id:
                    continue
                delivery = decide(parcel.delivery, _fact_of(one, parcel, unit.now), self._policy).delivery
                changed.append(Parcel(delivery or parcel.delivery, parcel.origin, parcel.confirmed_payload))
                entries.append(self._entry(parcel, one, hold))
            await unit.change(changed)
            await unit.log(entries)

    def _entry(self, parcel: Parcel, closing: Closing, hold: Hold) -> LogEntry:
        delivery = parcel.delivery
        said = f"Order {delivery.order_id} at Tripletex."
        return LogEntry(
            key=delivery.key,
            version=delivery.wanted.version,
            step=Step.ORDER,
            event_id=delivery.wanted.event_id,
            before=delivery.state,
            after=delivery.state,
            outcome=closing.end.value,
            detail=f"{said} {closing.why}" if closing.why else said,
            trace_id=trace_id(delivery.wanted.traceparent),
            claim_epoch=hold.epoch,
            owner=self._owner,
        )


def _closing_of(parcel: Parcel, verdict: Verdict) -> Closing:
    match verdict:
        case Stored():
            return Closing(parcel, End.CLOSED)
        case Declined(refusal, _):
            return Closing(parcel, End.REFUSED, refusal.detail)
        case Waits(after, why, _):
            return Closing(parcel, End.FAILED, why, after)
        case Denied(_, why) | Unclear(why):
            return Closing(parcel, End.FAILED, why)
        case _:
            raise AssertionError(f"closing an order cannot end as {type(verdict).__name__}")


def _fact_of(closing: Closing, parcel: Parcel, at: datetime) -> facts.OrderFact:
    """Waiting as long again as it has waited already doubles the pause each time, without a count of tries."""
    if closing.end not in (End.REFUSED, End.FAILED):
        return facts.OrderSettled(at)
    confirmed = parcel.delivery.confirmed
    waited = at - confirmed.at if confirmed else _FIRST_RETRY
    own = min(max(waited, _FIRST_RETRY), _LAST_RETRY)
    return facts.OrderOpen(at + max(closing.after or own, own))
