"""The dispatcher: claims due rows of the shards it holds, fairly, and sees each call through to its durable result.

A tenant has one dispatcher at a time. One tenant's slow target keeps its own few calls busy and nobody else's, and one
flow of a tenant leaves the other's calls alone.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from bridge.contracts.identity import Flow, Shard, TenantId
from bridge.publisher.application.arrival import trace_id
from bridge.publisher.application.deliverer import Deliverer
from bridge.publisher.application.done import Done
from bridge.publisher.application.gatekeeper import Gatekeeper
from bridge.publisher.application.holding import deadline_of, until_durable
from bridge.publisher.application.in_flight import InFlight
from bridge.publisher.application.ports import ClaimAsk, DeliveryStore, Hold, Holds, TenantStanding, WaitingHead
from bridge.publisher.application.takeover import Takeover
from bridge.publisher.application.verdict import Claim, Late, Result, Unclear, Waits
from bridge.publisher.application.writing import note_effects, write
from bridge.publisher.domain.content import changed_fields
from bridge.publisher.domain.delivery import facts
from bridge.publisher.domain.delivery.model import Policy
from bridge.publisher.domain.delivery.rules import RuleId
from bridge.publisher.domain.delivery.transitions import decide
from bridge.publisher.domain.journal import LogEntry, Parcel, Step, Writings
from bridge.runtime.checkpoints import Checkpoint, Checkpoints, no_checkpoints
from bridge.runtime.errors import TransientError
from bridge.runtime.lifecycle import unless_stopped
from bridge.runtime.logging import get_logger
from bridge.runtime.metrics import Metric, forget, gauge

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How much may be on the way: rows of the process, rows and calls of a tenant's flow; seconds between looks.

    `least_share` is what a tenant's flow may claim however full the process is, so `rows` is passed by at most that
    much for each one with due work.
    """

    rows: int = 4000
    rows_per_tenant: int = 400
    calls_per_tenant: int = 4
    look_every_seconds: float = 0.2
    least_share: int = 10


