"""`bridge proof`: is every change accounted for?"""

from collections.abc import Iterator
from dataclasses import fields

import typer
from rich.console import Console
from rich.table import Table

from bridge.console.adapters.cli.frame import BAD, FINE, Answer, AsJson, ForTenant, examples, run
from bridge.console.adapters.opening import open_database
from bridge.console.adapters.postgres_overview import PostgresOverview
from bridge.console.application.proof import Proof, prove
from bridge.console.domain.proof import FlowCounts
from bridge.contracts.identity import TenantId

_COLUMNS = ("emitted", "superseded", "in_flight", "waiting", "in_doubt", "confirmed", "dead", "discarded")
_NOTED = (
    ("dead_by_reason", "dead for"),
    ("discarded_by_reason", "discarded for"),
    ("confirmed_with_letter", "at the target, and a person must look:"),
)


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=examples("bridge proof", "bridge proof --tenant acme --json"))(proof)


def proof(tenant: ForTenant = None, as_json: AsJson = False) -> None:
    """Prove that no change is lost: every change told is confirmed, superseded, waiting, in doubt, dead or discarded.

    Leaves with 1 when the sums do not match, and says which. Changes: emitted = superseded + the entities in each
    state, of which each is at its newest change.
    """
    run(lambda: _proof(TenantId(tenant) if tenant else None), as_json=as_json)


async def _proof(tenant: TenantId | None) -> Answer:
    async with open_database() as db:
        found = await prove(PostgresOverview(db), tenant)
    return Answer(_document(found), lambda console: _show(console, found), FINE if found.holds else BAD)


def _document(found: Proof) -> dict[str, object]:
    return {"holds": found.holds, "quiet": found.quiet, "flows": [_flow(flow) for flow in found.flows]}


def _flow(flow: FlowCounts) -> dict[str, object]:
    counted = {field.name: getattr(flow, field.name) for field in fields(flow)}
    return {
        **counted,
        "superseded": flow.superseded,
        "quiet": flow.quiet,
        "problems": list(flow.problems),
    }


def _show(console: Console, found: Proof) -> None:
    table = Table("tenant", "flow", *(name.replace("_", " ") for name in _COLUMNS), "sums")
    for flow in found.flows:
        numbers = [str(getattr(flow, name)) for name in _COLUMNS]
        table.add_row(flow.tenant, flow.flow, *numbers, "do not match" if flow.problems else "match")
    console.print(table)
    for flow in found.flows:
        for note in _notes(flow):
            console.print(f"{flow.tenant}/{flow.flow}: {note}")
        for problem in flow.problems:
            console.print(f"{flow.tenant}/{flow.flow}: {problem}", style="bold red")
    if not found.flows:
        console.print("Nothing was told yet.")
    elif found.holds:
        console.print("Every change is accounted for." + ("" if found.quiet else " Some are still on their way."))


def _notes(flow: FlowCounts) -> Iterator[str]:
    for name, said in _NOTED:
        for reason, count in sorted(getattr(flow, name).items()):
            yield f"{count} {said} {reason}"
    counts = (
        (flow.diverged, "with other amounts than their lines make"),
        (flow.receipts_outstanding, "receipts not yet told"),
        (flow.letters_without_entity, "dead letters about no entity"),
    )
    yield from (f"{count} {said}" for count, said in counts if count)
