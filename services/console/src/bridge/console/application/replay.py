"""Replay: the same records again at the head of their topic, previewed, throttled, resumable, audited.

Harmless any number of times, since the publisher takes in only what is newer than it has. At least once: what was sent
after the last note of progress is sent again on `resume`.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol

from bridge.console.domain.replay import Candidate, EntityKey, Forecast, Standing
from bridge.contracts.headers import HeaderError, decode
from bridge.contracts.identity import EntityNumber, TenantId, Version
from bridge.contracts.topics import TopicName
from bridge.messaging.record import Record, TopicPartition
from bridge.runtime.errors import BridgeError, BrokerUnavailableError, ConfigurationError

VERB: Final = "replay"
RECORDS_PER_SECOND: Final = 500
_STEPS_PER_SECOND: Final = 5
_UNREPLAYABLE: Final = frozenset({TopicName.DEAD_LETTER})


class NotResumableError(BridgeError):
    """The act cannot be gone on with."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records are meant: a range of one partition, or a time range of all; of one tenant or entity, or all."""

    topic: TopicName
    partition: int | None = None
    from_offset: int | None = None
    to_offset: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    tenant: TenantId | None = None
    entity: EntityNumber | None = None

    def check(self) -> None:
        """Refuse what is no range.

        Raises:
            ConfigurationError: Which options go together.
        """
        by_offset = self.from_offset is not None or self.to_offset is not None
        by_time = self.since is not None or self.until is not None
        if self.topic in _UNREPLAYABLE:
            raise ConfigurationError(f"Nobody reads the topic {self.topic} again; use 'bridge dead-letters retry'.")
        if by_offset == by_time:
            raise ConfigurationError("Name a range: --partition with --from-offset and --to-offset, or --since.")
        if by_offset and (self.partition is None or self.from_offset is None):
            raise ConfigurationError("A range of offsets needs --partition and --from-offset.")
        if by_time and self.since is None:
            raise ConfigurationError("A range of time needs --since.")
        if self.entity is not None and self.tenant is None:
            raise ConfigurationError("--entity needs --tenant: two tenants may have the same number.")


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets of one partition, the end excluded."""

    partition: TopicPartition
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Spans fixed before anything is sent, so that a replay never reads what it has itself written."""

    spans: tuple[Span, ...]
    tenant: TenantId | None
    entity: EntityNumber | None


@dataclass(slots=True)
class Progress:
    """How far a replay has come: the next offset by partition, and what was sent and refused so far."""

    next_offsets: dict[int, int] = field(default_factory=dict)
    sent: int = 0
    refused: int = 0


class ReplayLog(Protocol):
    """The topic's records, to read and to send again."""

    async def spans(self, selection: Selection) -> Sequence[Span]:
        """Return the selection as offsets that the log holds now."""
        ...

    def read(self, span: Span) -> AsyncIterator[list[Record]]:
        """Yield a span's records in order."""
        ...

    async def send_again(self, records: Sequence[Record], *, act_id: int) -> int:
        """Publish the records to their topic's head and return how many the broker refused for themselves.

        Raises:
            BrokerUnavailableError: Not all of the others were acknowledged.
        """
        ...


class ReplayStore(Protocol):
    """What the publisher holds, and the act's row."""

    async def versions(self, keys: Collection[EntityKey]) -> Mapping[EntityKey, Version]:
        """Return the version that the publisher holds of each entity it knows."""
        ...

    async def standings(self) -> Mapping[TenantId, Standing]:
        """Return how every tenant stands."""
        ...

    async def begin(self, plan: Plan, *, who: str, why: str) -> int:
        """Write the act down and return its id."""
        ...

    async def resumed(self, act_id: int, *, who: str, why: str) -> None:
        """Write down who goes on with a replay, and why."""
        ...

    async def note(self, act_id: int, plan: Plan, progress: Progress) -> None:
        """Keep how far the replay has come."""
        ...

    async def load(self, act_id: int) -> tuple[Plan, Progress]:
        """Return a replay that was begun and not finished.

        Raises:
            NotResumableError: There is none with this id.
        """
        ...

    async def finish(self, act_id: int, outcome: str) -> None:
        """Mark the act as done."""
        ...


