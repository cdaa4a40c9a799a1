"""`bridge status`: how every tenant's flows stand."""

from dataclasses import asdict

import typer
from rich.console import Console
from rich.table import Table

from bridge.console.adapters.cli.frame import Answer, AsJson, ForTenant, examples, moment, run, safe
from bridge.console.adapters.cli.gate_view import gate_document, gate_table
from bridge.console.adapters.opening import open_database
from bridge.console.adapters.postgres_overview import PostgresOverview
from bridge.console.application.status import FlowStatus, Status
from bridge.console.application.status import status as read_status
from bridge.console.domain.words import age, ago, cut
from bridge.contracts.identity import TenantId

_STATES = ("ready", "sending", "in_doubt", "confirmed", "dead", "discarded")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=examples("bridge status", "bridge status --tenant acme --json"))(status)


def status(tenant: ForTenant = None, as_json: AsJson = False) -> None:
    """Show each tenant's flows: last good poll, work by state, oldest that waits, receipts, outboxes, closed gates."""
    run(lambda: _status(TenantId(tenant) if tenant else None), as_json=as_json)


async def _status(tenant: TenantId | None) -> Answer:
    async with open_database() as db:
        found = await read_status(PostgresOverview(db), tenant)
    document = {
        "flows": [_flow(flow) for flow in found.flows],
        "gates": [gate_document(gate) for gate in found.gates],
        "publisher_relay": asdict(found.publisher_relay),
    }
    return Answer(document, lambda console: _show(console, found))


def _flow(flow: FlowStatus) -> dict[str, object]:
    return {
        **asdict(flow),
        "states": {state: flow.states.get(state, 0) for state in _STATES},
        "last_error": safe(flow.last_error),
        "oldest_waiting_seconds": _waiting(flow),
    }


def _waiting(flow: FlowStatus) -> float | None:
    return (flow.as_of - flow.waits_since).total_seconds() if flow.waits_since is not None else None


def _show(console: Console, found: Status) -> None:
    table = Table(
        "tenant", "flow", "last good poll", "oldest waiting", *(s.replace("_", " ") for s in _STATES), "outbox", "note"
    )
    for flow in found.flows:
        counts = [str(flow.states.get(state, 0)) for state in _STATES]
        polled = ago(flow.as_of - flow.last_good_poll) if flow.last_good_poll is not None else "never"
        waiting = age(flow.as_of - flow.waits_since) if flow.waits_since is not None else "-"
        table.add_row(flow.tenant, flow.flow, polled, waiting, *counts, str(flow.outbox), _note(found, flow))
    console.print(table)
    if found.gates:
        console.print("Closed gates:")
        console.print(gate_table(found.gates))
    for flow in found.flows:
        if flow.last_error and flow.failing_polls:
            console.print(
                f"{flow.tenant}/{flow.flow}: {flow.failing_polls} polls failed: {cut(str(safe(flow.last_error)))}"
            )
    relay = found.publisher_relay
    if relay.outbox:
        aside = f", {relay.set_aside} of them set aside" if relay.set_aside else ""
        console.print(
            f"The publisher's relay has {relay.outbox} records before it since {moment(relay.oldest)}{aside}."
        )


def _note(found: Status, flow: FlowStatus) -> str:
    notes = [
        "removed" if flow.removed else "",
        "paused" if flow.paused else "",
        f"{flow.receipts} receipts to tell" if flow.receipts else "",
        f"{flow.set_aside} set aside" if flow.set_aside else "",
        *(gate.reason.value for gate in found.gates_of(flow)),
    ]
    return ", ".join(note for note in notes if note)
