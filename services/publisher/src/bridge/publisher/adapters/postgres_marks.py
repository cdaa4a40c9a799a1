"""How far the database has come, read from its log."""

from typing import Final

from bridge.durable.database import Database
from bridge.durable.queries import load_queries
from bridge.publisher.application.watermark import Mark

_SQL: Final = load_queries("bridge.publisher.sql", "mark_queries.sql")


class PostgresMarks:
    """See `application.watermark.MarkedStore`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def mark(self) -> Mark:
        """Return the mark of what is durable."""
        async with self._db.transaction() as tx:
            row = await tx.one(_SQL["mark"])
        return Mark(row.number("restored_ms"), row.number("newest_row")) if row is not None else Mark(0, 0)
