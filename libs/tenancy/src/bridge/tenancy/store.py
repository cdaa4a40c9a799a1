"""The table of tenants.

Owns `control.tenant`. A tenant is never deleted: its row and its id stay, marked as removed.
"""

from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from bridge.contracts.identity import Shard, TenantId, shard_of
from bridge.durable.database import Tx
from bridge.durable.queries import load_queries
from bridge.durable.row import Row, jsonb
from bridge.tenancy.tenant import LedgerFloor, Tenant, TenantSpec

_SQL: Final = load_queries("bridge.tenancy.sql", "tenant_queries.sql")


@dataclass(frozen=True, slots=True)
class UnreadableTenant:
    """A row whose spec this release does not understand; `problem` names the fields, never their values."""

    id: TenantId
    changed_xid: int
    problem: str


async def horizon(tx: Tx) -> int:
    """Return the oldest transaction still running. Take it before reading, and pass it to the next `changed_since`."""
    row = await tx.one(_SQL["horizon"])
    return row.number("horizon") if row is not None else 0


async def changed_since(tx: Tx, since: int) -> list[Tenant | UnreadableTenant]:
    """Return the tenants changed since a horizon; 0 returns all. Some may come again unchanged, none is left out."""
    return [to_tenant(row) for row in await tx.all(_SQL["changed"], {"since": since})]


async def lock_all(tx: Tx) -> list[Tenant | UnreadableTenant]:
    """Return every tenant and keep other applies out until the transaction ends."""
    await tx.execute(_SQL["lock_table"])
    return [to_tenant(row) for row in await tx.all(_SQL["lock_all"])]


async def known_flows(tx: Tx, tenant: TenantId) -> frozenset[str]:
    """Return the flows that a tenant's row declares; empty for a new tenant."""
    row = await tx.one(_SQL["known_flows"], {"tenant": tenant})
    return frozenset(row.items_of("flows", str)) if row is not None else frozenset()


async def upsert(tx: Tx, *, tenant: TenantId, name: str, spec: TenantSpec, paused: bool) -> None:
    """Declare a tenant, change it, or take a removed one back."""
    values = {
        "tenant": tenant,
        "shard": shard_of(tenant),
        "name": name,
        "spec": jsonb(spec.model_dump(mode="json")),
        "paused": paused,
    }
    await tx.execute(_SQL["upsert"], values)


async def remove(tx: Tx, tenant: TenantId) -> None:
    """Mark a tenant as removed."""
    await tx.execute(_SQL["remove"], {"tenant": tenant})


async def go_live(tx: Tx, tenant: TenantId) -> bool:
    """Mark a tenant as live; False if it is unknown or removed."""
    return await tx.execute(_SQL["go_live"], {"tenant": tenant}) == 1


async def set_ledger_floor(tx: Tx, tenant: TenantId, floor: int | None) -> bool:
    """Set the floor from now on, None for every number; False if the tenant is unknown or removed."""
    return await tx.execute(_SQL["set_ledger_floor"], {"tenant": tenant, "floor": floor}) == 1


def to_tenant(row: Row) -> Tenant | UnreadableTenant:
    """Read a row; one that this release cannot read is reported and stops no other."""
    tenant, changed_xid = TenantId(row.text("tenant")), row.number("changed_xid")
    try:
        spec = TenantSpec.model_validate(row.document("spec"))
    except ValidationError as error:
        fields = ", ".join(sorted({".".join(str(part) for part in each["loc"]) for each in error.errors()}))
        return UnreadableTenant(tenant, changed_xid, f"its stored spec cannot be read: {fields}")
    return Tenant(
        id=tenant,
        shard=Shard(row.number("shard")),
        name=row.text("name"),
        spec=spec,
        paused=row.flag("paused"),
        live=row.flag("live"),
        removed=row.flag("removed"),
        ledger_floor=LedgerFloor(row.number_or_none("ledger_floor"), row.instant("ledger_floor_set_at")),
        changed_xid=changed_xid,
    )
