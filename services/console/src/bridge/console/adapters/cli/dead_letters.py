"""`bridge dead-letters`: the letters there are, one of them whole, and the acts on them."""

import base64
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bridge.console.adapters.cli import letter_acts
from bridge.console.adapters.cli.frame import Answer, AsJson, ForTenant, examples, moment, run, safe
from bridge.console.adapters.cli.letter_acts import LetterId
from bridge.console.adapters.opening import open_database
from bridge.console.adapters.postgres_letters import PostgresLetters
from bridge.console.adapters.postgres_overview import PostgresOverview
from bridge.console.application import dead_letters as use
from bridge.console.application.known import require_known
from bridge.console.domain.remedies import remedy_of
from bridge.console.domain.words import cut
from bridge.contracts.identity import TenantId
from bridge.contracts.reasons import Reason

dead_letters = typer.Typer(help="Events set aside: look, retry, edit, discard.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    letter_acts.add_to(dead_letters)
    app.add_typer(dead_letters, name="dead-letters")


@dead_letters.command("list", epilog=examples("bridge dead-letters list --tenant acme --reason name_missing"))
def list_(
    tenant: ForTenant = None,
    reason: Annotated[Reason | None, typer.Option(help="Only this reason.", show_choices=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Newest letters to show.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show dead letters, newest first; open ones only unless asked for all."""
    wanted = use.LetterFilter(TenantId(tenant) if tenant else None, reason, everything, limit)
    run(lambda: _list(wanted), as_json=as_json)


@dead_letters.command(epilog=examples("bridge dead-letters show 17", "bridge dead-letters show 17 --json"))
def show(letter_id: LetterId, as_json: AsJson = False) -> None:
    """Show one letter whole: reason, field, error, origin, headers, raw bytes, and the remedy."""
    run(lambda: _show(letter_id), as_json=as_json)


async def _list(wanted: use.LetterFilter) -> Answer:
    async with open_database() as db:
        await require_known(PostgresOverview(db), wanted.tenant)
        letters = await PostgresLetters(db).letters(wanted)
    return Answer({"letters": [_head(letter) for letter in letters]}, lambda console: _show_list(console, letters))


async def _show(letter_id: int) -> Answer:
    async with open_database() as db:
        letter = await use.show(PostgresLetters(db), letter_id)
    return Answer(_whole(letter), lambda console: _show_whole(console, letter))


def _head(letter: use.LetterHead) -> dict[str, object]:
    version = letter.version
    return {
        **asdict(letter),
        "version": {"revision": version.revision, "generation": version.generation} if version else None,
        "error": safe(letter.error),
    }


def _whole(letter: use.WholeLetter) -> dict[str, object]:
    return {
        **_head(letter.head),
        "remedy": remedy_of(letter.head.reason),
        "event_id": letter.event_id,
        "origin": {
            "topic": letter.origin_topic,
            "partition": letter.origin_partition,
            "offset": letter.origin_offset,
        },
        "key": safe(letter.key) if letter.key is not None else None,
        "headers": [[name, safe(value)] for name, value in letter.headers],
        "delivery": asdict(letter.delivery) if letter.delivery is not None else None,
        "raw_base64": base64.b64encode(letter.raw).decode(),
        "raw_text": safe(letter.raw),
    }


def _show_list(console: Console, letters: Sequence[use.LetterHead]) -> None:
    table = Table("id", "opened", "about", "stage", "reason", "field", "rounds", "state", "error")
    for letter in letters:
        about = "/".join(part for part in (letter.tenant, letter.flow, letter.entity) if part) or "(no entity)"
        table.add_row(
            str(letter.letter_id),
            moment(letter.opened_at),
            about,
            letter.stage,
            letter.reason,
            letter.field or "",
            str(letter.rounds),
            letter.closed_as or "open",
            cut(str(safe(letter.error))),
        )
    console.print(table if letters else "There are no such dead letters.")


def _show_whole(console: Console, letter: use.WholeLetter) -> None:
    head = letter.head
    facts = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in (
        ("letter", f"{head.letter_id}, {head.closed_as or 'open'} since {moment(head.closed_at or head.opened_at)}"),
        ("about", f"tenant {head.tenant or '-'}, {head.flow or '-'} {head.entity or '(no entity)'}"),
        ("version", str(head.version or "-")),
        ("reason", f"{head.reason} at {head.stage}" + (f", field {head.field}" if head.field else "")),
        ("error", str(safe(head.error))),
        ("remedy", remedy_of(head.reason) or "-"),
        ("tried", f"{head.attempts} attempts, {head.rounds} rounds of retries before"),
        ("origin", f"{letter.origin_topic}-{letter.origin_partition}@{letter.origin_offset}"),
        *_delivery_facts(letter.delivery),
        ("trace", head.trace_id or "-"),
        *([("closed by", f"{head.closed_by}: {head.closed_why or '-'}")] if head.closed_by else []),
        *((f"header {name}", str(safe(value))) for name, value in letter.headers),
        ("raw", cut(str(safe(letter.raw)), 2_000)),
    ):
        facts.add_row(name, value)
    console.print(facts)


def _delivery_facts(row: use.LetterDelivery | None) -> list[tuple[str, str]]:
    if row is None:
        return []
    facts = [("state now", row.state), ("sent", f"first {moment(row.first_sent_at)}, last {moment(row.last_sent_at)}")]
    if row.receipt_wanted or row.receipt_told:
        facts.append(("receipt wanted", cut(str(safe(row.receipt_wanted or "-")))))
        outstanding = " (one is to be told)" if row.receipt_outstanding else ""
        facts.append(("receipt told", cut(str(safe(row.receipt_told or "-"))) + outstanding))
    return facts
