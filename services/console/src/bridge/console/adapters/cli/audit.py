"""`bridge audit`: what people asked for and did."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bridge.console.adapters.cli.act_view import act_document
from bridge.console.adapters.cli.frame import Answer, AsJson, ForTenant, examples, moment, run, safe
from bridge.console.adapters.opening import open_database
from bridge.console.adapters.postgres_audit import read_audit
from bridge.console.domain.words import cut
from bridge.contracts.identity import TenantId
from bridge.tenancy.acts import Act

audit = typer.Typer(help="What people asked for and did, with who and why.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(audit, name="audit")


@audit.command("list", epilog=examples("bridge audit list --tenant acme", "bridge audit list --id 17 --json"))
def list_(
    tenant: ForTenant = None,
    act_id: Annotated[int | None, typer.Option("--id", help="Only this act.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Newest acts to show.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show acts, newest first."""
    run(lambda: _list(TenantId(tenant) if tenant else None, act_id, limit), as_json=as_json)


async def _list(tenant: TenantId | None, act_id: int | None, limit: int) -> Answer:
    async with open_database() as db:
        acts = await read_audit(db, tenant=tenant, act_id=act_id, limit=limit)
    return Answer({"acts": [act_document(act) for act in acts]}, lambda console: _show(console, acts))


def _show(console: Console, acts: list[Act]) -> None:
    table = Table("id", "when", "who", "verb", "about", "status", "outcome", "why")
    for act in acts:
        about = "/".join(part for part in (act.tenant, act.flow, act.entity) if part)
        outcome = cut(str(safe(act.outcome or "")), 80)
        table.add_row(
            str(act.id), moment(act.at), act.who, act.verb, about, act.status.value, outcome, cut(act.why, 60)
        )
    console.print(table if acts else "Nobody has done anything yet.")
