"""`bridge after-restore`: make a restored database safe to go on with."""

from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bridge.console.adapters.cli.frame import Answer, AsJson, DryRun, Who, Why, examples, run
from bridge.console.adapters.opening import open_topics
from bridge.console.adapters.postgres_restore import open_restored
from bridge.console.application import after_restore as use
from bridge.console.settings import BrokerSettings
from bridge.runtime.settings import load

_NEXT = (
    "Now start the poller, the transformer and the publisher. Every invoice that may have been sent is looked up first "
    "and every customer is told again; 'bridge status' and 'bridge proof' show how far that is."
)


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        name="after-restore",
        epilog=examples(
            "bridge after-restore --dry-run --who anna --why 'last night'",
            "DATABASE_URL=postgresql://owner@db/bridge bridge after-restore --who anna --why 'last night'",
        ),
    )(after_restore)


def after_restore(
    who: Who,
    why: Why,
    settle: Annotated[
        float,
        typer.Option(min=0, max=3600, help="The publisher's PUBLISHER_DELIVERY__SETTLE_SECONDS."),
    ] = use.DEFAULT_SETTLE_SECONDS,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Make a restored database safe to go on with; run it while every poller, transformer and publisher is stopped.

    Whatever the database has forgotten may be at Tripletex: each invoice that is not known as confirmed is looked up
    before it is sent, and so is each one that is new. Everything is told again under a new era of revisions. Uses
    DATABASE_URL as the database's owner, as 'bridge migrate' does. Running it twice harms nothing.
    """
    run(lambda: _after_restore(use.Wish(who, why, timedelta(seconds=settle), dry_run)), as_json=as_json)


async def _after_restore(wish: use.Wish) -> Answer:
    done = await use.after_restore(open_restored, await _committed(), wish)
    document = {
        "dry_run": wish.dry_run,
        "cursors": done.cursors,
        "floors": done.floors,
        "partitions": done.partitions,
        "tenants": {tenant: {step.value: n for step, n in counts.items()} for tenant, counts in done.tenants.items()},
    }
    return Answer(document, lambda console: _show(console, done, dry_run=wish.dry_run))


async def _committed() -> use.Offsets:
    settings = load(BrokerSettings)
    async with open_topics(settings) as admin:
        found = await admin.group_offsets(f"{settings.kafka.topic_prefix}{use.GROUP}")
    return {(one.topic, one.partition): offset for one, offset in found.items()}


def _show(console: Console, done: use.Restored, *, dry_run: bool) -> None:
    table = Table("tenant", *(step.value.replace("_", " ") for step in use.ORDER))
    for tenant in sorted(done.tenants):
        table.add_row(tenant, *(str(done.tenants[tenant][step]) for step in use.ORDER))
    console.print(table if done.tenants else "The database holds no entity yet.")
    console.print(
        f"{done.cursors} cursors begin a new era, {done.floors} tenants look every new invoice up first, "
        f"{done.partitions} stored offsets were behind Kafka's."
    )
    console.print("Nothing was changed. Run it again without --dry-run to do this." if dry_run else _NEXT)
