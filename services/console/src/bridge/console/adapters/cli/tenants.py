"""`bridge tenants`: the tenant file, applied; the tenants there are; going live."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bridge.console.adapters.cli import ledger_floor
from bridge.console.adapters.cli.frame import (
    Answer,
    AsJson,
    DryRun,
    Who,
    Why,
    examples,
    run,
)
from bridge.console.adapters.opening import open_database
from bridge.console.adapters.postgres_overview import PostgresOverview, count_in_doubt
from bridge.console.application.tenants import Wish, carry_out, checked_file, difference
from bridge.console.settings import AddressSettings
from bridge.contracts.identity import TenantId
from bridge.runtime.settings import load
from bridge.tenancy.apply import ChangeKind, Current, TenantChange, current_tenants
from bridge.tenancy.apply import go_live as open_tenant
from bridge.tenancy.store import UnreadableTenant
from bridge.tenancy.tenant import Tenant

tenants = typer.Typer(help="The tenants of this cell, declared in a file.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    ledger_floor.add_to(tenants)
    app.add_typer(tenants, name="tenants")


@tenants.command(
    epilog=examples(
        "bridge tenants apply tenants.yaml --dry-run --who anna --why 'add acme'",
        "BRIDGE_OPERATOR=anna bridge tenants apply tenants.yaml --why 'add acme'",
    )
)
def apply(
    file: Annotated[Path, typer.Argument(help="The tenant file (YAML).")],
    who: Who,
    why: Why,
    dry_run: DryRun = False,
    force: Annotated[bool, typer.Option("--force", help="Remove a tenant although work of it is in doubt.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the cell's tenants those of the file: show the difference, then apply it, all or nothing.

    Refuses before anything is changed: an unknown key, a bad address, an id used twice, a secret that cannot be read.
    A tenant that is left out is removed. No service needs a restart.
    """
    run(lambda: _apply(file, Wish(who, why), dry_run=dry_run, force=force), as_json=as_json)


@tenants.command("list", epilog=examples("bridge tenants list", "bridge tenants list --json"))
def list_(as_json: AsJson = False) -> None:
    """Show every tenant this cell ever had; a removed one keeps its row and its id."""
    run(_list, as_json=as_json)


@tenants.command(epilog=examples("bridge tenants go-live acme --who anna --why 'customers agreed'"))
def go_live(
    tenant: Annotated[str, typer.Argument(help="The tenant's id.")], who: Who, why: Why, as_json: AsJson = False
) -> None:
    """Open a new tenant, or a new flow of one: from now on what its file names travels, customers and invoices."""
    run(lambda: _go_live(TenantId(tenant), Wish(who, why)), as_json=as_json)


async def _apply(path: Path, wish: Wish, *, dry_run: bool, force: bool) -> Answer:
    file = checked_file(path, allow_loopback=load(AddressSettings).allow_loopback)
    async with open_database() as db:
        changes = await difference(db, file)
        if not dry_run:
            await carry_out(db, changes, wish, in_doubt=count_in_doubt, force=force)
    document = {
        "dry_run": dry_run,
        "changed": any(change.kind is not ChangeKind.NONE for change in changes),
        "changes": [_change(change) for change in changes],
    }
    return Answer(document, lambda console: _show_changes(console, changes, dry_run=dry_run))


async def _list() -> Answer:
    async with open_database() as db:
        found = await current_tenants(db)
        closed = {gate.key.tenant for gate in await PostgresOverview(db).gates() if gate.reason.value == "not_live"}
    return Answer(
        {"tenants": [_tenant(found[tenant]) for tenant in sorted(found)]},
        lambda console: _show_tenants(console, found, closed),
    )


async def _go_live(tenant: TenantId, wish: Wish) -> Answer:
    async with open_database() as db:
        opened = await open_tenant(db, tenant, who=wish.who, why=wish.why)

    def show(console: Console) -> None:
        console.print(f"Tenant {tenant} is live." if opened else f"Tenant {tenant} was live already.")

    return Answer({"tenant": tenant, "gates_opened": opened}, show)


def _change(change: TenantChange) -> dict[str, object]:
    return {
        "kind": change.kind.value,
        "tenant": change.tenant,
        "differences": [{"path": each.path, "before": each.before, "after": each.after} for each in change.differences],
    }


def _show_changes(console: Console, changes: Sequence[TenantChange], *, dry_run: bool) -> None:
    real = [change for change in changes if change.kind is not ChangeKind.NONE]
    for change in real:
        console.print(f"{'would ' if dry_run else ''}{change.kind.value} {change.tenant}")
        for each in change.differences:
            console.print(f"    {each.path}: {each.before or '(nothing)'} -> {each.after or '(nothing)'}")
    if not real:
        console.print("The tenants are as the file says; there is nothing to do.")
    elif dry_run:
        console.print("Nothing was changed. Run it again without --dry-run to apply this.")
    elif added := [change.tenant for change in real if change.kind is ChangeKind.ADD]:
        console.print(f"New tenants start closed. Check with 'bridge doctor --tenant {added[0]}', then go live.")


def _tenant(tenant: Tenant | UnreadableTenant) -> dict[str, object]:
    if isinstance(tenant, UnreadableTenant):
        return {"tenant": tenant.id, "problem": tenant.problem}
    return {
        "tenant": tenant.id,
        "name": tenant.name,
        "shard": tenant.shard,
        "live": tenant.live,
        "paused": tenant.paused,
        "removed": tenant.removed,
        "poll_interval_seconds": tenant.spec.poll_interval,
        "tripletex": {"base_url": tenant.spec.tripletex.base_url, "company_id": tenant.spec.tripletex.company_id},
        "oc2": {"base_url": tenant.spec.oc2.base_url},
        "flows": [flow.value for flow in tenant.spec.flows],
        "language": tenant.spec.language.value,
        "ledger_floor": ledger_floor.said(tenant.ledger_floor),
    }


def _show_tenants(console: Console, found: Current, not_live: set[TenantId | None]) -> None:
    table = Table("tenant", "name", "state", "poll", "company", "OC2", "flows")
    for tenant in sorted(found):
        row = found[tenant]
        if isinstance(row, UnreadableTenant):
            table.add_row(tenant, "", row.problem)
            continue
        states = [
            "removed" if row.removed else "",
            "paused" if row.paused else "",
            "not live" if tenant in not_live else "",
        ]
        table.add_row(
            tenant,
            row.name,
            ", ".join(state for state in states if state) or "live",
            f"{row.spec.poll_interval:g} s",
            str(row.spec.tripletex.company_id),
            row.spec.oc2.base_url,
            ", ".join(flow.value for flow in row.spec.flows),
        )
    console.print(table if found else "There are no tenants yet.")
