"""`bridge verify`: are the confirmed invoices still at Tripletex?"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from bridge.console.adapters.cli.frame import BAD, FINE, Answer, AsJson, DryRun, OfTenant, Who, Why, examples, run
from bridge.console.adapters.opening import open_database
from bridge.console.adapters.postgres_follow import PostgresFollowing
from bridge.console.application import verify as use
from bridge.console.application.acts import Asker
from bridge.console.domain.words import cut
from bridge.contracts.identity import EntityNumber, TenantId

_PATIENCE_SECONDS: Final = 120.0


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "bridge verify --tenant acme --invoice 10472 --who anna --why 'the customer says it is gone'",
            "bridge verify --tenant acme --since 2026-03-01 --who anna --why 'monthly audit'",
        )
    )(verify)


def verify(
    tenant: OfTenant,
    who: Who,
    why: Why,
    invoice: Annotated[str | None, typer.Option(help="Only this invoice number.")] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only those confirmed on this day (UTC) or later.")
    ] = None,
    patience: Annotated[
        float, typer.Option(min=1, max=3600, help="Seconds to wait for each few that are looked up at once.")
    ] = _PATIENCE_SECONDS,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Look confirmed invoices up again at Tripletex, a few at once, and tell what came out.

    Nothing is sent because of it: what is missing or different becomes a dead letter. Leaves with 1 if not every one is
    still there.
    """
    wanted = use.Selection(
        TenantId(tenant), EntityNumber(invoice) if invoice else None, since.date() if since is not None else None
    )
    run(lambda: _verify(wanted, Asker(who, why, patience), dry_run), as_json=as_json)


async def _verify(wanted: use.Selection, asker: Asker, dry_run: bool) -> Answer:
    async with open_database() as db:
        following = PostgresFollowing(db)
        invoices = await use.select(following, wanted)
        if dry_run:
            return _preview(invoices)
        verified = await use.verify(
            following,
            asker,
            wanted.tenant,
            invoices,
            on_part=lambda done: typer.echo(f"{done} of {len(invoices)} were looked up.", err=True),
        )
    totals = use.totals(verified)
    document = {
        "dry_run": False,
        "totals": {finding.value: count for finding, count in totals.items()},
        "invoices": [asdict(each) for each in verified],
    }
    good = totals[use.Finding.THERE] == len(verified)
    return Answer(document, lambda console: _show(console, verified), FINE if good else BAD)


def _preview(invoices: Sequence[use.ConfirmedInvoice]) -> Answer:
    document = {"dry_run": True, "invoices": [each.number for each in invoices]}
    sentence = f"Confirmed invoices that would be looked up: {len(invoices)}; nothing was asked for."
    return Answer(document, lambda console: console.print(sentence))


def _show(console: Console, verified: Sequence[use.Verified]) -> None:
    table = Table("invoice", "found", "in words")
    for each in verified:
        if each.finding is not use.Finding.THERE:
            table.add_row(each.number, each.finding.value.replace("_", " "), cut(each.said))
    if table.row_count:
        console.print(table)
    said = ", ".join(f"{count} {finding.value.replace('_', ' ')}" for finding, count in use.totals(verified).items())
    console.print(f"Of {len(verified)} confirmed invoices: {said}.")
