"""`bridge outbox`: rows that the broker refuses for themselves, and the decision on them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bridge.console.adapters.cli.act_view import act_answer
from bridge.console.adapters.cli.frame import Answer, AsJson, ForTenant, NoWait, Who, Why, examples, moment, run, safe
from bridge.console.adapters.opening import open_database
from bridge.console.adapters.postgres_outbox import PostgresOutbox
from bridge.console.adapters.postgres_overview import PostgresOverview
from bridge.console.application import outbox as use
from bridge.console.application.acts import WAIT_SECONDS, Asker, ask
from bridge.console.application.known import require_known
from bridge.console.domain.words import cut
from bridge.contracts.identity import TenantId
from bridge.tenancy.acts import ActStore

outbox = typer.Typer(help="Outbox rows that the broker refuses: look, retry, discard.", no_args_is_help=True)
RowId = Annotated[int, typer.Argument(help="The row's id.")]


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(outbox, name="outbox")


@outbox.command("list", epilog=examples("bridge outbox list", "bridge outbox list --tenant acme --json"))
def list_(tenant: ForTenant = None, as_json: AsJson = False) -> None:
    """Show the poller's rows that were set aside; only their own entity waits behind each."""
    run(lambda: _list(TenantId(tenant) if tenant else None), as_json=as_json)


@outbox.command(epilog=examples("bridge outbox retry 17 --who anna --why 'the topic is there now'"))
def retry(row_id: RowId, who: Who, why: Why, no_wait: NoWait = False, as_json: AsJson = False) -> None:
    """Ask the poller to publish a row again."""
    run(lambda: _act(row_id, use.RETRY, _asker(who, why, no_wait)), as_json=as_json)


@outbox.command(epilog=examples("bridge outbox discard 17 --who anna --why 'written by hand by mistake'"))
def discard(row_id: RowId, who: Who, why: Why, no_wait: NoWait = False, as_json: AsJson = False) -> None:
    """Ask the poller to drop a row for good; the rows of its entity behind it go on."""
    run(lambda: _act(row_id, use.DISCARD, _asker(who, why, no_wait)), as_json=as_json)


def _asker(who: str, why: str, no_wait: bool) -> Asker:
    return Asker(who, why, 0.0 if no_wait else WAIT_SECONDS)


async def _list(tenant: TenantId | None) -> Answer:
    async with open_database() as db:
        await require_known(PostgresOverview(db), tenant)
        rows = await PostgresOutbox(db).set_aside(tenant, limit=use.MOST_ROWS)
    document = {"rows": [{**asdict(row), "flow": row.flow.value, "error": safe(row.error)} for row in rows]}
    return Answer(document, lambda console: _show(console, rows))


async def _act(row_id: int, verb: str, asker: Asker) -> Answer:
    async with open_database() as db:
        request = await use.request_for(PostgresOutbox(db), row_id, verb)
        return act_answer(await ask(ActStore(db), asker, request))


def _show(console: Console, rows: Sequence[use.RowSetAside]) -> None:
    table = Table("id", "set aside", "about", "topic", "attempts", "behind it", "error")
    for row in rows:
        about = "/".join(part for part in (row.tenant, row.flow.value, row.entity) if part)
        table.add_row(
            str(row.row_id),
            moment(row.set_aside_at),
            about,
            row.topic,
            str(row.attempts),
            str(row.behind),
            cut(str(safe(row.error))),
        )
    console.print(table if rows else "No outbox row is set aside.")
