"""Outbox rows that need a decision, read for people."""

from typing import Final

from bridge.console.application.outbox import RowSetAside
from bridge.contracts.identity import EntityNumber, Flow, TenantId
from bridge.durable.database import Database
from bridge.durable.queries import load_queries
from bridge.durable.row import Row

_SQL: Final = load_queries("bridge.console.sql", "outbox_queries.sql")


class PostgresOutbox:
    """See `application.outbox.OutboxView`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def set_aside(self, tenant: TenantId | None, *, limit: int) -> list[RowSetAside]:
        """Return the rows that were set aside, oldest first."""
        async with self._db.transaction() as tx:
            return [_to_row(row) for row in await tx.all(_SQL["set_aside"], {"tenant": tenant, "limit": limit})]


def _to_row(row: Row) -> RowSetAside:
    entity = row.text_or_none("entity")
    return RowSetAside(
        row_id=row.number("id"),
        tenant=TenantId(row.text("tenant")),
        flow=Flow(row.text("flow")),
        entity=EntityNumber(entity) if entity is not None else None,
        topic=row.text("topic"),
        attempts=row.number("attempts"),
        error=row.text_or_none("error") or "",
        set_aside_at=row.instant("set_aside_at"),
        behind=row.number("behind"),
    )
