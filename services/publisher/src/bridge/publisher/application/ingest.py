"""Take records into the deliveries: a batch is one transaction, and its offsets are committed after it.

Reads headers alone. Whatever the batch holds, taking it in twice writes nothing the second time.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from bridge.contracts.identity import Flow, TenantId
from bridge.contracts.reasons import Reason
from bridge.publisher.application.arrival import (
    Arrival,
    Incoming,
    letter_of_guilty,
    letter_of_stranger,
    read_record,
    trace_id,
)
from bridge.publisher.application.ports import (
    DeliveryStore,
    Partition,
    RecordRefusedError,
    StaleWriteError,
    TenantStanding,
    Unit,
)
from bridge.publisher.application.watermark import REMEDY
from bridge.publisher.application.writing import note_effects, write
from bridge.publisher.domain.delivery import facts
from bridge.publisher.domain.delivery.model import Delivery, EntityKey, Policy
from bridge.publisher.domain.delivery.rules import RuleId
from bridge.publisher.domain.delivery.transitions import ingest
from bridge.publisher.domain.journal import Letter, LogEntry, Parcel, SourceRow, Step, Writings
from bridge.runtime.errors import ConfigurationError
from bridge.runtime.logging import get_logger

STALE_ROUNDS: Final = 5

log = get_logger(__name__)


@dataclass(slots=True)
class IngestReport:
    """What became of a batch's records; `by_flow` counts them by flow and outcome, `offsets` the next ones to commit.

    A record that names no flow counts under the empty name.
    """

    by_flow: Counter[tuple[str, str]] = field(default_factory=Counter)
    offsets: dict[Partition, int] = field(default_factory=dict)

    @property
    def counts(self) -> Counter[str]:
        """The records by outcome, whatever their flow."""
        counts: Counter[str] = Counter()
        for (_, outcome), number in self.by_flow.items():
            counts[outcome] += number
        return counts

    def note(self, flow: str | None, outcome: str) -> None:
        """Count one record."""
        self.by_flow[flow or "", outcome] += 1

    def add(self, other: "IngestReport") -> None:
        """Add the report of a later part of the same batch."""
        self.by_flow.update(other.by_flow)
        self.offsets.update(other.offsets)


async def check_positions(store: DeliveryStore, committed: Mapping[Partition, int]) -> None:
    """Compare the group's committed offsets with the stored ones.

    Raises:
        ConfigurationError: One is above what the database took in: the database has gone back.
    """
    async with store.unit() as unit:
        stored = await unit.ingested()
    for (topic, partition), offset in committed.items():
        taken = stored.get((topic, partition), 0)
        if offset > taken:
            raise ConfigurationError(
                f"The database has gone back: Kafka says that {topic}-{partition} was taken in up to offset "
                f"{offset}, the database knows it up to {taken}. {REMEDY}"
            )


class Ingest:
    """The use case; `on_work` wakes the dispatcher once new work is durable."""

    def __init__(
        self,
        store: DeliveryStore,
        tenants: TenantStanding,
        *,
        policy: Policy,
        dead_letter_topic: str,
        on_work: Callable[[], None],
    ) -> None:
        self._store = store
        self._tenants = tenants
        self._policy = policy
        self._dead_letter_topic = dead_letter_topic
        self._on_work = on_work

    async def take(self, batch: Sequence[Incoming]) -> IngestReport:
        """Take a batch in, in one transaction; all of it is durable when this returns.

        A record that alone makes the batch fail in a way that nobody foresaw becomes a dead letter; the others go on.

        Raises:
            TransientError: The store gave no answer; take the same batch again.
        """
        try:
            report = await self._take_whole(batch)
        except RecordRefusedError as error:
            if len(batch) == 1:
                report = await self._set_aside(batch[0], error)
            else:
                middle = len(batch) // 2
                report = await self.take(batch[:middle])
                report.add(await self.take(batch[middle:]))
        if report.counts["taken"]:
            self._on_work()
        return report

    async def check_positions(self, committed: Mapping[Partition, int]) -> None:
        """See the function of this name, which asks the same at the start."""
        await check_positions(self._store, committed)

    async def _take_whole(self, batch: Sequence[Incoming]) -> IngestReport:
        found = [read_record(record) for record in batch]
        await self._look_up_strangers(found)
        for _ in range(STALE_ROUNDS - 1):
            try:
                return await self._write(batch, found)
            except StaleWriteError:
                log.info("Another publisher wrote the same entities first; the batch is taken again.")
        return await self._write(batch, found)

    async def _look_up_strangers(self, found: Sequence[Arrival | Letter]) -> None:
        """A tenant declared, or added again, a moment ago may not be in memory yet: look before setting it aside."""
        if any(isinstance(one, Arrival) and not self._present(one.key.tenant) for one in found):
            await self._tenants.refresh()

    def _present(self, tenant: TenantId) -> bool:
        return self._tenants.known(tenant) and not self._tenants.removed(tenant)

    async def _write(self, batch: Sequence[Incoming], found: Sequence[Arrival | Letter]) -> IngestReport:
        report = IngestReport()
        writings = Writings()
        async with self._store.unit() as unit:
            arrivals = self._sort_out(found, writings, report)
            await self._fold(unit, arrivals, writings, report)
            await write(unit, writings, dead_letter_topic=self._dead_letter_topic)
            await unit.close_loose_letters(_source_rows(found))
            report.offsets.update(next_offsets(batch))
            await unit.mark_ingested(report.offsets)
        return report

    def _sort_out(
        self, found: Sequence[Arrival | Letter], writings: Writings, report: IngestReport
    ) -> dict[EntityKey, list[Arrival]]:
        """Group what is about an entity of a present tenant; note down the rest."""
        arrivals: dict[EntityKey, list[Arrival]] = {}
        for one in found:
            if isinstance(one, Letter):
                report.note(one.flow, "no_entity")
                writings.letters.append(one)
            elif not self._tenants.known(one.key.tenant):
                report.note(one.key.flow, "unknown_tenant")
                writings.letters.append(letter_of_stranger(one))
                writings.log.append(_set_aside(one, Reason.UNKNOWN_TENANT))
            elif self._tenants.removed(TenantId(one.key.tenant)):
                report.note(one.key.flow, "tenant_removed")
                writings.log.append(_set_aside(one, Reason.TENANT_REMOVED))
            else:
                arrivals.setdefault(one.key, []).append(one)
        return arrivals

    async def _fold(
        self, unit: Unit, arrivals: Mapping[EntityKey, Sequence[Arrival]], writings: Writings, report: IngestReport
    ) -> None:
        """Let each entity's records pass through the state machine in the order of the log; write each row once."""
        keys = sorted(arrivals)
        known = await unit.lock(keys)
        fresh: list[Parcel] = []
        changed: list[Parcel] = []
        for key in keys:
            before = known.get(key)
            after = before
            for arrival in arrivals[key]:
                after = self._take_one(unit, after, arrival, writings, report)
            if after is not None and after is not before:
                (changed if before else fresh).append(after)
        if fresh:
            await unit.add(fresh)
        if changed:
            await unit.change(changed)

    def _take_one(
        self, unit: Unit, parcel: Parcel | None, arrival: Arrival, writings: Writings, report: IngestReport
    ) -> Parcel | None:
        before = parcel.delivery if parcel else None
        fact = facts.Ingested(arrival.wanted, unit.now, self._look_first_at(arrival.key, unit.now))
        decision = ingest(arrival.key, before, fact, self._policy)
        if decision.rule is RuleId.OLDER_OR_SAME or decision.delivery is None:
            report.note(arrival.key.flow, "duplicate")
            return parcel
        report.note(arrival.key.flow, "taken")
        after = Parcel(decision.delivery, arrival.record.origin, parcel.confirmed_payload if parcel else None)
        writings.log.append(_ingested(arrival, before, decision.delivery))
        note_effects(writings, after, decision.effects)
        return after

    def _look_first_at(self, key: EntityKey, now: datetime) -> datetime | None:
        """Return from when on an invoice is to be looked up before its first send; None if it need not be.

        What was on its way when the floor was set may still arrive until it has settled.
        """
        if key.flow is not Flow.INVOICES:
            return None
        since = self._tenants.floor_over(key.tenant, int(key.entity))
        return None if since is None else max(now, since + self._policy.settle)

    async def _set_aside(self, record: Incoming, error: RecordRefusedError) -> IngestReport:
        log.error("A record cannot be stored and becomes a dead letter.", error=str(error), topic=record.origin.topic)
        writings = Writings(letters=[letter_of_guilty(record, str(error))])
        report = IngestReport(offsets=dict(next_offsets([record])))
        report.note(None, "unexpected")
        async with self._store.unit() as unit:
            await write(unit, writings, dead_letter_topic=self._dead_letter_topic)
            await unit.mark_ingested(report.offsets)
        return report


