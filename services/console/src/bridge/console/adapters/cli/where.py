"""`bridge where`: one entity's journey, by its number, its KID or its order number."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bridge.console.adapters.cli.frame import Answer, AsJson, ForTenant, OfTenant, examples, run
from bridge.console.adapters.cli.journey_view import journey_document, show_journey
from bridge.console.adapters.opening import open_database
from bridge.console.adapters.postgres_journey import PostgresJourneys
from bridge.console.adapters.postgres_search import PostgresSearch
from bridge.console.application.search import HITS_SHOWN, Hit, SearchBy, search
from bridge.console.application.where import STEPS_SHOWN, EntityKey, Journey
from bridge.console.application.where import where as find
from bridge.contracts.identity import EntityNumber, Flow, TenantId
from bridge.runtime.errors import ConfigurationError

where = typer.Typer()
Steps = Annotated[int, typer.Option(min=1, max=10_000, help="Newest steps to show.")]


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(where, name="where")


@where.callback(
    invoke_without_command=True,
    no_args_is_help=True,
    epilog=examples("bridge where --kid 1234567897", "bridge where --order 4711 --tenant acme --json"),
)
def by_key(
    context: typer.Context,
    kid: Annotated[str | None, typer.Option("--kid", help="Find invoices by their whole KID.")] = None,
    order: Annotated[str | None, typer.Option("--order", help="Find invoices by their whole order number.")] = None,
    tenant: ForTenant = None,
    as_json: AsJson = False,
) -> None:
    """Show where one entity is, by its number (see the commands), or an invoice by its KID or order number.

    One hit is shown whole, several are listed.
    """
    if context.invoked_subcommand is None:
        run(lambda: _search(kid, order, TenantId(tenant) if tenant else None), as_json=as_json)


@where.command(epilog=examples("bridge where customer 10472 --tenant acme"))
def customer(
    number: Annotated[str, typer.Argument(help="The customer number that both systems share.")],
    tenant: OfTenant,
    steps: Steps = STEPS_SHOWN,
    as_json: AsJson = False,
) -> None:
    """Show one customer: state, wanted and confirmed version, and every step with its place in Kafka and its trace."""
    key = EntityKey(TenantId(tenant), Flow.CUSTOMERS, EntityNumber(number))
    run(lambda: _where(key, steps), as_json=as_json)


@where.command(epilog=examples("bridge where invoice 10472 --tenant acme"))
def invoice(
    number: Annotated[str, typer.Argument(help="The invoice number that both systems share.")],
    tenant: OfTenant,
    steps: Steps = STEPS_SHOWN,
    as_json: AsJson = False,
) -> None:
    """Show one invoice: state, batch, ids at Tripletex, receipt wanted and told, gates, letters, and every step.

    By its KID or its order number: 'bridge where --kid' and 'bridge where --order'.
    """
    key = EntityKey(TenantId(tenant), Flow.INVOICES, EntityNumber(number))
    run(lambda: _where(key, steps), as_json=as_json)


async def _where(key: EntityKey, steps: int) -> Answer:
    async with open_database() as db:
        journey = await find(PostgresJourneys(db), key, steps=steps)
    return Answer(journey_document(journey), lambda console: show_journey(console, journey))


async def _search(kid: str | None, order: str | None, tenant: TenantId | None) -> Answer:
    if (kid is None) == (order is None):
        raise ConfigurationError("Give one of --kid and --order, or a command such as 'bridge where invoice'.")
    by, value = (SearchBy.KID, kid) if kid is not None else (SearchBy.ORDER, order or "")
    async with open_database() as db:
        hits = await search(PostgresSearch(db), by, value, tenant)
        journey = await find(PostgresJourneys(db), hits[0].key) if len(hits) == 1 else None
    document = {
        "hits": [_hit(hit) for hit in hits],
        "journey": journey_document(journey) if journey is not None else None,
    }
    return Answer(document, lambda console: _show(console, hits, journey))


def _hit(hit: Hit) -> dict[str, object]:
    return {**asdict(hit.key), "state": hit.state, "kid": hit.kid, "order_number": hit.order_number}


def _show(console: Console, hits: Sequence[Hit], journey: Journey | None) -> None:
    if journey is not None:
        show_journey(console, journey)
        return
    table = Table("tenant", "invoice", "state", "KID", "order number")
    for hit in hits:
        table.add_row(hit.key.tenant, hit.key.entity, hit.state, hit.kid or "-", hit.order_number or "-")
    console.print(table)
    if len(hits) == HITS_SHOWN:
        console.print(f"Only the first {HITS_SHOWN} are shown; there may be more.")
