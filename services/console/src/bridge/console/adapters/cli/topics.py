"""`bridge topics`: the declared topics and the broker's."""

import typer
from rich.console import Console
from rich.table import Table

from bridge.console.adapters.cli.frame import (
    Answer,
    AsJson,
    DryRun,
    ReleaseWho,
    ReleaseWhy,
    examples,
    record_release,
    run,
)
from bridge.console.adapters.opening import open_database, open_topics
from bridge.console.settings import BrokerSettings
from bridge.contracts.topics import TOPICS, wire_name
from bridge.durable.migrate import discover, require_head
from bridge.messaging.admin import TopicChange, TopicState
from bridge.runtime.settings import load

topics = typer.Typer(help="The topics of this cell: declared in the release, made on the broker.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(topics, name="topics")


@topics.command(epilog=examples("bridge topics apply --dry-run", "CONSOLE_TOPICS__REPLICATION=3 bridge topics apply"))
def apply(
    dry_run: DryRun = False, who: ReleaseWho = "release", why: ReleaseWhy = "release", as_json: AsJson = False
) -> None:
    """Make the broker's topics as declared: create, add partitions, set retention. Never deletes.

    What was changed stands in the audit log, so the database must have been migrated before.
    """
    run(lambda: _preview() if dry_run else _apply(who, why), as_json=as_json)


@topics.command("list", epilog=examples("bridge topics list", "bridge topics list --json"))
def list_(as_json: AsJson = False) -> None:
    """Show each declared topic and what the broker has."""
    run(_list, as_json=as_json)


async def _preview() -> Answer:
    return _answer(await _make(dry_run=True), dry_run=True)


async def _apply(who: str, why: str) -> Answer:
    async with open_database() as db:
        # Before anything is changed: a change that cannot be written down is not made.
        await require_head(db, discover())
        changes = await _make(dry_run=False)
        done = [f"{change.kind} {change.topic}: {change.detail}" for change in changes]
        await record_release(db, "topics.apply", done, who=who, why=why)
    return _answer(changes, dry_run=False)


async def _make(*, dry_run: bool) -> list[TopicChange]:
    settings = load(BrokerSettings)
    async with open_topics(settings) as admin:
        return await admin.apply(
            TOPICS,
            prefix=settings.kafka.topic_prefix,
            replication=settings.topics.replication,
            min_insync=settings.topics.min_insync,
            dry_run=dry_run,
        )


def _answer(changes: list[TopicChange], *, dry_run: bool) -> Answer:
    def show(console: Console) -> None:
        for change in changes:
            console.print(f"{'would ' if dry_run else ''}{change.kind} {change.topic}: {change.detail}")
        if not changes:
            console.print("The topics are as declared; there is nothing to do.")

    document = [{"topic": each.topic, "kind": each.kind.value, "detail": each.detail} for each in changes]
    return Answer({"dry_run": dry_run, "changes": document}, show)


async def _list() -> Answer:
    settings = load(BrokerSettings)
    names = [wire_name(spec.name, settings.kafka.topic_prefix) for spec in TOPICS]
    async with open_topics(settings) as admin:
        found = {state.topic: state for state in await admin.describe(names)}

    def show(console: Console) -> None:
        table = Table("topic", "partitions", "replication", "retention", "written by", "read by")
        for name, spec in zip(names, TOPICS, strict=True):
            state = found.get(name)
            partitions = (
                f"{state.partitions} of {spec.partitions}" if state else f"missing (declared {spec.partitions})"
            )
            replication = str(state.replication) if state else "-"
            table.add_row(name, partitions, replication, f"{spec.retention.days} d", spec.writer, spec.reader)
        console.print(table)

    rows = [
        {
            "topic": name,
            "declared_partitions": spec.partitions,
            "retention_seconds": spec.retention.total_seconds(),
            "writer": spec.writer,
            "reader": spec.reader,
            "broker": _state(found.get(name)),
        }
        for name, spec in zip(names, TOPICS, strict=True)
    ]
    return Answer({"topics": rows}, show)


def _state(state: TopicState | None) -> dict[str, object] | None:
    if state is None:
        return None
    return {"partitions": state.partitions, "replication": state.replication, "settings": dict(state.settings)}
