"""`bridge resync`: read again and tell again."""

from typing import Annotated

import typer

from bridge.console.adapters.cli.act_view import act_answer
from bridge.console.adapters.cli.frame import Answer, AsJson, NoWait, OfTenant, Who, Why, examples, run
from bridge.console.adapters.opening import open_database
from bridge.console.adapters.postgres_overview import PostgresOverview
from bridge.console.application.acts import WAIT_SECONDS, Asker, Request, ask
from bridge.console.application.known import require_known
from bridge.contracts.identity import EntityNumber, Flow, TenantId
from bridge.tenancy.acts import ActStore


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "bridge resync --tenant acme --customer 10472 --who anna --why 'mapping mended'",
            "bridge resync --tenant acme --who anna --why 'OC2 was restored from a backup'",
        )
    )(resync)


def resync(
    tenant: OfTenant,
    who: Who,
    why: Why,
    customer: Annotated[str | None, typer.Option(help="Only this customer number; otherwise all.")] = None,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> None:
    """Ask the poller to forget what it told of a tenant's customers, so that all are sent again as new revisions."""
    asker = Asker(who, why, 0.0 if no_wait else WAIT_SECONDS)
    request = Request(
        "resync",
        "poller",
        tenant=TenantId(tenant),
        flow=Flow.CUSTOMERS,
        entity=EntityNumber(customer) if customer else None,
    )
    run(lambda: _resync(request, asker), as_json=as_json)


async def _resync(request: Request, asker: Asker) -> Answer:
    async with open_database() as db:
        await require_known(PostgresOverview(db), request.tenant)
        return act_answer(await ask(ActStore(db), asker, request))
