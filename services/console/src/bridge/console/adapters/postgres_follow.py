"""Acts and the entities they are about, followed in the tables; and the confirmed invoices that can be looked up."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from bridge.console.adapters.postgres_overview import PostgresOverview
from bridge.console.application.acts import Asker, Request, write_down
from bridge.console.application.follow import Rest
from bridge.console.application.verify import ConfirmedInvoice, Selection
from bridge.console.domain.replay import EntityKey
from bridge.contracts.identity import EntityNumber, Flow, Generation, Revision, TenantId, Version
from bridge.durable.database import Database
from bridge.durable.queries import load_queries
from bridge.durable.row import Row
from bridge.tenancy.acts import Act, ActStore, to_act

_SQL: Final = load_queries("bridge.console.sql", "follow_queries.sql")


class PostgresFollowing:
    """See `application.follow.Acting` and `application.verify.ConfirmedStore`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def knows(self, tenant: TenantId) -> bool:
        """Whether this cell ever had the tenant."""
        return await PostgresOverview(self._db).knows(tenant)

    async def request(self, asker: Asker, request: Request) -> int:
        """Write an act down and return its id."""
        return await write_down(ActStore(self._db), asker, request)

    async def acts(self, ids: Collection[int]) -> Mapping[int, Act]:
        """Return these acts."""
        async with self._db.transaction() as tx:
            found = [to_act(row) for row in await tx.all(_SQL["acts"], {"ids": list(ids)})]
        return {act.id: act for act in found}

    async def rests(self, keys: Collection[EntityKey]) -> Mapping[EntityKey, Rest]:
        """Return how these entities stand."""
        asked = {
            "tenants": [key.tenant for key in keys],
            "flows": [key.flow.value for key in keys],
            "entities": [key.entity for key in keys],
        }
        async with self._db.transaction() as tx:
            rows = await tx.all(_SQL["rests"], dict(asked))
        return {
            EntityKey(TenantId(row.text("tenant")), Flow(row.text("flow")), EntityNumber(row.text("entity"))): Rest(
                _version(row), row.text("state"), row.text_or_none("reason"), row.number_or_none("letter")
            )
            for row in rows
        }

    async def confirmed(self, wanted: Selection) -> Sequence[ConfirmedInvoice]:
        """Return the confirmed invoices that are meant."""
        values: dict[str, object] = {"tenant": wanted.tenant, "invoice": wanted.invoice, "since": wanted.since}
        async with self._db.transaction() as tx:
            rows = await tx.all(_SQL["confirmed"], values)
        return [
            ConfirmedInvoice(
                EntityNumber(row.text("entity")), _version(row), row.text_or_none("remote_id"), row.number("letter")
            )
            for row in rows
        ]


def _version(row: Row) -> Version:
    return Version(Revision(row.number("revision")), Generation(row.number("generation")))
