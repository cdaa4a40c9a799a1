"""The publisher's memory without a database: the twin of `postgres_deliveries`, held to it by one contract suite.

For tests of the use cases. A unit works on a copy that takes the place of the state when it commits, so a unit that
fails leaves nothing behind. One unit at a time.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from bridge.contracts.envelope import Outcome
from bridge.contracts.identity import Shard, shard_of
from bridge.publisher.application.ports import (
    AskedAct,
    ClaimAsk,
    Errand,
    Hold,
    Partition,
    Resend,
    StaleWriteError,
    StoredLetter,
    WaitingHead,
)
from bridge.publisher.domain.delivery.model import Delivery, EntityKey, State
from bridge.publisher.domain.journal import Letter, LetterClosing, LogEntry, OpenedLetter, Parcel, SourceRow

_WAITING = (State.READY, State.IN_DOUBT)


def _delivery_due_at(delivery: Delivery) -> datetime | None:
    return delivery.due_at if delivery.state in _WAITING else None


def _doubt_due_at(delivery: Delivery) -> datetime | None:
    return delivery.due_at if delivery.state is State.IN_DOUBT else None


def _is_out(delivery: Delivery) -> bool:
    return delivery.state is State.SENDING or delivery.receipt.out_epoch is not None


_ERRAND_DUE_AT: Final[Mapping[Errand, Callable[[Delivery], datetime | None]]] = {
    Errand.RECEIPT: lambda delivery: delivery.receipt.due_at,
    Errand.ORDER: lambda delivery: delivery.order_due_at,
}


@dataclass(frozen=True, slots=True)
class KeptLetter:
    """A letter with its fate."""

    letter_id: int
    letter: Letter
    rounds: int = 0
    closed_as: str | None = None
    closed_by: str | None = None
    closed_why: str | None = None


@dataclass(slots=True)
class Memory:
    """Everything that the tables hold. `epochs` stands for the lease table."""

    parcels: dict[EntityKey, Parcel] = field(default_factory=dict)
    log: list[LogEntry] = field(default_factory=list)
    letters: dict[int, KeptLetter] = field(default_factory=dict)
    outbox: list[Resend] = field(default_factory=list)
    offsets: dict[Partition, int] = field(default_factory=dict)
    epochs: dict[Shard, int] = field(default_factory=dict)
    acts: dict[int, AskedAct] = field(default_factory=dict)
    finished: dict[int, tuple[bool, str]] = field(default_factory=dict)

    def copy(self) -> "Memory":
        """Return a copy; everything inside the containers is immutable."""
        return Memory(
            dict(self.parcels),
            list(self.log),
            dict(self.letters),
            list(self.outbox),
            dict(self.offsets),
            dict(self.epochs),
            dict(self.acts),
            dict(self.finished),
        )


class MemoryDeliveries:
    """The store behind `application.ports.DeliveryStore`; `now` stands for the database's clock."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._one_at_a_time = asyncio.Lock()
        self.memory = Memory()

    @asynccontextmanager
    async def unit(self) -> AsyncIterator["MemoryUnit"]:
        """Begin; the block's end puts the changed copy in place."""
        async with self._one_at_a_time:
            unit = MemoryUnit(self.memory.copy(), self._now())
            yield unit
            self.memory = unit.memory

    async def waiting_heads(self) -> Sequence[WaitingHead]:
        """Return the oldest waiting work of each tenant and flow that has any."""
        return self._heads(_delivery_due_at)

    async def errand_heads(self, errand: Errand) -> Sequence[WaitingHead]:
        """Return the oldest waiting errand of each tenant and flow that has any."""
        return self._heads(_ERRAND_DUE_AT[errand])

    def _heads(self, due_of: Callable[[Delivery], datetime | None]) -> Sequence[WaitingHead]:
        heads: dict[tuple[Shard, str, str], WaitingHead] = {}
        for key, parcel in sorted(self.memory.parcels.items()):
            due_at = due_of(parcel.delivery)
            if due_at is None:
                continue
            shard = shard_of(key.tenant)
            head = WaitingHead(shard, key.tenant, key.flow, self._now() - due_at)
            known = heads.get((shard, key.tenant, key.flow))
            if known is None or head.overdue > known.overdue:
                heads[shard, key.tenant, key.flow] = head
        return list(heads.values())


