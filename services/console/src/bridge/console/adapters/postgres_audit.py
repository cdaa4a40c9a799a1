"""The audit log, read for people."""

from typing import Final

from bridge.contracts.identity import TenantId
from bridge.durable.database import Database
from bridge.durable.queries import load_queries
from bridge.tenancy.acts import Act, to_act

_SQL: Final = load_queries("bridge.console.sql", "audit_queries.sql")


async def read_audit(db: Database, *, tenant: TenantId | None, act_id: int | None, limit: int) -> list[Act]:
    """Return what people asked for and did, newest first."""
    values: dict[str, object] = {"tenant": tenant, "id": act_id, "limit": limit}
    async with db.transaction() as tx:
        return [to_act(row) for row in await tx.all(_SQL["audit"], values)]
