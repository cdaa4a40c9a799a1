"""Invoices by KID or order number, each from its own index."""

from collections.abc import Sequence
from typing import Final

from bridge.console.adapters.postgres_overview import PostgresOverview
from bridge.console.application.search import Hit, SearchBy
from bridge.console.application.where import EntityKey
from bridge.contracts.identity import EntityNumber, Flow, TenantId
from bridge.durable.database import Database
from bridge.durable.queries import load_queries
from bridge.durable.row import Row

_SQL: Final = load_queries("bridge.console.sql", "search_queries.sql")
_QUERY: Final = {SearchBy.KID: _SQL["by_kid"], SearchBy.ORDER: _SQL["by_order"]}


class PostgresSearch:
    """See `application.search.SearchStore`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def knows(self, tenant: TenantId) -> bool:
        """Whether this cell ever had the tenant."""
        return await PostgresOverview(self._db).knows(tenant)

    async def find(self, by: SearchBy, value: str, tenant: TenantId | None, *, limit: int) -> Sequence[Hit]:
        """Return the invoices whose key is exactly this."""
        values: dict[str, object] = {"value": value, "tenant": tenant, "limit": limit}
        async with self._db.transaction() as tx:
            return [_to_hit(row) for row in await tx.all(_QUERY[by], values)]


def _to_hit(row: Row) -> Hit:
    key = EntityKey(TenantId(row.text("tenant")), Flow(row.text("flow")), EntityNumber(row.text("entity")))
    return Hit(key, row.text("state"), row.text_or_none("kid"), row.text_or_none("order_number"))
