"""From the tenant file to the table: the difference first, then all of it in one transaction.

Owns what adding, changing, pausing and removing a tenant means. Everything is audited. New tenants start closed.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bridge.contracts.identity import TenantId
from bridge.durable.database import Database, Tx
from bridge.runtime.errors import BridgeError
from bridge.tenancy import store
from bridge.tenancy.acts import ask, record_done
from bridge.tenancy.file import TenantEntry, TenantFile
from bridge.tenancy.gates import GateKey, GateStore
from bridge.tenancy.store import UnreadableTenant
from bridge.tenancy.tenant import Tenant, TenantSpec

InDoubt = Callable[[Tx, TenantId], Awaitable[int]]
"""Counts a tenant's deliveries whose outcome is unknown."""

Current = Mapping[TenantId, Tenant | UnreadableTenant]

_RESYNC: Final = "resync"
"""The poller's verb for reading everything again."""


class ChangeKind(StrEnum):
    """What applying the file does to a tenant."""

    ADD = "add"
    RETURN = "return"
    """A removed tenant is in the file again: it resumes as it was, and everything is read and told once more."""
    CHANGE = "change"
    PAUSE = "pause"
    RESUME = "resume"
    REMOVE = "remove"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """One field by its path in the file, before and after; secrets are references. None: not there."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class TenantChange:
    """What happens to one tenant; pausing and changing at once are two. `seen` is the row's version at planning."""

    kind: ChangeKind
    tenant: TenantId
    differences: tuple[FieldDifference, ...]
    entry: TenantEntry | None
    seen: int | None


class PlanStaleError(BridgeError):
    """The table moved between plan and apply; nothing was changed."""


class RemovalRefusedError(BridgeError):
    """A tenant to remove has deliveries in doubt; nothing was changed."""


class UnknownTenantError(BridgeError):
    """There is no such tenant, or it was removed."""


async def current_tenants(db: Database) -> Current:
    """Return every tenant in the table, removed ones included."""
    async with db.transaction() as tx:
        return {each.id: each for each in await store.changed_since(tx, 0)}


def plan(file: TenantFile, current: Current) -> list[TenantChange]:
    """Return what applying the file would do, in the order of tenant ids; changes nothing. Pure."""
    changes: list[TenantChange] = []
    entries = {entry.tenant: entry for entry in file.tenants}
    for tenant in sorted(entries.keys() | current.keys()):
        changes.extend(_changes_of(tenant, entries.get(tenant), current.get(tenant)))
    return changes


async def apply(
    db: Database, changes: Sequence[TenantChange], *, who: str, why: str, in_doubt: InDoubt, force: bool = False
) -> None:
    """Carry a plan out, all of it or nothing.

    Args:
        in_doubt: Asked for each tenant to remove.
        force: Remove tenants although something of theirs is in doubt.

    Raises:
        PlanStaleError: The table is not what it was when the plan was made.
        RemovalRefusedError: Names the tenants and how much of theirs is in doubt.
    """
    async with db.transaction() as tx:
        _check_unmoved(changes, await store.lock_all(tx))
        if not force:
            await _check_removals(tx, changes, in_doubt)
        for change in changes:
            await _carry_out(tx, change, who=who, why=why)


async def go_live(db: Database, tenant: TenantId, *, who: str, why: str) -> int:
    """Open a new tenant; returns how many gates were opened (0: it was live already).

    Raises:
        UnknownTenantError: There is no such tenant, or it was removed.
    """
    async with db.transaction() as tx:
        if not await store.go_live(tx, tenant):
            raise UnknownTenantError(f"There is no tenant {tenant} here. Add it to the tenant file and apply that.")
        opened = await GateStore().open_not_live(tx, tenant)
        await record_done(tx, who=who, why=why, verb="tenant.go-live", tenant=tenant, args={"gates": opened})
        return opened


async def set_ledger_floor(db: Database, tenant: TenantId, floor: int | None, *, who: str, why: str) -> None:
    """Look up every invoice up to this number before it is first sent, None for every one; with its audit row.

    Raises:
        UnknownTenantError: There is no such tenant, or it was removed.
    """
    async with db.transaction() as tx:
        if not await store.set_ledger_floor(tx, tenant, floor):
            raise UnknownTenantError(f"There is no tenant {tenant} here. Add it to the tenant file and apply that.")
        args = {"floor": floor if floor is not None else "all"}
        await record_done(tx, who=who, why=why, verb="tenant.ledger-floor", tenant=tenant, args=args)


