"""The restored database, worked on by its owner in one transaction."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from bridge.console.application.after_restore import VERB, Holder, Offsets, Restored, Step, Wish
from bridge.console.settings import AdminSettings
from bridge.durable.database import Database, Tx
from bridge.durable.migrate import discover, require_head
from bridge.durable.queries import load_queries
from bridge.runtime.settings import PostgresSettings, load
from bridge.tenancy.acts import record_done

_SQL: Final = load_queries("bridge.console.sql", "restore_queries.sql")
_LONGEST_STATEMENT_SECONDS: Final = 600.0
"""Each step goes over all rows of a table at once."""
_STATEMENTS: Final = {
    Step.LETTERS: _SQL["close_letters"],
    Step.IN_DOUBT: _SQL["doubt_invoices"],
    Step.RESTING: _SQL["mark_resting_invoices"],
    Step.RECEIPTS: _SQL["tell_receipts_again"],
    Step.CUSTOMERS: _SQL["doubt_customers"],
    Step.FORGOTTEN: _SQL["forget"],
}


class _UndoneError(Exception):
    """Rolls back what was only to be shown."""


class PostgresRestored:
    """See `application.after_restore.RestoredDatabase`."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx

    async def holders(self) -> Sequence[Holder]:
        """Keep every service out, then return the leases that are held."""
        await self._tx.execute(_SQL["keep_out"])
        rows = await self._tx.all(_SQL["running"])
        return [Holder(row.text("service"), row.text("name"), row.text("owner")) for row in rows]

    async def raise_eras(self) -> int:
        """Begin a new era everywhere."""
        await self._tx.execute(_SQL["declare_cursors"])
        return len(await self._tx.all(_SQL["raise_eras"]))

    async def lower_floors(self) -> int:
        """Let every new invoice be looked up first."""
        return len(await self._tx.all(_SQL["lower_floors"]))

    async def raise_offsets(self, committed: Offsets) -> int:
        """Raise the stored offsets to the committed ones."""
        values = {
            "topics": [topic for topic, _ in committed],
            "partitions": [partition for _, partition in committed],
            "offsets": list(committed.values()),
        }
        return len(await self._tx.all(_SQL["raise_offsets"], dict(values)))

    async def apply(self, step: Step, wish: Wish) -> Mapping[str, int]:
        """Carry one step out."""
        values: dict[str, object] = {"who": wish.who, "why": wish.why, "settle": wish.settle}
        return {row.text("tenant"): row.number("n") for row in await self._tx.all(_STATEMENTS[step], values)}

    async def record(self, wish: Wish, done: Restored) -> None:
        """Write the act down."""
        tenants = {tenant: {step.value: n for step, n in counts.items()} for tenant, counts in done.tenants.items()}
        args = {"settle_seconds": wish.settle.total_seconds(), "tenants": tenants}
        await record_done(self._tx, who=wish.who, why=wish.why, verb=VERB, tenant=None, args=args)


@asynccontextmanager
async def open_restored(*, keep: bool) -> AsyncIterator[PostgresRestored]:
    """Begin the transaction as the database's owner; see `application.after_restore.Opening`.

    Raises:
        ConfigurationError: The database cannot be used, or is behind this release.
    """
    settings = PostgresSettings(
        dsn=load(AdminSettings).database_url, statement_timeout_seconds=_LONGEST_STATEMENT_SECONDS
    )
    async with Database(settings, application_name="bridge after-restore") as db:
        await require_head(db, discover())
        try:
            async with db.transaction() as tx:
                yield PostgresRestored(tx)
                if not keep:
                    raise _UndoneError
        except _UndoneError:
            return
