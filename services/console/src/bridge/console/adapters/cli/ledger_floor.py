"""`bridge tenants ledger-floor`: which invoices may be at Tripletex although nothing here knows of them."""

from typing import Annotated, Final

import typer

from bridge.console.adapters.cli.frame import Answer, AsJson, DryRun, Who, Why, examples, run
from bridge.console.adapters.opening import open_database
from bridge.console.adapters.postgres_overview import PostgresOverview
from bridge.console.application.known import require_known
from bridge.console.application.tenants import Wish
from bridge.contracts.events.invoice import MAX_INVOICE_NUMBER
from bridge.contracts.identity import TenantId
from bridge.runtime.errors import ConfigurationError
from bridge.tenancy.apply import current_tenants, set_ledger_floor
from bridge.tenancy.tenant import LedgerFloor, Tenant

ALL: Final = "all"


def add_to(group: typer.Typer) -> None:
    """Add the command to the group of tenants."""
    group.command(
        epilog=examples(
            "bridge tenants ledger-floor acme --at 10471 --who anna --why 'OC2 goes on from 10472'",
            "bridge tenants ledger-floor acme --at all --who anna --why 'invoices were made by hand'",
        )
    )(ledger_floor)


def ledger_floor(
    tenant: Annotated[str, typer.Argument(help="The tenant's id.")],
    who: Who,
    why: Why,
    at: Annotated[str, typer.Option("--at", help="The highest number that may be there already, or 'all'.")],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Say up to which invoice number Tripletex may hold invoices that nothing here knows of.

    An invoice up to this number is looked up before it is first sent, which costs one call; one above it is sent at
    once. A new tenant begins with all, and so does every tenant after 'bridge after-restore'.
    """
    run(lambda: _ledger_floor(TenantId(tenant), _number(at), Wish(who, why), dry_run), as_json=as_json)


async def _ledger_floor(tenant: TenantId, floor: int | None, wish: Wish, dry_run: bool) -> Answer:
    async with open_database() as db:
        await require_known(PostgresOverview(db), tenant)
        found = (await current_tenants(db)).get(tenant)
        before = found.ledger_floor if isinstance(found, Tenant) else None
        if not dry_run:
            await set_ledger_floor(db, tenant, floor, who=wish.who, why=wish.why)
    document = {"dry_run": dry_run, "tenant": tenant, "before": said(before), "after": said(floor)}
    verb = "would be" if dry_run else "are"
    sentence = f"Of tenant {tenant}, invoices {verb} looked up first: {said(floor)} (before: {said(before)})."
    return Answer(document, lambda console: console.print(sentence))


def said(floor: LedgerFloor | int | None) -> str:
    """Return which invoices are looked up first, in words."""
    number = floor.number if isinstance(floor, LedgerFloor) else floor
    return ALL if number is None else f"up to {number}"


def _number(at: str) -> int | None:
    if at == ALL:
        return None
    if not (at.isascii() and at.isdigit()) or len(at) > len(str(MAX_INVOICE_NUMBER)) or int(at) > MAX_INVOICE_NUMBER:
        raise ConfigurationError(
            f"--at takes a whole number from 0 to {MAX_INVOICE_NUMBER}, or 'all'; nothing was done."
        )
    return int(at)
