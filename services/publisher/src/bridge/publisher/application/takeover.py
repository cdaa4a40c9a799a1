"""What a shard's new owner finds: rows that say they, or their receipts, are out, and nobody here who sent them.

Under an older epoch the former owner may have sent them: in doubt until that has settled. Under our own epoch, but not
in our hands, the claim's commit answer was lost, so nothing was sent. Such a commit may still come long after that, on
a disk that hung for a while, so our own shards are looked through again and again.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from datetime import datetime
from typing import Final

from bridge.contracts.identity import Shard, TenantId, shard_of
from bridge.publisher.application.arrival import trace_id
from bridge.publisher.application.in_flight import InFlight
from bridge.publisher.application.ports import DeliveryStore, Hold
from bridge.publisher.application.writing import note_effects, write
from bridge.publisher.domain.delivery import facts
from bridge.publisher.domain.delivery.model import EntityKey, Policy, State
from bridge.publisher.domain.delivery.transitions import decide
from bridge.publisher.domain.journal import LogEntry, Parcel, Step, Writings
from bridge.runtime.clock import Clock

LOOK_AGAIN_SECONDS: Final = 10.0
"""How soon a claim is found whose commit came after its answer was given up; one look through a small index."""


class Takeover:
    """Admits shards to work; `on_doubt` is told each tenant whose former owner had something out.

    `telling` holds the entities whose receipts are out from here.
    """

    def __init__(
        self,
        store: DeliveryStore,
        in_flight: InFlight,
        clock: Clock,
        *,
        policy: Policy,
        owner: str,
        dead_letter_topic: str,
        on_doubt: Callable[[TenantId], None],
        telling: Container[EntityKey] = frozenset(),
    ) -> None:
        self._store = store
        self._in_flight = in_flight
        self._clock = clock
        self._policy = policy
        self._owner = owner
        self._dead_letter_topic = dead_letter_topic
        self._on_doubt = on_doubt
        self._telling = telling
        self._admitted: dict[Shard, int] = {}
        self._look_again_at = 0.0

    async def admit(self, holds: Mapping[Shard, Hold]) -> None:
        """Look through every shard that is new under its epoch, before anything of it is claimed; now and then, all.

        Raises:
            TransientError: Nothing was admitted; try again.
        """
        if self._clock.boot() >= self._look_again_at:
            self._admitted.clear()
        new = [hold for shard, hold in holds.items() if self._admitted.get(shard) != hold.epoch]
        if new:
            await self._look_through(new)
        if not self._admitted:
            self._look_again_at = self._clock.boot() + LOOK_AGAIN_SECONDS
        self._admitted = {shard: hold.epoch for shard, hold in holds.items()}

    def doubt_memory(self) -> None:
        """Look through all shards again: the answer to a claim's commit was lost."""
        self._admitted.clear()

    async def _look_through(self, holds: Sequence[Hold]) -> None:
        epochs = {hold.shard: hold.epoch for hold in holds}
        writings = Writings()
        changed: list[Parcel] = []
        async with self._store.unit() as unit:
            for parcel in await unit.lock_out(holds):
                epoch = epochs[shard_of(parcel.key.tenant)]
                after = self._delivery_looked_at(parcel, epoch, unit.now, writings)
                after = self._receipt_looked_at(after, epoch, unit.now, writings)
                if after is not parcel:
                    changed.append(after)
            await unit.change(changed)
            await write(unit, writings, dead_letter_topic=self._dead_letter_topic)

    def _delivery_looked_at(self, parcel: Parcel, epoch: int, now: datetime, writings: Writings) -> Parcel:
        delivery = parcel.delivery
        ours = delivery.claim_epoch == epoch
        if delivery.state is not State.SENDING or (ours and parcel.key in self._in_flight):
            return parcel
        return self._put_right(parcel, facts.NeverSent(now) if ours else facts.TakenOver(now), writings)

    def _receipt_looked_at(self, parcel: Parcel, epoch: int, now: datetime, writings: Writings) -> Parcel:
        out_epoch = parcel.delivery.receipt.out_epoch
        ours = out_epoch == epoch
        if out_epoch is None or (ours and parcel.key in self._telling):
            return parcel
        fact = facts.ReceiptWaits(now) if ours else facts.ReceiptUnclear(now)
        return self._receipt_put_right(parcel, fact, writings)

    def _put_right(self, parcel: Parcel, fact: facts.TakenOver | facts.NeverSent, writings: Writings) -> Parcel:
        before = parcel.delivery
        decision = decide(before, fact, self._policy)
        after = Parcel(decision.delivery or before, parcel.origin, parcel.confirmed_payload)
        taken_over = isinstance(fact, facts.TakenOver)
        if taken_over:
            self._on_doubt(before.key.tenant)
        sent = before.sent.version if before.sent else before.wanted.version
        writings.log.append(
            LogEntry(
                key=before.key,
                version=sent,
                step=Step.TAKEN_OVER if taken_over else Step.NOT_SENT,
                before=before.state,
                after=after.delivery.state,
                outcome="in doubt" if taken_over else "never sent",
                attempt=before.attempt,
                trace_id=trace_id(before.wanted.traceparent),
                claim_epoch=before.claim_epoch,
                owner=self._owner,
            )
        )
        note_effects(writings, after, decision.effects)
        return after

    def _receipt_put_right(
        self, parcel: Parcel, fact: facts.ReceiptUnclear | facts.ReceiptWaits, writings: Writings
    ) -> Parcel:
        delivery = parcel.delivery
        writings.log.append(
            LogEntry(
                key=delivery.key,
                version=delivery.wanted.version,
                step=Step.RECEIPT,
                before=delivery.state,
                after=delivery.state,
                outcome="unclear" if isinstance(fact, facts.ReceiptUnclear) else "never told",
                detail="Another owner may have told it." if isinstance(fact, facts.ReceiptUnclear) else None,
                trace_id=trace_id(delivery.wanted.traceparent),
                claim_epoch=delivery.receipt.out_epoch,
                owner=self._owner,
            )
        )
        return Parcel(
            decide(delivery, fact, self._policy).delivery or delivery, parcel.origin, parcel.confirmed_payload
        )
