"""What the poller's use cases ask of the outside: a source, a memory, gates.

Owns no behaviour. The adapters translate foreign errors: transient ones into `TransientError`, a right to read that
is gone into `SourceClosedError`, a lease that has moved into `LeaseLostError`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bridge.contracts.identity import EntityNumber, Flow, Revision, SourceId, TenantId
from bridge.contracts.reasons import Reason
from bridge.poller.domain.batches import BatchRead, KnownBatch, ListedBatch
from bridge.poller.domain.cursor import Cursor
from bridge.poller.domain.memory import Entity, Event, Record, Seen, Sight
from bridge.runtime.errors import BridgeError, TransientError


class SourcePausedError(TransientError):
    """The source wants a pause before the next call; `retry_after` is always set and what was read stays good."""


class SourceClosedError(BridgeError):
    """The source will not be read before somebody acts: close the tenant's gate with `reason`."""

    def __init__(self, reason: Reason, message: str) -> None:
        self.reason = reason
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Post:
    """Whose source is worked on, and under which epoch of the shard's lease."""

    tenant: TenantId
    flow: Flow
    epoch: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, in the order of the source. `rows` counts unreadable ones too.

    `first` and `last` are the ids of the border rows, None where that row has no readable id. `server_date` is the
    source's own clock.
    """

    sights: tuple[Seen, ...]
    rows: int
    first: SourceId | None
    last: SourceId | None
    server_date: datetime


class Checkable(Protocol):
    """A source that can be asked whether it answers."""

    async def check(self, tenant: TenantId) -> None:
        """Show the credentials anew and read one row: the probe behind which every gate of the source opens."""
        ...


class RowSource(Protocol):
    """A source whose rows can be read alone."""

    async def get(self, tenant: TenantId, source_id: SourceId) -> Sight:
        """Read one row alone."""
        ...


class CustomerSource(RowSource, Checkable, Protocol):
    """Customers at the source of one tenant, sorted by id.

    Raises:
        SourceClosedError: The right to read is gone.
        SourcePausedError: Call again after a while.
        TransientError: No usable answer.
    """

    async def list_page(
        self, tenant: TenantId, *, changed_since: datetime | None, inactive: bool, offset: int, count: int
    ) -> Page:
        """Read at most `count` rows from `offset` on."""
        ...

    async def count_after(self, tenant: TenantId, *, bound: datetime, inactive: bool) -> int:
        """Return how many rows (at most 1) the filter lets through for a bound."""
        ...


@dataclass(frozen=True, slots=True)
class BatchList:
    """One page of the generated batches. `last` is the number after which the next page begins, None if none does.

    `unreadable` counts batches without a readable number. `server_date` is the source's own clock.
    """

    batches: tuple[ListedBatch, ...]
    unreadable: int
    last: int | None
    server_date: datetime


@dataclass(frozen=True, slots=True)
class InvoicePage:
    """One page of a batch's invoices, in the order of the source. `total` is what the source says the batch holds."""

    sights: tuple[Seen, ...]
    total: int | None


class InvoiceSource(Checkable, Protocol):
    """Generated invoice batches at the source of one tenant. Raises as `CustomerSource` does."""

    async def list_batches(self, tenant: TenantId, *, after: int) -> BatchList:
        """Read the batches above number `after`, one page of them."""
        ...

    async def list_invoices(
        self, tenant: TenantId, batch: ListedBatch, *, offset: int, count: int
    ) -> InvoicePage | None:
        """Read at most `count` invoices of a batch from `offset` on; None if the batch is not there any more."""
        ...


class Batches(Protocol):
    """The memory of a tenant's batches, within one fenced transaction."""

    async def known(self) -> dict[int, KnownBatch]:
        """Return what is remembered of every batch."""
        ...

    async def forgotten(self) -> set[int]:
        """Return the batches with an invoice whose last word was forgotten on purpose and not said again yet."""
        ...

    async def rows(self, batch: int) -> set[SourceId]:
        """Return the rows of a batch that should still be in it."""
        ...

    async def save(self, read: BatchRead) -> None:
        """Remember a complete read."""
        ...

    async def note_listed(self, listed: Collection[int], *, forget_after: timedelta) -> None:
        """Note which batches the source lists now; forget those that were absent for as long as `forget_after`."""
        ...


