"""`bridge resync`: read again and tell again."""

from collections.abc import Sequence
from typing import Annotated

import typer

from bridge.console.adapters.cli.act_view import act_answer
from bridge.console.adapters.cli.frame import Answer, AsJson, NoWait, OfTenant, Who, Why, examples, run
from bridge.console.adapters.opening import open_database
from bridge.console.adapters.postgres_overview import PostgresOverview
from bridge.console.application.acts import WAIT_SECONDS, Asker, Request, ask
from bridge.console.application.known import require_known
from bridge.contracts.identity import EntityNumber, Flow, TenantId
from bridge.runtime.errors import ConfigurationError
from bridge.tenancy.acts import ActStore


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "bridge resync --tenant acme --customer 10472 --who anna --why 'mapping mended'",
            "bridge resync --tenant acme --invoice 10472 --who anna --why 'its receipt was lost'",
            "bridge resync --tenant acme --who anna --why 'OC2 was restored from a backup'",
        )
    )(resync)


def resync(
    tenant: OfTenant,
    who: Who,
    why: Why,
    customer: Annotated[str | None, typer.Option(help="Only this customer number.")] = None,
    invoice: Annotated[str | None, typer.Option(help="Only this invoice number.")] = None,
    flow: Annotated[Flow | None, typer.Option(help="Only this flow; all that the tenant has unless given.")] = None,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> None:
    """Ask the poller to forget what it told of a tenant, so that all of it is told again as new revisions.

    Customers are put again at OC2. An invoice that is at Tripletex is not sent again: its receipt is told once more.
    """
    asker = Asker(who, why, 0.0 if no_wait else WAIT_SECONDS)
    request = Request(
        "resync",
        "poller",
        tenant=TenantId(tenant),
        flow=Flow.CUSTOMERS if customer else Flow.INVOICES if invoice else flow,
        entity=EntityNumber(customer or invoice or "") or None,
    )
    run(lambda: _resync(request, asker, [each for each in (customer, invoice, flow) if each]), as_json=as_json)


async def _resync(request: Request, asker: Asker, narrowed: Sequence[str]) -> Answer:
    if len(narrowed) > 1:
        raise ConfigurationError("Give at most one of --customer, --invoice and --flow; nothing was asked for.")
    async with open_database() as db:
        await require_known(PostgresOverview(db), request.tenant)
        return act_answer(await ask(ActStore(db), asker, request))
