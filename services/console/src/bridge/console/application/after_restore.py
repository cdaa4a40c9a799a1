"""After a database was restored: nothing that it has forgotten may be sent twice, and everything is told again.

Owns the order of the steps and when they are refused. All of them happen in one transaction, or none.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final, Protocol

from bridge.runtime.errors import BridgeError

VERB: Final = "after-restore"
GROUP: Final = "publisher"
"""The consumer group whose offsets say how far records were taken in before the database went back."""
DEFAULT_SETTLE_SECONDS: Final = 120.0
"""As the publisher's own default."""
_NAMED: Final = 5

Offsets = Mapping[tuple[str, int], int]
"""The next offset of each topic (wire name) and partition."""


class StillRunningError(BridgeError):
    """A service is running; nothing was changed."""


class Step(StrEnum):
    """What is done to a tenant's rows, counted."""

    LETTERS = "letters_closed"
    IN_DOUBT = "invoices_looked_up"
    RESTING = "invoices_kept"
    RECEIPTS = "receipts_told_again"
    CUSTOMERS = "customers_read_back"
    FORGOTTEN = "entities_told_again"


ORDER: Final = (Step.LETTERS, Step.IN_DOUBT, Step.RESTING, Step.RECEIPTS, Step.CUSTOMERS, Step.FORGOTTEN)
"""Letters are found by the state that the next step changes; what is looked up is no longer at rest."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A lease that is held at this moment."""

    service: str
    lease: str
    owner: str


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants it, why, and how long (as the publisher's setting) an unanswered request may still take effect."""

    who: str
    why: str
    settle: timedelta
    dry_run: bool = False


@dataclass(slots=True)
class Restored:
    """What was done: counts per tenant and step, and how many cursors, floors and partitions were moved."""

    tenants: dict[str, dict[Step, int]] = field(default_factory=dict)
    cursors: int = 0
    floors: int = 0
    partitions: int = 0

    def add(self, step: Step, counts: Mapping[str, int]) -> None:
        """Note what a step did to each tenant."""
        for tenant, count in counts.items():
            self.tenants.setdefault(tenant, dict.fromkeys(Step, 0))[step] += count


class RestoredDatabase(Protocol):
    """One transaction on the restored database, by its owner; every service is kept out until it ends."""

    async def holders(self) -> Sequence[Holder]:
        """Return the leases of pollers and publishers that are held now."""
        ...

    async def raise_eras(self) -> int:
        """Begin a new era for the cursor of every tenant's flow; returns how many."""
        ...

    async def lower_floors(self) -> int:
        """Let every invoice that is new here be looked up before its first send, for every tenant; returns how many."""
        ...

    async def raise_offsets(self, committed: Offsets) -> int:
        """Raise the stored offsets to the committed ones; returns how many were below."""
        ...

    async def apply(self, step: Step, wish: Wish) -> Mapping[str, int]:
        """Carry one step out and return its count per tenant."""
        ...

    async def record(self, wish: Wish, done: Restored) -> None:
        """Write the act down."""
        ...


class Opening(Protocol):
    """Opens the transaction."""

    def __call__(self, *, keep: bool) -> AbstractAsyncContextManager[RestoredDatabase]:
        """Begin; leaving the block commits if `keep`, and undoes everything otherwise."""
        ...


async def after_restore(opening: Opening, committed: Offsets, wish: Wish) -> Restored:
    """Make a restored database safe to go on with. A second run repeats it and harms nothing.

    With `dry_run` all of it is done and undone again, so the counts are those that a real run would have.

    Raises:
        StillRunningError: A poller or publisher holds a lease; names them.
    """
    done = Restored()
    async with opening(keep=not wish.dry_run) as database:
        if holders := await database.holders():
            raise StillRunningError(_named(holders))
        done.cursors = await database.raise_eras()
        done.floors = await database.lower_floors()
        done.partitions = await database.raise_offsets(committed)
        for step in ORDER:
            done.add(step, await database.apply(step, wish))
        await database.record(wish, done)
    return done


def _named(holders: Sequence[Holder]) -> str:
    owners = sorted({f"{each.service} {each.owner}" for each in holders})
    more = f" and {len(owners) - _NAMED} more" if len(owners) > _NAMED else ""
    return (
        f"Still running, or stopped a moment ago: {', '.join(owners[:_NAMED])}{more}. Nothing was changed. Stop every "
        "poller, transformer and publisher, wait until their leases have run out, then run this again."
    )
