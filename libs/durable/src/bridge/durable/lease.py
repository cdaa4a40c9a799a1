"""Leases: a time-limited right to work, with an epoch that fences what comes too late.

Owns the tables `<schema>.lease` and `<schema>.replica`. Ownership rests on rows and the database's `now()` alone, so
it holds behind a pooler in transaction mode too. Knows nothing of what is worked on.

Two clocks meet here, neither of them a pod's wall clock. The database decides when a lease may be taken over. The
owner's own deadline counts on its boot clock from before the renewal was sent, and ends a margin before the database
could give the lease away: an owner that was paused finds its deadline passed before anybody else could start.
"""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bridge.durable.database import Database, Tx
from bridge.durable.queries import in_schema, load_queries
from bridge.runtime.clock import Clock
from bridge.runtime.errors import LeaseLostError, TransientError
from bridge.runtime.lifecycle import until_stopped
from bridge.runtime.logging import get_logger
from bridge.runtime.metrics import Metric, count, gauge

_log: Final = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as its owner knows it. No first byte leaves after `deadline_boot` (seconds on the boot clock)."""

    name: str
    owner: str
    epoch: int
    deadline_boot: float


@dataclass(frozen=True, slots=True)
class LeaseChanges:
    """What one turn changed: leases taken over, and names no longer held."""

    gained: tuple[Lease, ...] = ()
    lost: tuple[str, ...] = ()


def ignore_changes(changes: LeaseChanges) -> None:
    """Do nothing."""


def ignore_beat(loop: str) -> None:
    """Do nothing."""


class LeaseKeeper:
    """Holds this replica's fair share of the wanted leases; a `Loop` that turns every third of the lease time.

    A surplus lease is not handed over but left to expire: work begun under it may go on until its deadline, and
    nobody else starts before that.

    Args:
        schema: The service's schema.
        owner: Unique per process start, such as host name, pid and a random part.
        ttl_seconds: Lease time. A dead owner's leases move within 4/3 of it.
        margin_seconds: How long before the lease's end the owner stops by itself.
        wanted: Every lease that somebody must hold.
        on_change: Told after each turn that changed something.
        beat: Told the loop's name at each turn, for liveness.
    """

    def __init__(
        self,
        db: Database,
        *,
        schema: str,
        owner: str,
        ttl_seconds: float,
        margin_seconds: float,
        clock: Clock,
        wanted: Sequence[str],
        on_change: Callable[[LeaseChanges], None] = ignore_changes,
        beat: Callable[[str], None] = ignore_beat,
        name: str = "leases",
    ) -> None:
        if not 0 < margin_seconds < ttl_seconds:
            raise ValueError(f"the margin ({margin_seconds} s) must be shorter than the lease ({ttl_seconds} s)")
        self.name = name
        self._db = db
        self._schema = schema
        self._beat = beat
        self._sql = in_schema(load_queries("bridge.durable.sql", "lease_queries.sql"), schema)
        self._owner = owner
        self._ttl = timedelta(seconds=ttl_seconds)
        self._usable_seconds = ttl_seconds - margin_seconds
        self._clock = clock
        self._wanted = tuple(wanted)
        self._on_change = on_change
        self._leases: dict[str, Lease] = {}
        self._declared = False

    @property
    def held(self) -> Mapping[str, Lease]:
        """The leases whose deadline has not passed, by name."""
        now = self._clock.boot()
        return {name: lease for name, lease in self._leases.items() if lease.deadline_boot > now}

    def lease(self, name: str) -> Lease | None:
        """Return one lease if it is held now."""
        lease = self._leases.get(name)
        return lease if lease is not None and lease.deadline_boot > self._clock.boot() else None

    async def turn(self) -> LeaseChanges:
        """Renew what is held, give up the surplus, take what is free up to the fair share.

        A turn that fails changes nothing: deadlines stay as they were and pass by themselves.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        sent_boot = self._clock.boot()
        async with self._db.transaction() as tx:
            share = await self._share(tx)
            kept = dict(sorted(self._leases.items())[:share])
            renewed = await self._renew(tx, kept)
            taken = await self._take(tx, room=share - len(renewed), but_for=self._leases)
        deadline = sent_boot + self._usable_seconds
        before = self._leases
        self._leases = {
            name: Lease(name=name, owner=self._owner, epoch=epoch, deadline_boot=deadline)
            for name, epoch in (renewed | taken).items()
        }
        return LeaseChanges(
            gained=tuple(self._leases[name] for name in sorted(taken)),
            lost=tuple(sorted(before.keys() - renewed.keys())),
        )

    async def release_all(self) -> None:
        """Free everything at once. Call it after the work under the leases has ended, never before."""
        self._leases = {}
        async with self._db.transaction() as tx:
            await tx.execute(self._sql["release"], {"owner": self._owner, "names": list(self._wanted)})
            await tx.execute(self._sql["leave"], {"owner": self._owner})

    async def run(self, stop: asyncio.Event) -> None:
        """Turn until `stop` is set. Nothing is released here: others may still be draining."""
        while not stop.is_set():
            try:
                self._tell(await self.turn())
            except TransientError as error:
                _log.warning("The leases could not be renewed; they end at their deadlines.", error=str(error))
            self._beat(self.name)
            await until_stopped(stop, self._ttl.total_seconds() / 3)

    def _tell(self, changes: LeaseChanges) -> None:
        gauge(Metric.LEASES_HELD, len(self._leases), schema=self._schema)
        if not changes.gained and not changes.lost:
            return
        count(Metric.LEASE_CHANGES, len(changes.gained), schema=self._schema, change="gained")
        count(Metric.LEASE_CHANGES, len(changes.lost), schema=self._schema, change="lost")
        gained, lost = [lease.name for lease in changes.gained], list(changes.lost)
        _log.info("The leases held by this process have changed.", loop=self.name, gained=gained, lost=lost)
        self._on_change(changes)

    async def _share(self, tx: Tx) -> int:
        who = {"owner": self._owner, "ttl": self._ttl}
        if not self._declared:
            await tx.execute(self._sql["declare"], {"names": list(self._wanted)})
            self._declared = True
        await tx.execute(self._sql["see"], who)
        row = await tx.one(self._sql["live"], who)
        live = row.number("live") if row else 1
        return math.ceil(len(self._wanted) / max(1, live))

    async def _renew(self, tx: Tx, kept: Mapping[str, Lease]) -> dict[str, int]:
        if not kept:
            return {}
        rows = await tx.all(
            self._sql["renew"],
            {
                "owner": self._owner,
                "ttl": self._ttl,
                "names": list(kept),
                "epochs": [lease.epoch for lease in kept.values()],
            },
        )
        return {row.text("name"): row.number("epoch") for row in rows}

    async def _take(self, tx: Tx, *, room: int, but_for: Mapping[str, Lease]) -> dict[str, int]:
        names = [name for name in self._wanted if name not in but_for]
        if room <= 0 or not names:
            return {}
        rows = await tx.all(self._sql["take"], {"owner": self._owner, "ttl": self._ttl, "names": names, "room": room})
        return {row.text("name"): row.number("epoch") for row in rows}


async def fence(tx: Tx, lease: Lease, *, schema: str) -> None:
    """Keep the lease from being taken over until this transaction ends; the first statement of guarded work.

    Raises:
        LeaseLostError: The epoch has moved; roll back.
    """
    query = in_schema(load_queries("bridge.durable.sql", "lease_queries.sql"), schema)["fence"]
    if await tx.one(query, {"name": lease.name, "owner": lease.owner, "epoch": lease.epoch}) is None:
        raise LeaseLostError(
            f"The lease {lease.name} (epoch {lease.epoch}) has another owner now; the work is dropped."
        )