class Dispatcher:
    """A `Loop`. `wake` is set when new work is durable here, so that it need not wait for the next look."""

    def __init__(
        self,
        store: DeliveryStore,
        holds: Holds,
        tenants: TenantStanding,
        gatekeeper: Gatekeeper,
        takeover: Takeover,
        deliverers: Mapping[Flow, Deliverer],
        done: Done,
        in_flight: InFlight,
        *,
        policy: Policy,
        pace: Pace,
        owner: str,
        dead_letter_topic: str,
        wake: asyncio.Event,
        checkpoints: Checkpoints = no_checkpoints,
        beat: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.name = "dispatch"
        self._store = store
        self._holds = holds
        self._tenants = tenants
        self._gatekeeper = gatekeeper
        self._takeover = takeover
        self._deliverers = deliverers
        self._done = done
        self._in_flight = in_flight
        self._policy = policy
        self._pace = pace
        self._owner = owner
        self._dead_letter_topic = dead_letter_topic
        self._wake = wake
        self._checkpoints = checkpoints
        self._beat = beat
        self._stopping = False
        self._lanes: dict[tuple[TenantId, Flow], asyncio.Semaphore] = {}
        self._oldest_open = timedelta(0)

    @property
    def oldest_open(self) -> timedelta:
        """How long the oldest due row has waited that no gate and no pause holds back, at the last look."""
        return self._oldest_open

    async def run(self, stop: asyncio.Event) -> None:
        """Look for work until `stop` is set; then finish what is on the way and take nothing new."""
        async with asyncio.TaskGroup() as calls:
            while not stop.is_set():
                claimed = 0
                try:
                    claimed = await self.look_once(calls)
                except TransientError as error:
                    log.warning("A look for due work failed; the next one follows.", error=str(error))
                self._beat(self.name)
                if not claimed:
                    await unless_stopped(stop, self._wake.wait(), seconds=self._pace.look_every_seconds)
                self._wake.clear()
            self._stopping = True

    async def look_once(self, calls: asyncio.TaskGroup) -> int:
        """Claim what is due and may go, start its calls, and return how many rows were claimed."""
        holds = self._holds.current()
        await self._takeover.admit(holds)
        heads = [head for head in await self._store.waiting_heads() if head.shard in holds]
        asks = self._asks(heads, holds)
        if not asks:
            return 0
        claims = await self._claim(asks, holds)
        for (tenant, flow), mine in _by_flow(claims).items():
            for group in self._deliverers[flow].plan(mine):
                calls.create_task(self._see_through(tenant, flow, group), name=f"send {flow} of {tenant}")
        return len(claims)

    def _asks(self, heads: Sequence[WaitingHead], holds: Mapping[Shard, Hold]) -> list[ClaimAsk]:
        """Return what each tenant with due work may have taken now: an even share of what the process may carry."""
        forget(Metric.DELIVERY_OLDEST_DUE_SECONDS)
        self._oldest_open = timedelta(0)
        open_heads: list[tuple[WaitingHead, int, bool]] = []
        for head in heads:
            if head.overdue < timedelta(0) or head.flow not in self._deliverers:
                continue
            gauge(
                Metric.DELIVERY_OLDEST_DUE_SECONDS,
                head.overdue.total_seconds(),
                tenant=head.tenant,
                flow=head.flow.value,
            )
            room = self._room(head.tenant, head.flow)
            paused = self._tenants.paused(head.tenant)
            if not paused and self._gatekeeper.at_once(head.tenant, head.flow) != 0:
                self._oldest_open = max(self._oldest_open, head.overdue)
            if room > 0 and self._tenants.served(head.tenant):
                open_heads.append((head, room, paused))
        left = self._pace.rows - len(self._in_flight)
        if left <= 0:
            # Full of what hangs somewhere else: those who have nothing on the way must not wait for it.
            open_heads = [one for one in open_heads if not self._in_flight.of(one[0].tenant, one[0].flow)]
        if not open_heads:
            return []
        share = max(self._pace.least_share, left // len(open_heads))
        return [
            ClaimAsk(holds[head.shard], head.tenant, head.flow, min(room, share), doubts_only=paused)
            for head, room, paused in open_heads
        ]

    def _room(self, tenant: TenantId, flow: Flow) -> int:
        at_once = self._gatekeeper.at_once(tenant, flow)
        in_hand = self._deliverers[flow].in_hand
        limits = (self._pace.rows_per_tenant, at_once, in_hand)
        return min(limit for limit in limits if limit is not None) - self._in_flight.of(tenant, flow)

    async def _claim(self, asks: Sequence[ClaimAsk], holds: Mapping[Shard, Hold]) -> list[Claim]:
        by_tenant = {ask.tenant: ask.hold for ask in asks}
        try:
            claims = await self._write_claims(asks, by_tenant)
        except TransientError:
            # The commit may have happened: what then says it is out, and is not in our hands, was never sent.
            self._takeover.doubt_memory()
            raise
        if claims:
            self._in_flight.add(claims)
            self._checkpoints(Checkpoint.AFTER_CLAIM_COMMIT_BEFORE_REQUEST, _ids(claims))
        return claims

    async def _write_claims(self, asks: Sequence[ClaimAsk], holds: Mapping[TenantId, Hold]) -> list[Claim]:
        writings = Writings()
        claims: list[Claim] = []
        async with self._store.unit() as unit:
            changed: list[Parcel] = []
            for parcel in await unit.lock_due(asks):
                if parcel.key in self._in_flight:
                    # Its last result is durable already, but its task has not let go of it: the next look takes it.
                    continue
                hold = holds[parcel.key.tenant]
                decision = decide(parcel.delivery, facts.Claimed(hold.epoch, unit.now), self._policy)
                after = Parcel(decision.delivery or parcel.delivery, parcel.origin, parcel.confirmed_payload)
                changed.append(after)
                note_effects(writings, after, decision.effects)
                if decision.rule in (RuleId.CLAIM, RuleId.CLAIM_LOOK):
                    claims.append(_claim_of(after, hold, decision.rule))
                    writings.log.append(self._entry(parcel, after, hold))
            await unit.change(changed)
            await write(unit, writings, dead_letter_topic=self._dead_letter_topic)
        return claims

    async def _see_through(self, tenant: TenantId, flow: Flow, claims: Sequence[Claim]) -> None:
        """Send one group and write its results as they come; a claim is in our hands until its result is durable."""
        try:
            async with (
                self._lanes.setdefault((tenant, flow), asyncio.Semaphore(self._pace.calls_per_tenant)),
                aclosing(self._results(tenant, flow, claims)) as parts,
            ):
                async for results in parts:
                    self._checkpoints(Checkpoint.AFTER_ANSWER_BEFORE_DONE, _ids([one.claim for one in results]))
                    await until_durable(partial(self._done.write, results), self._holds, results[0].claim.hold)
                    await self._gatekeeper_notes(tenant, flow, results)
                    self._in_flight.drop(one.claim for one in results)
        finally:
            self._in_flight.drop(claims)
            if not self._in_flight.of(tenant, flow):
                self._lanes.pop((tenant, flow), None)
            self._wake.set()

    async def _results(
        self, tenant: TenantId, flow: Flow, claims: Sequence[Claim]
    ) -> AsyncGenerator[Sequence[Result], None]:
        """Give one result for each claim, part by part; what need not be sent any more is let go between two parts."""
        left = {claim.parcel.key: claim for claim in claims}
        if self._stopping:
            yield [Result(claim, Late()) for claim in claims]
            return
        try:
            async with aclosing(
                self._deliverers[flow].send(claims, deadline=lambda: deadline_of(self._holds, claims[0].hold))
            ) as parts:
                async for results in parts:
                    for result in results:
                        del left[result.claim.parcel.key]
                    yield results
                    if left and (let_go := self._let_go(tenant, flow)):
                        yield [Result(claim, let_go) for claim in left.values()]
                        return
        except Exception as error:
            # Whatever one tenant's target says, no other tenant may feel it.
            log.error("A call ended in a way that nobody foresaw; it is in doubt.", tenant=tenant, exc_info=error)
            why = f"An unforeseen {type(error).__name__} ended the call."
            yield [Result(claim, Unclear(why)) for claim in left.values()]

    def _let_go(self, tenant: TenantId, flow: Flow) -> Late | Waits | None:
        """Return what becomes of the unsent rest of a group: nothing if it is to be sent."""
        if self._stopping:
            return Late()
        if self._gatekeeper.at_once(tenant, flow) == 0:
            return Waits(None, "A gate closed while this waited for its turn.", None)
        return None

    async def _gatekeeper_notes(self, tenant: TenantId, flow: Flow, results: Sequence[Result]) -> None:
        try:
            await self._gatekeeper.note(tenant, flow, results)
        except TransientError as error:
            log.warning("A gate could not be written; the next answer tries again.", tenant=tenant, error=str(error))

    def _entry(self, before: Parcel, after: Parcel, hold: Hold) -> LogEntry:
        delivery = after.delivery
        return LogEntry(
            key=delivery.key,
            version=delivery.wanted.version,
            step=Step.CLAIMED,
            event_id=delivery.wanted.event_id,
            before=before.delivery.state,
            after=delivery.state,
            attempt=delivery.attempt,
            trace_id=trace_id(delivery.wanted.traceparent),
            claim_epoch=hold.epoch,
            owner=self._owner,
        )


def _claim_of(parcel: Parcel, hold: Hold, rule: RuleId) -> Claim:
    if rule is RuleId.CLAIM_LOOK:
        return Claim(parcel, hold, ())
    return Claim(parcel, hold, changed_fields(parcel.confirmed_payload, parcel.delivery.wanted.payload))


def _by_flow(claims: Sequence[Claim]) -> Mapping[tuple[TenantId, Flow], list[Claim]]:
    grouped: defaultdict[tuple[TenantId, Flow], list[Claim]] = defaultdict(list)
    for claim in claims:
        grouped[claim.parcel.key.tenant, claim.parcel.key.flow].append(claim)
    return grouped


def _ids(claims: Sequence[Claim]) -> Mapping[str, object]:
    return {
        "entities": tuple(str(claim.parcel.key.entity) for claim in claims),
        "tenant": claims[0].parcel.key.tenant,
        "epoch": claims[0].hold.epoch,
    }