async def plan(log: ReplayLog, selection: Selection) -> Plan:
    """Fix what a selection means now.

    Raises:
        ConfigurationError: The selection is no range, or there is no such topic or partition.
    """
    selection.check()
    return Plan(tuple(await log.spans(selection)), selection.tenant, selection.entity)


async def preview(log: ReplayLog, store: ReplayStore, wanted: Plan) -> Forecast:
    """Foresee what sending the plan's records again would do; sends nothing."""
    forecast = Forecast()
    standings = await store.standings()
    for span in wanted.spans:
        async for records in log.read(span):
            candidates = [candidate_of(record) for record in _chosen(records, wanted)]
            keys = {each.key for each in candidates if each.key is not None}
            stored = await store.versions(keys)
            for each in candidates:
                standing = standings.get(each.tenant, Standing.UNKNOWN) if each.tenant else Standing.UNKNOWN
                known = stored.get(each.key) if each.key is not None else None
                forecast.foresee(each, stored=known, standing=standing)
    return forecast


async def carry_out(
    log: ReplayLog, store: ReplayStore, act_id: int, wanted: Plan, progress: Progress, *, records_per_second: int
) -> Progress:
    """Send the plan's records again from where `progress` stands, no faster than this, and finish the act.

    Raises:
        BrokerUnavailableError: Kafka did not acknowledge; the act stays open and the sentence says how to go on.
    """
    pace = _Pace(records_per_second)
    for span in rest_of(wanted, progress).spans:
        async for read in log.read(span):
            for records in _steps(read, max(1, records_per_second // _STEPS_PER_SECOND)):
                chosen = _chosen(records, wanted)
                if not chosen:
                    continue
                try:
                    refused = await log.send_again(chosen, act_id=act_id)
                except BrokerUnavailableError as error:
                    raise BrokerUnavailableError(
                        f"Replay {act_id} stopped after {progress.sent} records: {error} "
                        f"Go on with 'bridge replay --resume {act_id}'."
                    ) from error
                progress.sent += len(chosen) - refused
                progress.refused += refused
                progress.next_offsets[span.partition.partition] = records[-1].offset + 1
                await store.note(act_id, wanted, progress)
                await pace.after(len(chosen))
    more = f", {progress.refused} were refused by the broker" if progress.refused else ""
    await store.finish(act_id, f"{progress.sent} records were sent again{more}.")
    return progress


def rest_of(wanted: Plan, progress: Progress) -> Plan:
    """Return what of a plan is left to be sent."""
    left = (
        replace(span, start=max(span.start, progress.next_offsets.get(span.partition.partition, span.start)))
        for span in wanted.spans
    )
    return replace(wanted, spans=tuple(span for span in left if span.start < span.end))


def candidate_of(record: Record) -> Candidate:
    """Return a record's decisive headers; those that cannot be read name nothing."""
    try:
        envelope = decode(record.headers)
    except HeaderError:
        return Candidate(None, None, None)
    if envelope.entity is None:
        return Candidate(envelope.tenant, None, envelope.version)
    return Candidate(envelope.tenant, EntityKey(envelope.tenant, envelope.flow, envelope.entity), envelope.version)


def _chosen(records: Sequence[Record], wanted: Plan) -> list[Record]:
    if wanted.tenant is None:
        return list(records)
    return [record for record in records if _is_wanted(candidate_of(record), wanted)]


def _is_wanted(candidate: Candidate, wanted: Plan) -> bool:
    if candidate.tenant != wanted.tenant:
        return False
    return wanted.entity is None or (candidate.key is not None and candidate.key.entity == wanted.entity)


def _steps(records: Sequence[Record], size: int) -> list[Sequence[Record]]:
    return [records[start : start + size] for start in range(0, len(records), size)]


class _Pace:
    """Lets so many records a second through, counted from the beginning."""

    def __init__(self, records_per_second: int) -> None:
        self._clock = asyncio.get_running_loop().time
        self._rate = records_per_second
        self._begun = self._clock()
        self._passed = 0

    async def after(self, records: int) -> None:
        """Wait until the records sent so far are not too many for the time gone by."""
        self._passed += records
        await asyncio.sleep(max(0.0, self._begun + self._passed / self._rate - self._clock()))