class MemoryUnit:
    """One unit of work; see `application.ports.Unit` for each promise."""

    def __init__(self, memory: Memory, now: datetime) -> None:
        self.memory = memory
        self._now = now

    @property
    def now(self) -> datetime:
        """The moment of this unit."""
        return self._now

    async def lock(self, keys: Sequence[EntityKey]) -> Mapping[EntityKey, Parcel]:
        return {key: self.memory.parcels[key] for key in sorted(keys) if key in self.memory.parcels}

    async def lock_due(self, asks: Sequence[ClaimAsk]) -> Sequence[Parcel]:
        good = [ask for ask in asks if self._current(ask.hold)]
        return [
            parcel for ask in good for parcel in self._due(ask, _doubt_due_at if ask.doubts_only else _delivery_due_at)
        ]

    async def lock_errands(self, errand: Errand, asks: Sequence[ClaimAsk]) -> Sequence[Parcel]:
        good = [ask for ask in asks if self._current(ask.hold)]
        return [parcel for ask in good for parcel in self._due(ask, _ERRAND_DUE_AT[errand])]

    async def lock_out(self, holds: Sequence[Hold]) -> Sequence[Parcel]:
        shards = {hold.shard for hold in holds if self._current(hold)}
        return [
            parcel
            for key, parcel in sorted(self.memory.parcels.items())
            if shard_of(key.tenant) in shards and _is_out(parcel.delivery)
        ]

    async def add(self, parcels: Sequence[Parcel]) -> None:
        if any(parcel.key in self.memory.parcels for parcel in parcels):
            raise StaleWriteError
        self.memory.parcels.update({parcel.key: parcel for parcel in parcels})

    async def change(self, parcels: Sequence[Parcel]) -> None:
        for parcel in parcels:
            known = self.memory.parcels.get(parcel.key)
            if known is None or known.delivery.wanted.version > parcel.delivery.wanted.version:
                raise StaleWriteError
            self.memory.parcels[parcel.key] = parcel

    async def log(self, entries: Sequence[LogEntry]) -> None:
        self.memory.log.extend(entries)

    async def close_letters(self, closings: Sequence[LetterClosing]) -> None:
        for closing in closings:
            for kept in self._letters_of(closing.key):
                if kept.closed_as is None:
                    self._close(kept, closing.closed_as, closing.closed_by, closing.closed_why)

    async def close_loose_letters(self, rows: Collection[SourceRow]) -> None:
        for kept in list(self.memory.letters.values()):
            letter = kept.letter
            if kept.closed_as is None and letter.entity is None and _row_of(letter) in rows and self._outdated(letter):
                self._close(kept, "superseded", None, None)

    def _outdated(self, letter: Letter) -> bool:
        words = [
            (SourceRow(key.tenant, key.flow.value, parcel.delivery.wanted.source_ref), parcel.delivery.wanted.version)
            for key, parcel in self.memory.parcels.items()
            if parcel.delivery.wanted.outcome is not Outcome.WITHDRAWN
        ]
        words += [
            (row, kept.letter.version)
            for kept in self.memory.letters.values()
            if kept.letter.version and (row := _row_of(kept.letter)) is not None
        ]
        mine, seen = _row_of(letter), letter.version
        return seen is not None and any(row == mine and at.revision > seen.revision for row, at in words)

    async def open_letters(self, letters: Sequence[Letter]) -> Sequence[OpenedLetter]:
        opened = [self._open(letter) for letter in letters]
        return [OpenedLetter(kept.letter_id, self._now, kept.letter, kept.rounds) for kept in opened if kept]

    async def publish(self, records: Sequence[Resend]) -> None:
        self.memory.outbox.extend(records)

    async def ingested(self) -> Mapping[Partition, int]:
        return dict(self.memory.offsets)

    async def mark_ingested(self, offsets: Mapping[Partition, int]) -> None:
        for partition, offset in offsets.items():
            self.memory.offsets[partition] = max(self.memory.offsets.get(partition, 0), offset)

    async def others_confirmed(self, key: EntityKey, since: datetime) -> bool:
        return any(
            other != key
            and (other.tenant, other.flow) == (key.tenant, key.flow)
            and parcel.delivery.confirmed is not None
            and parcel.delivery.confirmed.at > since
            for other, parcel in self.memory.parcels.items()
        )

    async def asked_acts(self, shards: Sequence[Shard]) -> Sequence[AskedAct]:
        waiting = [act for act_id, act in sorted(self.memory.acts.items()) if act_id not in self.memory.finished]
        return [act for act in waiting if act.tenant is None or shard_of(act.tenant) in shards]

    async def letter(self, letter_id: int) -> StoredLetter | None:
        kept = self.memory.letters.get(letter_id)
        return StoredLetter(kept.letter_id, kept.closed_as is not None, kept.letter, kept.rounds) if kept else None

    async def open_letter_of(self, key: EntityKey) -> StoredLetter | None:
        kept = next((kept for kept in self._letters_of(key) if kept.closed_as is None), None)
        return StoredLetter(kept.letter_id, False, kept.letter, kept.rounds) if kept else None

    async def close_letter(self, letter_id: int, *, closed_as: str, closed_by: str, closed_why: str) -> None:
        kept = self.memory.letters.get(letter_id)
        if kept is not None and kept.closed_as is None:
            self._close(kept, closed_as, closed_by, closed_why)

    async def finish_act(self, act_id: int, *, done: bool, outcome: str) -> None:
        self.memory.finished[act_id] = (done, outcome)

    def _current(self, hold: Hold) -> bool:
        return self.memory.epochs.get(hold.shard) == hold.epoch

    def _due(self, ask: ClaimAsk, due_of: Callable[[Delivery], datetime | None]) -> list[Parcel]:
        due = [
            (due_at, parcel)
            for key, parcel in self.memory.parcels.items()
            if (key.tenant, key.flow) == (ask.tenant, ask.flow)
            and (due_at := due_of(parcel.delivery)) is not None
            and due_at <= self._now
        ]
        return [parcel for _, parcel in sorted(due, key=lambda one: one[0])][: ask.limit]

    def _letters_of(self, key: EntityKey) -> list[KeptLetter]:
        mine = (key.tenant, key.flow.value, key.entity)
        kept = self.memory.letters.values()
        return [one for one in kept if (one.letter.tenant, one.letter.flow, one.letter.entity) == mine]

    def _close(self, kept: KeptLetter, closed_as: str, by: str | None, why: str | None) -> None:
        self.memory.letters[kept.letter_id] = replace(kept, closed_as=closed_as, closed_by=by, closed_why=why)

    def _open(self, letter: Letter) -> KeptLetter | None:
        same = [
            k for k in self.memory.letters.values() if letter.dedupe_key and k.letter.dedupe_key == letter.dedupe_key
        ]
        if same:
            return self._open_again(same[0], letter)
        kept = KeptLetter(len(self.memory.letters) + 1, letter, self._rounds(letter))
        self.memory.letters[kept.letter_id] = kept
        return kept

    def _open_again(self, kept: KeptLetter, letter: Letter) -> KeptLetter | None:
        if kept.closed_as != "retried" or kept.letter.event_id is not None:
            return None
        again = KeptLetter(kept.letter_id, letter, kept.rounds + 1)
        self.memory.letters[kept.letter_id] = again
        return again

    def _rounds(self, letter: Letter) -> int:
        mine = (letter.tenant, letter.flow, letter.entity)
        earlier = [
            k
            for k in self.memory.letters.values()
            if letter.entity and (k.letter.tenant, k.letter.flow, k.letter.entity) == mine
        ]
        return earlier[-1].rounds + 1 if earlier and earlier[-1].closed_as == "retried" else 0


def _row_of(letter: Letter) -> SourceRow | None:
    if letter.entity is not None or letter.tenant is None or letter.flow is None or letter.source_ref is None:
        return None
    return SourceRow(letter.tenant, letter.flow, letter.source_ref)
