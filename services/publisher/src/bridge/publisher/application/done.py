"""Make the results of a call durable: rows, log, letters, in one transaction guarded by the claim's epoch."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from bridge.contracts.identity import Version
from bridge.publisher.application.arrival import trace_id
from bridge.publisher.application.ports import DeliveryStore, Unit
from bridge.publisher.application.verdict import Adopted, Result, Stored, Unclear, fact_of, step_of
from bridge.publisher.application.writing import note_effects, write
from bridge.publisher.domain.content import notes
from bridge.publisher.domain.delivery.model import Delivery, Policy, State
from bridge.publisher.domain.delivery.transitions import Decision, decide
from bridge.publisher.domain.journal import LogEntry, Parcel, Writings
from bridge.remote.pacing import backoff
from bridge.runtime.metrics import Metric, count


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a delivery waits before another try: doubles from `base` up to `cap`, half of it chance."""

    base: timedelta
    cap: timedelta
    rng: random.Random

    def after(self, attempt: int) -> timedelta:
        """Return the pause after so many attempts."""
        return backoff(max(1, attempt), self.rng, base=self.base, cap=self.cap)


class Done:
    """The use case; `owner` is this process's name on the log rows."""

    def __init__(
        self, store: DeliveryStore, *, policy: Policy, backoff: Backoff, owner: str, dead_letter_topic: str
    ) -> None:
        self._store = store
        self._policy = policy
        self._backoff = backoff
        self._owner = owner
        self._dead_letter_topic = dead_letter_topic

    async def write(self, results: Sequence[Result]) -> int:
        """Write the results of claims that are still ours and return how many were.

        What a takeover has put in doubt meanwhile stays in doubt: its new owner looks for itself.

        Raises:
            TransientError: Nothing is known to be written; writing the same results again is harmless.
        """
        writings = Writings()
        async with self._store.unit() as unit:
            locked = await unit.lock(sorted(result.claim.parcel.key for result in results))
            changed: list[Parcel] = []
            for result in results:
                parcel = locked.get(result.claim.parcel.key)
                if parcel is not None and _is_ours(parcel, result):
                    changed.append(await self._settle(unit, parcel, result, writings))
            await unit.change(changed)
            await write(unit, writings, dead_letter_topic=self._dead_letter_topic)
        for result in results:
            key = result.claim.parcel.key
            count(
                Metric.DELIVERY_OUTCOMES,
                tenant=key.tenant,
                flow=key.flow.value,
                outcome=type(result.verdict).__name__.lower(),
            )
        return len(changed)

    async def _settle(self, unit: Unit, parcel: Parcel, result: Result, writings: Writings) -> Parcel:
        before = parcel.delivery
        fact = fact_of(
            result.verdict,
            at=unit.now,
            pause=self._backoff.after(before.attempt),
            others_confirmed=await self._others_confirmed(unit, parcel, result),
        )
        decision = decide(before, fact, self._policy)
        after = _parcel_after(parcel, decision)
        writings.log.append(self._entry(result, before.state, after))
        note_effects(writings, after, decision.effects)
        return after

    async def _others_confirmed(self, unit: Unit, parcel: Parcel, result: Result) -> bool:
        """Asked only where the answer can matter: it is a look over the tenant's rows."""
        delivery = parcel.delivery
        last_round = delivery.unknown_rounds + 1 >= self._policy.unknown_rounds_limit
        if not isinstance(result.verdict, Unclear) or not last_round or delivery.failing_since is None:
            return False
        return await unit.others_confirmed(delivery.key, delivery.failing_since)

    def _entry(self, result: Result, before: State, after: Parcel) -> LogEntry:
        claimed = result.claim.parcel.delivery
        step, outcome, detail, reason = step_of(result.verdict)
        # A look may find an older version than the one that is wanted.
        found = result.verdict.version if isinstance(result.verdict, Adopted) else None
        about = found or claimed.wanted.version
        stored = isinstance(result.verdict, Stored | Adopted)
        return LogEntry(
            key=claimed.key,
            version=about,
            step=step,
            event_id=claimed.wanted.event_id if about == claimed.wanted.version else None,
            before=before,
            after=after.delivery.state,
            outcome=outcome,
            reason=reason,
            detail=detail,
            attempt=claimed.attempt,
            changed_fields=() if isinstance(result.verdict, Adopted) else result.claim.changed,
            notes=notes(claimed.wanted.payload) if stored else (),
            origin=result.claim.parcel.origin,
            trace_id=trace_id(claimed.wanted.traceparent),
            call=result.call,
            claim_epoch=result.claim.hold.epoch,
            owner=self._owner,
        )


def _is_ours(parcel: Parcel, result: Result) -> bool:
    """Whether the row still is as it was claimed; newer content may have come in meanwhile, another claim may not."""
    delivery, claimed = parcel.delivery, result.claim.parcel.delivery
    return (
        delivery.state is State.SENDING
        and delivery.claim_epoch == result.claim.hold.epoch
        and delivery.attempt == claimed.attempt
        and _sent_version(delivery) == _sent_version(claimed)
    )


def _sent_version(delivery: Delivery) -> Version | None:
    """A look leaves what was sent on the row; there may be nothing that was."""
    return delivery.sent.version if delivery.sent else None


def _parcel_after(parcel: Parcel, decision: Decision) -> Parcel:
    delivery = decision.delivery or parcel.delivery
    sent, newly_confirmed = delivery.sent, delivery.confirmed != parcel.delivery.confirmed
    confirmed = sent.payload if sent is not None and newly_confirmed else parcel.confirmed_payload
    return Parcel(delivery, parcel.origin, confirmed)
