"""The memory of a tenant's batches in Postgres, within a fenced transaction.

Owns the table `source_batch`, and which rows belong to a batch. Decides nothing.
"""

from collections.abc import Collection
from datetime import timedelta

from bridge.contracts.identity import SourceId
from bridge.durable.database import Tx
from bridge.durable.queries import load_queries
from bridge.poller.application.ports import Post
from bridge.poller.domain.batches import BatchRead, KnownBatch

_SQL = load_queries("bridge.poller.sql", "batch_queries.sql")


class PostgresBatches:
    """See `ports.Batches`."""

    def __init__(self, tx: Tx, post: Post) -> None:
        self._tx = tx
        self._who: dict[str, object] = {"tenant": post.tenant, "flow": post.flow.value}

    async def known(self) -> dict[int, KnownBatch]:
        """Return every batch's memory."""
        rows = await self._tx.all(_SQL["known"], self._who)
        return {
            row.number("batch"): KnownBatch(
                row.instant_or_none("changed_at"),
                row.flag("settled"),
                row.instant("read_at"),
                row.instant_or_none("missing_since"),
            )
            for row in rows
        }

    async def forgotten(self) -> set[int]:
        """Return the batches to read so that something forgotten is said again."""
        return {row.number("batch") for row in await self._tx.all(_SQL["forgotten"], self._who)}

    async def rows(self, batch: int) -> set[SourceId]:
        """Return the rows that should still be in a batch."""
        rows = await self._tx.all(_SQL["rows"], {**self._who, "batch": str(batch)})
        return {SourceId(row.text("source_id")) for row in rows}

    async def save(self, read: BatchRead) -> None:
        """Remember a complete read."""
        values = {"batch": read.number, "changed_at": read.changed_at, "settled": read.settled}
        await self._tx.execute(_SQL["save"], self._who | values)

    async def note_listed(self, listed: Collection[int], *, forget_after: timedelta) -> None:
        """Note which batches are listed, and forget those that were missing for long with all their rows."""
        await self._tx.execute(_SQL["note_listed"], {**self._who, "listed": list(listed)})
        gone = await self._tx.all(_SQL["forget_missing"], {**self._who, "forget_after": forget_after})
        if gone:
            numbers = [str(row.number("batch")) for row in gone]
            await self._tx.execute(_SQL["forget_rows"], {**self._who, "batches": numbers})
