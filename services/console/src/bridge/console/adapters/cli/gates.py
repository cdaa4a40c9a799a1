"""`bridge gates`: what is closed, and closing and opening by hand."""

from typing import Annotated

import typer
from rich.console import Console

from bridge.console.adapters.cli.frame import Answer, AsJson, ForTenant, Who, Why, examples, run
from bridge.console.adapters.cli.gate_view import gate_document, gate_table
from bridge.console.adapters.opening import open_database
from bridge.console.adapters.postgres_overview import PostgresOverview
from bridge.console.application import gates as use
from bridge.console.application.known import require_known
from bridge.contracts.identity import TenantId
from bridge.contracts.reasons import REASONS
from bridge.tenancy.gates import GateKey, GateScope

gates = typer.Typer(help="Gates: who waits, since when, why, and who looks next.", no_args_is_help=True)
Scope = Annotated[GateScope, typer.Argument(help="What the gate closes.")]
Subject = Annotated[str, typer.Argument(help="tripletex.no | acme/oc2 | acme/customers, by the scope.")]


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(gates, name="gates")


@gates.command("list", epilog=examples("bridge gates list", "bridge gates list --tenant acme --json"))
def list_(tenant: ForTenant = None, as_json: AsJson = False) -> None:
    """Show every closed gate with its reason and what opens it."""
    run(lambda: _list(TenantId(tenant) if tenant else None), as_json=as_json)


@gates.command(epilog=examples("bridge gates close flow acme/customers --who anna --why 'OC2 migrates tonight'"))
def close(scope: Scope, subject: Subject, who: Who, why: Why, as_json: AsJson = False) -> None:
    """Close a gate; only a person opens it again. Work behind it waits and is not lost."""
    run(lambda: _close(use.gate_key(scope, subject), who, why), as_json=as_json)


@gates.command("open", epilog=examples("bridge gates open flow acme/customers --who anna --why 'migration is over'"))
def open_(scope: Scope, subject: Subject, who: Who, why: Why, as_json: AsJson = False) -> None:
    """Open a gate, whoever closed it. It closes again if its cause is still there."""
    run(lambda: _open(use.gate_key(scope, subject), who, why), as_json=as_json)


async def _list(tenant: TenantId | None) -> Answer:
    async with open_database() as db:
        await require_known(PostgresOverview(db), tenant)
        found = [gate for gate in await use.closed(db) if tenant is None or gate.key.tenant in (None, tenant)]

    def show(console: Console) -> None:
        console.print(gate_table(found) if found else "No gate is closed.")
        for reason in sorted({gate.reason for gate in found}):
            console.print(f"{reason.value}: {REASONS[reason].sentence} {REASONS[reason].remedy}")

    return Answer({"gates": [gate_document(gate) for gate in found]}, show)


async def _close(key: GateKey, who: str, why: str) -> Answer:
    async with open_database() as db:
        await use.close(db, PostgresOverview(db), key, who=who, why=why)
    return Answer({"gate": str(key), "closed": True}, lambda console: console.print(f"The gate {key} is closed."))


async def _open(key: GateKey, who: str, why: str) -> Answer:
    async with open_database() as db:
        was = await use.open_(db, PostgresOverview(db), key, who=who, why=why)
    sentence = f"The gate {key} is open." if was else f"The gate {key} was open already; nothing was changed."
    document = {"gate": str(key), "was_closed": was is not None, "reason": was.reason.value if was else None}
    return Answer(document, lambda console: console.print(sentence))
