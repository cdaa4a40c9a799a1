"""What the use cases ask of the world, by the role it plays to them.

The database sits behind `DeliveryStore`: one `Unit` is one transaction, and every moment in it is the database's.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from bridge.contracts.identity import EntityNumber, Flow, Generation, Revision, Shard, TenantId, Version
from bridge.publisher.application.arrival import Incoming
from bridge.publisher.domain.delivery.model import EntityKey
from bridge.publisher.domain.journal import Headers, Letter, LetterClosing, LogEntry, OpenedLetter, Parcel, SourceRow

Partition = tuple[str, int]
"""Topic and partition."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The right to work on a shard: under which epoch, and until when in boot seconds."""

    shard: Shard
    epoch: int
    deadline_boot: float


@dataclass(frozen=True, slots=True)
class ClaimAsk:
    """How many due rows of a tenant's flow may be taken, under which hold; `doubts_only` for a paused tenant."""

    hold: Hold
    tenant: TenantId
    flow: Flow
    limit: int
    doubts_only: bool = False


class Errand(StrEnum):
    """What may be due for a delivery beside the delivery itself."""

    RECEIPT = "receipt"
    """To tell the source what became of it."""
    ORDER = "order"
    """To read the order behind it at the target, and close it."""


@dataclass(frozen=True, slots=True)
class WaitingHead:
    """The oldest waiting work of a tenant's flow."""

    shard: Shard
    tenant: TenantId
    flow: Flow
    overdue: timedelta
    """How long its first row has been due; negative if it is due later."""


@dataclass(frozen=True, slots=True)
class Census:
    """How many deliveries are in each state but confirmed, by (tenant, flow, state); open letters by (…, reason).

    `doubts`: seconds that the oldest request has been without an answer, by (tenant, flow).
    """

    states: Mapping[tuple[str, str, str], int]
    letters: Mapping[tuple[str, str, str], int]
    doubts: Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class AskedAct:
    """What an operator asked for: the verb, the entity or the letter, and the version it was decided on.

    `payload` is the edited content. `override` asks for one more round of what has failed too often.
    """

    act_id: int
    verb: str
    who: str
    why: str
    tenant: TenantId | None
    flow: Flow | None
    entity: EntityNumber | None
    version: Version | None
    letter_id: int | None
    payload: str | None = None
    override: bool = False


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A dead letter as an act finds it; `rounds` counts the retries that ended in it."""

    letter_id: int
    closed: bool
    letter: Letter
    rounds: int = 0


@dataclass(frozen=True, slots=True)
class Resend:
    """A record to be put back at the head of a topic (wire name)."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers
    tenant: str | None
    flow: str | None
    entity: str | None


class StaleWriteError(Exception):
    """Another transaction wrote one of these entities first; nothing was written. Run the unit again."""


class RecordRefusedError(Exception):
    """The store refuses something in this unit for itself; nothing was written and repeating it would not help."""