def _source_rows(found: Sequence[Arrival | Letter]) -> set[SourceRow]:
    """Return the rows at the source that a batch says something of, letters of rows without a number included."""
    rows: set[SourceRow] = set()
    for one in found:
        if isinstance(one, Arrival):
            rows.add(SourceRow(one.key.tenant, one.key.flow.value, one.wanted.source_ref))
        elif one.tenant is not None and one.flow is not None and one.source_ref is not None:
            rows.add(SourceRow(one.tenant, one.flow, one.source_ref))
    return rows


def next_offsets(batch: Sequence[Incoming]) -> Mapping[Partition, int]:
    """Return per partition the offset after the last record of the batch."""
    offsets: dict[Partition, int] = {}
    for record in batch:
        origin = record.origin
        partition = (origin.topic, origin.partition)
        offsets[partition] = max(offsets.get(partition, 0), origin.offset + 1)
    return offsets


def _ingested(arrival: Arrival, before: Delivery | None, after: Delivery) -> LogEntry:
    wanted = arrival.wanted
    return LogEntry(
        key=arrival.key,
        version=wanted.version,
        step=Step.INGESTED,
        event_id=wanted.event_id,
        before=before.state if before else None,
        after=after.state,
        outcome=wanted.outcome.value,
        detail=f"Mapped from {arrival.mapped_from}." if arrival.mapped_from else None,
        origin=arrival.record.origin,
        trace_id=trace_id(wanted.traceparent),
    )


def _set_aside(arrival: Arrival, reason: Reason) -> LogEntry:
    return LogEntry(
        key=arrival.key,
        version=arrival.wanted.version,
        step=Step.SET_ASIDE,
        event_id=arrival.wanted.event_id,
        reason=reason,
        origin=arrival.record.origin,
        trace_id=trace_id(arrival.wanted.traceparent),
    )