class Unit(Protocol):
    """One fenced transaction of the memory; `cursor` is as it stood when the fence was passed."""

    @property
    def cursor(self) -> Cursor: ...

    @property
    def batches(self) -> Batches: ...

    async def recall(
        self, ids: Iterable[SourceId], numbers: Iterable[EntityNumber]
    ) -> tuple[dict[SourceId, Record], dict[EntityNumber, Entity]]:
        """Return the memory of these rows and numbers, and of every row and number that touches them."""
        ...

    async def remember(
        self, records: Sequence[Record], entities: Sequence[Entity], revisions: Mapping[EntityNumber, Revision]
    ) -> None:
        """Write rows and numbers; `revisions` are those of the numbers that are told of."""
        ...

    async def announce(self, events: Sequence[Event], *, page_traceparent: str | None) -> dict[EntityNumber, Revision]:
        """Write events to the outbox in order, and return each number's new revision."""
        ...

    async def save_cursor(self, cursor: Cursor, *, due_in: timedelta) -> None:
        """Move the cursor at the end of a complete poll."""
        ...

    async def save_failure(self, error: str, *, due_in: timedelta) -> int:
        """Remember that a poll ended early; return how many in a row did."""
        ...

    async def standing_ids(self) -> set[SourceId]:
        """Return every row that should still be at the source."""
        ...

    async def has_forgotten(self) -> bool:
        """Return whether the last word on some number was forgotten on purpose and not said again yet."""
        ...

    async def forgotten_unheld(self, limit: int) -> list[EntityNumber]:
        """Return numbers to withdraw once more, since their last word was forgotten on purpose."""
        ...


class Memory(Protocol):
    """What was seen, what was said, how far was read."""

    def unit(self, post: Post) -> AbstractAsyncContextManager[Unit]:
        """Open a transaction whose first statement is the fence.

        Raises:
            LeaseLostError: A newer owner has been here; nothing was written.
            StoreUnavailableError: The database did not answer; nothing, or after COMMIT the outcome, is known.
        """
        ...

    async def due_in(self, tenants: Sequence[TenantId], flow: Flow) -> dict[TenantId, float]:
        """Return the seconds until each tenant's next poll, 0 where it is due or was never polled."""
        ...


@dataclass(frozen=True, slots=True)
class Probe:
    """A closed gate that this process shall look behind now. `gate` names it to the store of gates."""

    tenant: TenantId
    gate: str
    reason: Reason


class Gates(Protocol):
    """Gates in the way of reading tenants' sources."""

    def snapshot(self) -> object:
        """Return a token that is the same object while no gate has changed."""
        ...

    def blocked(self, tenant: TenantId) -> Reason | None:
        """Return why the tenant's source is not to be read now, from the snapshot at hand; None if it is."""
        ...

    async def withdrawals_held(self, post: Post) -> bool:
        """Return whether the gate `too_many_missing` is closed, by the store itself."""
        ...

    async def close(self, post: Post, reason: Reason, why: str) -> None:
        """Close the gate of the scope that the reason belongs to; one that a person closed stays as it is."""
        ...

    async def due_probes(self, tenants: Sequence[TenantId]) -> list[Probe]:
        """Claim the probes of these tenants that are due; over all replicas each is claimed once per interval."""
        ...

    async def open(self, probe: Probe) -> None:
        """Open a gate whose probe succeeded, if it is still closed for that reason."""
        ...


@dataclass(frozen=True, slots=True)
class Charge:
    """A tenant whose source this process reads now, and how often."""

    post: Post
    interval: timedelta
    stamp: int
    """Moves whenever the tenant's declaration changes."""


class Roster(Protocol):
    """The tenants in this process's charge: shard held, not paused, not removed."""

    def charges(self) -> Mapping[TenantId, Charge]:
        """Return them as they are now; the same object as before if nothing has changed."""
        ...


class Acts(Protocol):
    """What people asked the poller to do."""

    async def apply_next(self, charges: Mapping[TenantId, Sequence[Charge]]) -> TenantId | None:
        """Apply the oldest waiting act for these tenants and finish it, in one transaction; None if none waits.

        Each tenant comes with its flows. Returns the tenant that must be polled anew, at once.
        """
        ...