class Unit(Protocol):
    """One transaction. Leaving its block commits; any exception rolls back."""

    @property
    def now(self) -> datetime:
        """The database's moment of this transaction."""
        ...

    async def lock(self, keys: Sequence[EntityKey]) -> Mapping[EntityKey, Parcel]:
        """Lock and return the parcels of these entities that exist, in key order, so that no two units deadlock."""
        ...

    async def lock_due(self, asks: Sequence[ClaimAsk]) -> Sequence[Parcel]:
        """Lock and return due rows, oldest first per tenant, skipping what others hold.

        An ask whose hold is no longer the current one yields nothing; the current ones cannot be taken over before
        this unit ends.
        """
        ...

    async def lock_out(self, holds: Sequence[Hold]) -> Sequence[Parcel]:
        """Lock and return what these shards' rows say is out, the delivery or its receipt, in key order.

        A hold that is not current yields none.
        """
        ...

    async def lock_errands(self, errand: Errand, asks: Sequence[ClaimAsk]) -> Sequence[Parcel]:
        """Lock and return rows whose errand is due, as `lock_due` does with deliveries; `doubts_only` says nothing."""
        ...

    async def add(self, parcels: Sequence[Parcel]) -> None:
        """Write parcels of entities that had none.

        Raises:
            StaleWriteError: One of them has one by now.
        """
        ...

    async def change(self, parcels: Sequence[Parcel]) -> None:
        """Write parcels that this unit has locked; a version never goes back."""
        ...

    async def log(self, entries: Sequence[LogEntry]) -> None:
        """Append to the import log."""
        ...

    async def close_letters(self, closings: Sequence[LetterClosing]) -> None:
        """Close these entities' open letters; those without one are left alone."""
        ...

    async def close_loose_letters(self, rows: Collection[SourceRow]) -> None:
        """Close the open letters about no entity of these source rows that have had a newer word since."""
        ...

    async def open_letters(self, letters: Sequence[Letter]) -> Sequence[OpenedLetter]:
        """Store letters and return those that are new; a letter about no entity that is known already is not."""
        ...

    async def publish(self, records: Sequence[Resend]) -> None:
        """Append records to the outbox, in this order."""
        ...

    async def ingested(self) -> Mapping[Partition, int]:
        """Return the next offset of every partition ever taken in."""
        ...

    async def mark_ingested(self, offsets: Mapping[Partition, int]) -> None:
        """Store the next offsets; one never goes back."""
        ...

    async def others_confirmed(self, key: EntityKey, since: datetime) -> bool:
        """Whether another entity of the tenant's flow was confirmed since then."""
        ...

    async def asked_acts(self, shards: Sequence[Shard]) -> Sequence[AskedAct]:
        """Lock and return acts that wait for the owner of these shards, oldest first; those about no tenant are for
        anybody."""
        ...

    async def letter(self, letter_id: int) -> StoredLetter | None:
        """Lock and return a letter."""
        ...

    async def open_letter_of(self, key: EntityKey) -> StoredLetter | None:
        """Lock and return the entity's open letter."""
        ...

    async def close_letter(self, letter_id: int, *, closed_as: str, closed_by: str, closed_why: str) -> None:
        """Close one letter by its id."""
        ...

    async def finish_act(self, act_id: int, *, done: bool, outcome: str) -> None:
        """Mark an act done, or refused, with a sentence."""
        ...


class DeliveryStore(Protocol):
    """The publisher's memory."""

    def unit(self) -> AbstractAsyncContextManager[Unit]:
        """Begin a transaction."""
        ...

    async def waiting_heads(self) -> Sequence[WaitingHead]:
        """Return the oldest waiting work of each tenant and flow that has any."""
        ...

    async def errand_heads(self, errand: Errand) -> Sequence[WaitingHead]:
        """Return the oldest waiting errand of each tenant and flow that has any."""
        ...


class RecordSource(Protocol):
    """The mapped topics, read as one member of the publisher's group."""

    async def next_batch(self) -> Sequence[Incoming]:
        """Wait a short while for records; empty when none came."""
        ...

    async def commit(self, offsets: Mapping[Partition, int]) -> bool:
        """Commit next offsets; False if the partitions belong to another member now."""
        ...

    async def committed(self, partition: Partition) -> int | None:
        """Return the group's committed offset."""
        ...

    async def lag(self) -> int:
        """Return how many records of the assigned partitions are not yet taken in."""
        ...

    def take_revoked(self) -> frozenset[Partition]:
        """Return the partitions that were taken away since the last call."""
        ...


class Holds(Protocol):
    """The shards that this process may work on now."""

    def current(self) -> Mapping[Shard, Hold]:
        """Return the holds whose deadline has not passed."""
        ...


class TenantStanding(Protocol):
    """What ingest and dispatch need to know of tenants."""

    async def refresh(self) -> None:
        """Read the tenants anew."""
        ...

    def known(self, tenant: TenantId) -> bool:
        """Whether the tenant was ever declared."""
        ...

    def removed(self, tenant: TenantId) -> bool:
        """Whether it was taken out of the tenant file."""
        ...

    def served(self, tenant: TenantId) -> bool:
        """Whether anything may be sent for it at all."""
        ...

    def paused(self, tenant: TenantId) -> bool:
        """Whether nothing new may be claimed for it."""
        ...

    def floor_over(self, tenant: TenantId, invoice: int) -> datetime | None:
        """Return since when the tenant's ledger floor covers an invoice; None if it does not."""
        ...


def version_of(revision: int, generation: int) -> Version:
    """Build a version from its stored halves."""
    return Version(Revision(revision), Generation(generation))
