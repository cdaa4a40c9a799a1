"""`bridge dead-letters retry`, `edit` and `discard`: what a person may ask of the publisher for a letter."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from bridge.console.adapters.cli.act_view import act_answer, act_document
from bridge.console.adapters.cli.follow_view import followed_document, followed_table
from bridge.console.adapters.cli.frame import (
    BAD,
    FINE,
    Answer,
    AsJson,
    DryRun,
    ForTenant,
    NoWait,
    Who,
    Why,
    examples,
    run,
    safe,
)
from bridge.console.adapters.opening import open_database
from bridge.console.adapters.postgres_follow import PostgresFollowing
from bridge.console.adapters.postgres_letters import PostgresLetters
from bridge.console.adapters.postgres_overview import PostgresOverview
from bridge.console.application import dead_letters as use
from bridge.console.application.acts import WAIT_SECONDS, Asker, ask
from bridge.console.application.edit import Edit, Wanted, prepare
from bridge.console.application.editing import EditRefusedError
from bridge.console.application.group_retry import Group, GroupOutcome, gather, retry_group
from bridge.console.application.known import require_known
from bridge.console.domain.words import cut
from bridge.contracts.identity import TenantId
from bridge.contracts.reasons import Reason
from bridge.runtime.errors import ConfigurationError
from bridge.tenancy.acts import Act, ActStatus, ActStore

_PATIENCE_SECONDS: Final = 300.0
_LARGEST_FILE: Final = 1024 * 1024
LetterId = Annotated[int, typer.Argument(help="The letter's id.")]


def add_to(group: typer.Typer) -> None:
    """Add the commands to the group of dead letters."""
    group.command(
        epilog=examples(
            "bridge dead-letters retry 17 --who anna --why 'OC2 takes long names now'",
            "bridge dead-letters retry --tenant acme --reason customer_unknown --who anna --why 'they are there now'",
        )
    )(retry)
    group.command(
        epilog=examples(
            "bridge dead-letters edit 17 --set lines.0.vatCode=3 --dry-run --who anna --why 'agreed with the shop'",
            "bridge dead-letters edit 17 --file content.json --who anna --why 'agreed with the shop'",
        )
    )(edit)
    group.command(epilog=examples("bridge dead-letters discard 17 --who anna --why 'test customer'"))(discard)


def retry(
    who: Who,
    why: Why,
    letter_id: Annotated[int | None, typer.Argument(help="The letter's id; without it, a group.")] = None,
    reason: Annotated[Reason | None, typer.Option(help="The group of this reason.", show_choices=False)] = None,
    tenant: ForTenant = None,
    everything: Annotated[bool, typer.Option("--all", help="The group of all open letters.")] = False,
    override: Annotated[bool, typer.Option("--override", help="Also what failed in five rounds or more.")] = False,
    patience: Annotated[
        float, typer.Option(min=1, max=3600, help="Seconds to wait for a part of a group to come to rest.")
    ] = _PATIENCE_SECONDS,
    dry_run: DryRun = False,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> None:
    """Ask the publisher to try again; a record that could not be mapped goes through the mapping again.

    A group begins with one letter, then ten, then the rest, and stops at the first that fails again.
    """
    wanted = use.LetterFilter(TenantId(tenant) if tenant else None, reason)
    if letter_id is None:
        asker = Asker(who, why, patience)
        run(
            lambda: _retry_group(wanted, asker, everything=everything, override=override, dry_run=dry_run),
            as_json=as_json,
        )
    run(lambda: _retry_one(letter_id, wanted, _asker(who, why, no_wait), override, dry_run), as_json=as_json)


def edit(
    letter_id: LetterId,
    who: Who,
    why: Why,
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="field=value, such as kid=1234567897; null takes it out.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", help="The whole content anew, as JSON.")] = None,
    dry_run: DryRun = False,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> None:
    """Ask the publisher to send an edited content instead of the letter's; shows what differs.

    Checked before it is asked for: the content keeps its contract and its number. A record that could not be mapped
    goes through the mapping again. The source keeps what it has: correct it there too, or its next change undoes this.
    """
    run(lambda: _edit(letter_id, file, sets or [], _asker(who, why, no_wait), dry_run), as_json=as_json)


def discard(letter_id: LetterId, who: Who, why: Why, no_wait: NoWait = False, as_json: AsJson = False) -> None:
    """Ask the publisher to give the entity's newest change up; a newer change begins anew.

    For an invoice that is at the target the letter alone is laid down.
    """
    run(lambda: _discard(letter_id, _asker(who, why, no_wait)), as_json=as_json)


def _asker(who: str, why: str, no_wait: bool) -> Asker:
    return Asker(who, why, 0.0 if no_wait else WAIT_SECONDS)


async def _discard(letter_id: int, asker: Asker) -> Answer:
    async with open_database() as db:
        request = await use.request_for(PostgresLetters(db), letter_id, use.DISCARD)
        return act_answer(await ask(ActStore(db), asker, request))


async def _retry_one(letter_id: int, wanted: use.LetterFilter, asker: Asker, override: bool, dry_run: bool) -> Answer:
    if wanted.tenant is not None or wanted.reason is not None:
        raise ConfigurationError("Name one letter by its id, or a group by --reason and --tenant, not both.")
    async with open_database() as db:
        request = replace(await use.request_for(PostgresLetters(db), letter_id, use.RETRY), override=override)
        if not dry_run:
            return act_answer(await ask(ActStore(db), asker, request))
    document = {"dry_run": True, "letters": [letter_id], "skipped": []}
    sentence = f"Dead letter {letter_id} would be retried; nothing was asked for."
    return Answer(document, lambda console: console.print(sentence))


async def _retry_group(
    wanted: use.LetterFilter, asker: Asker, *, everything: bool, override: bool, dry_run: bool
) -> Answer:
    async with open_database() as db:
        await require_known(PostgresOverview(db), wanted.tenant)
        group = await gather(PostgresLetters(db), wanted, everything=everything, override=override)
        if dry_run:
            return Answer(_group(group) | {"dry_run": True}, lambda console: _show_group(console, group))
        outcome = await retry_group(
            PostgresFollowing(db),
            asker,
            group.letters,
            override=override,
            on_step=lambda count: typer.echo(f"Retrying {count} …", err=True),
        )
    document = _group(group) | {
        "dry_run": False,
        "followed": [followed_document(each) for each in outcome.followed],
        "left": [head.letter_id for head in outcome.left],
    }
    return Answer(document, lambda console: _show_outcome(console, group, outcome), FINE if outcome.good else BAD)


def _group(group: Group) -> dict[str, object]:
    return {
        "letters": [head.letter_id for head in group.letters],
        "skipped": [{"letter": head.letter_id, "why": why} for head, why in group.skipped],
    }


def _show_group(console: Console, group: Group) -> None:
    for head in group.letters:
        console.print(f"would retry {head.letter_id}: {head.tenant}/{head.flow}/{head.entity}, {head.reason}")
    _show_skipped(console, group)
    console.print(f"{len(group.letters)} letters would be retried; nothing was asked for.")


def _show_outcome(console: Console, group: Group, outcome: GroupOutcome) -> None:
    console.print(followed_table(outcome.followed))
    _show_skipped(console, group)
    if outcome.left:
        console.print(
            f"Stopped: {len(outcome.left)} letters were not retried, since the cause is still there or nothing has "
            "passed yet. Mend it, then run this again."
        )


def _show_skipped(console: Console, group: Group) -> None:
    for head, why in group.skipped:
        console.print(f"Left out: dead letter {head.letter_id} ({head.entity or 'no entity'}): {why}.")


async def _edit(letter_id: int, file: Path | None, sets: Sequence[str], asker: Asker, dry_run: bool) -> Answer:
    text = _read(file) if file is not None else None
    async with open_database() as db:
        edit = await prepare(PostgresLetters(db), letter_id, Wanted(text, sets))
        act = None if dry_run else await ask(ActStore(db), asker, edit.request)
    document = {
        "dry_run": dry_run,
        "changes": [asdict(change) for change in edit.changes],
        "act": act_document(act) if act is not None else None,
    }
    refused = act is not None and act.status is ActStatus.REFUSED
    return Answer(document, lambda console: _show_edit(console, edit, act), BAD if refused else FINE)


def _show_edit(console: Console, edit: Edit, act: Act | None) -> None:
    for change in edit.changes:
        console.print(f"{change.path}: {_shown(change.before)} -> {_shown(change.after)}")
    if act is None:
        console.print("The contract holds and the number stays. Nothing was asked for; run it again without --dry-run.")
    else:
        act_answer(act).show(console)


def _shown(text: str | None) -> str:
    return cut(str(safe(text))) if text is not None else "(nothing)"


def _read(file: Path) -> str:
    try:
        if file.stat().st_size > _LARGEST_FILE:
            raise EditRefusedError(f"{file} is larger than any record may be; nothing was asked for.")
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read as text: {error}.") from error