def _changes_of(
    tenant: TenantId, entry: TenantEntry | None, row: Tenant | UnreadableTenant | None
) -> list[TenantChange]:
    seen = row.changed_xid if row is not None else None

    def change(kind: ChangeKind, differences: Iterable[FieldDifference] = ()) -> TenantChange:
        return TenantChange(kind, tenant, tuple(differences), entry, seen)

    known = row if isinstance(row, Tenant) else None
    if entry is None:
        return [] if known is not None and known.removed else [change(ChangeKind.REMOVE)]
    differences = _differences(known, entry)
    if row is None:
        return [change(ChangeKind.ADD, differences)]
    if known is not None and known.removed:
        return [change(ChangeKind.RETURN, differences)]
    changes = [change(ChangeKind.CHANGE, differences)] if differences else []
    if known is not None and known.paused != entry.paused:
        changes.append(change(ChangeKind.PAUSE if entry.paused else ChangeKind.RESUME))
    return changes or [change(ChangeKind.NONE)]


def _differences(row: Tenant | None, entry: TenantEntry) -> list[FieldDifference]:
    before = _flat(row.name, row.spec) if row is not None else {}
    after = _flat(entry.name, entry.spec)
    return [
        FieldDifference(path, before.get(path), after.get(path))
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    ]


def _flat(name: str, spec: TenantSpec) -> dict[str, str]:
    def walk(value: object, path: str) -> Iterable[tuple[str, str]]:
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from walk(inner, f"{path}.{key}" if path else str(key))
        elif value is not None:
            yield path, ", ".join(map(str, value)) if isinstance(value, list) else str(value)

    return {"name": name, **dict(walk(spec.model_dump(mode="json"), ""))}


def _check_unmoved(changes: Sequence[TenantChange], rows: Sequence[Tenant | UnreadableTenant]) -> None:
    now: Final = {row.id: row.changed_xid for row in rows}
    moved = sorted({change.tenant for change in changes if now.get(change.tenant) != change.seen})
    moved += sorted(now.keys() - {change.tenant for change in changes} - {row.id for row in rows if _is_removed(row)})
    if moved:
        raise PlanStaleError(
            f"Somebody else changed the tenants {', '.join(moved)} meanwhile. Nothing was applied; look at the "
            "difference again."
        )


def _is_removed(row: Tenant | UnreadableTenant) -> bool:
    return isinstance(row, Tenant) and row.removed


async def _check_removals(tx: Tx, changes: Sequence[TenantChange], in_doubt: InDoubt) -> None:
    removals = [change.tenant for change in changes if change.kind is ChangeKind.REMOVE]
    doubtful = {tenant: count for tenant in removals if (count := await in_doubt(tx, tenant))}
    if doubtful:
        listed = ", ".join(f"{tenant} ({count})" for tenant, count in doubtful.items())
        raise RemovalRefusedError(
            f"Removal refused, since deliveries are in doubt: {listed}. Wait until they are resolved, or use --force "
            "and check them at the target. Nothing was applied."
        )


async def _carry_out(tx: Tx, change: TenantChange, *, who: str, why: str) -> None:
    if change.kind is ChangeKind.NONE:
        return
    if change.entry is None:
        await store.remove(tx, change.tenant)
    else:
        await _declare(tx, change.tenant, change.entry)
    args: dict[str, object] = {
        "differences": [[each.path, each.before, each.after] for each in change.differences],
    }
    await record_done(tx, who=who, why=why, verb=f"tenant.{change.kind}", tenant=change.tenant, args=args)
    if change.kind is ChangeKind.RETURN:
        # What was on its way when it was removed was set aside, and the poller takes it for told.
        await ask(tx, who=who, why=why, verb=_RESYNC, tenant=change.tenant)


async def _declare(tx: Tx, tenant: TenantId, entry: TenantEntry) -> None:
    known_flows = await store.known_flows(tx, tenant)
    await store.upsert(tx, tenant=tenant, name=entry.name, spec=entry.spec, paused=entry.paused)
    for flow in entry.flows:
        if flow not in known_flows:
            await GateStore().close_new(tx, GateKey.flow(tenant, flow))
