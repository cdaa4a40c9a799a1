"""`bridge where customer N --tenant T`: one entity's journey."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bridge.console.adapters.cli.frame import Answer, AsJson, OfTenant, examples, moment, run, safe
from bridge.console.adapters.opening import open_database
from bridge.console.adapters.postgres_journey import PostgresJourneys
from bridge.console.application.where import STEPS_SHOWN, AtSource, DeliveryView, EntityKey, Journey, JourneyStep
from bridge.console.application.where import where as find
from bridge.console.domain.words import cut
from bridge.contracts.identity import EntityNumber, Flow, TenantId, Version

where = typer.Typer(help="Where one entity is, and how it came there.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(where, name="where")


@where.command(epilog=examples("bridge where customer 10472 --tenant acme"))
def customer(
    number: Annotated[str, typer.Argument(help="The customer number that both systems share.")],
    tenant: OfTenant,
    steps: Annotated[int, typer.Option(min=1, max=10_000, help="Newest steps to show.")] = STEPS_SHOWN,
    as_json: AsJson = False,
) -> None:
    """Show one customer: state, wanted and confirmed version, and every step with its place in Kafka and its trace."""
    key = EntityKey(TenantId(tenant), Flow.CUSTOMERS, EntityNumber(number))
    run(lambda: _where(key, steps), as_json=as_json)


async def _where(key: EntityKey, steps: int) -> Answer:
    async with open_database() as db:
        journey = await find(PostgresJourneys(db), key, steps=steps)
    return Answer(_document(journey), lambda console: _show(console, journey))


def _document(journey: Journey) -> dict[str, object]:
    return {
        **asdict(journey.key),
        "place": journey.place,
        "source": asdict(journey.source) if journey.source else None,
        "waiting_for_number": list(journey.waiting_for),
        "outbox": [asdict(row) for row in journey.outbox],
        "delivery": _delivery(journey.delivery) if journey.delivery else None,
        "steps": [_step(step) for step in journey.steps],
        "letters": [{**asdict(letter), "error": safe(letter.error)} for letter in journey.letters],
    }


def _delivery(row: DeliveryView) -> dict[str, object]:
    return {
        **asdict(row),
        "wanted": _version(row.wanted),
        "sent": _version(row.sent),
        "confirmed": _version(row.confirmed),
    }


def _step(step: JourneyStep) -> dict[str, object]:
    return {**asdict(step), "version": _version(step.version), "detail": safe(step.detail)}


def _version(version: Version | None) -> dict[str, int] | None:
    return {"revision": version.revision, "generation": version.generation} if version else None


def _show(console: Console, journey: Journey) -> None:
    console.print(f"Customer {journey.key.entity} of tenant {journey.key.tenant}: {journey.place}")
    facts = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in [*_source_facts(journey.source), *_delivery_facts(journey.delivery)]:
        facts.add_row(name, value)
    console.print(facts)
    for source_id in journey.waiting_for:
        console.print(f"The source's customer {source_id} asks for this number too and waits for it.")
    for row in journey.outbox:
        refused = f", set aside: {cut(row.error or '')}" if row.set_aside_at else ""
        console.print(f"In the {row.service}'s outbox since {moment(row.created_at)} for {row.topic}{refused}.")
    if journey.steps:
        console.print(_steps(journey))
    for letter in journey.letters:
        ending = f"{letter.closed_as} {moment(letter.closed_at)}" if letter.closed_at else "open"
        console.print(f"Dead letter {letter.letter_id} ({ending}): {letter.reason}: {cut(str(safe(letter.error)))}")


def _source_facts(source: AtSource | None) -> list[tuple[str, str]]:
    if source is None:
        return []
    facts = [
        ("at the source", f"id {source.holder_id}, version {source.source_version}, seen {moment(source.seen_at)}"),
        ("told", f"change {source.change_no}, revision {source.revision}, {moment(source.last_changed_at)}"),
    ]
    if source.withdrawn_because:
        facts[0] = ("at the source", f"withdrawn: {source.withdrawn_because}")
    if source.fault:
        facts.append(("fault", cut(source.fault)))
    return facts


def _delivery_facts(row: DeliveryView | None) -> list[tuple[str, str]]:
    if row is None:
        return []
    facts = [
        ("state", row.state + (f" ({row.reason})" if row.reason else "")),
        ("wanted", f"version {row.wanted}, change {row.change_no}, from {row.place}"),
        ("confirmed", f"version {row.confirmed}, {moment(row.confirmed_at)}" if row.confirmed else "never"),
        ("trace", row.trace_id or "-"),
    ]
    if row.due_at is not None:
        facts.append(("due", f"{moment(row.due_at)}, attempt {row.attempt}, unknown rounds {row.unknown_rounds}"))
    if row.refusal:
        facts.append(("refused", cut(row.refusal)))
    return facts


def _steps(journey: Journey) -> Table:
    table = Table("when", "step", "version", "state", "try", "record", "call", "what", "trace")
    for step in journey.steps:
        state = f"{step.from_state or '–'} → {step.to_state}" if step.to_state else step.from_state or ""
        call = " ".join(
            part for part in (step.how, f"{step.duration_ms} ms" if step.duration_ms is not None else None) if part
        )
        what = [step.outcome, step.reason, step.detail, ", ".join(step.changed_fields)]
        table.add_row(
            moment(step.at),
            step.step,
            str(step.version),
            state,
            str(step.attempt),
            str(step.place) if step.place else "",
            call,
            cut(str(safe("; ".join(part for part in what if part)))),
            step.trace_id or "",
        )
    return table
