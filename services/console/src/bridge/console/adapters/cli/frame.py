"""What every command shares: running, answering as a table or as JSON, errors as one sentence, exit codes.

0: the answer is fine. 1: the answer is bad, or an act was refused. 2: the question could not be put (configuration,
usage, a server that does not answer).
"""

import asyncio
import json
import shutil
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from bridge.durable.database import Database
from bridge.runtime.errors import BridgeError, ConfigurationError, TransientError
from bridge.runtime.redaction import redact, redact_text
from bridge.tenancy.acts import record_done

FINE: Final = 0
BAD: Final = 1
NOT_ASKED: Final = 2
_PIPE_WIDTH: Final = 180
"""Columns where there is no terminal to ask: whoever reads a file or a pipe can scroll."""
_STEERING: Final = dict.fromkeys(
    [*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd"
)
"""Control characters but tab and line end, and those that turn the direction of writing around."""

AsJson = Annotated[bool, typer.Option("--json", help="Answer with one JSON document; its keys are stable.")]
Who = Annotated[
    str, typer.Option("--who", envvar="BRIDGE_OPERATOR", help="Who asks for this; stands in the audit log.")
]
Why = Annotated[str, typer.Option("--why", help="Why; stands in the audit log.")]
ReleaseWho = Annotated[
    str, typer.Option("--who", envvar="BRIDGE_OPERATOR", help="Who releases this; stands in the audit log.")
]
ReleaseWhy = Annotated[str, typer.Option("--why", help="Why; stands in the audit log.")]
ForTenant = Annotated[str | None, typer.Option("--tenant", "-t", help="Only this tenant.")]
OfTenant = Annotated[str, typer.Option("--tenant", "-t", help="The tenant's id.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Only write the act down; do not wait for its owner.")]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command found: as a document, and as a picture for people."""

    document: Mapping[str, object]
    show: Callable[[Console], None]
    code: int = FINE


def run(work: Callable[[], Coroutine[None, None, Answer]], *, as_json: bool) -> NoReturn:
    """Run a command's work, print its answer, and leave with its code."""
    try:
        answer = asyncio.run(work())
    except BridgeError as error:
        typer.echo(redact_text(str(error)), err=True)
        could_not_ask = isinstance(error, ConfigurationError | TransientError)
        raise typer.Exit(NOT_ASKED if could_not_ask else BAD) from None
    if as_json:
        typer.echo(json.dumps(answer.document, default=_plain, ensure_ascii=False, indent=2))
    else:
        answer.show(console())
    raise typer.Exit(answer.code)


async def record_release(db: Database, verb: str, changed: Sequence[str], *, who: str, why: str) -> None:
    """Write down a step of a release that changed something; one that changed nothing leaves no trace."""
    if changed:
        async with db.transaction() as tx:
            await record_done(tx, who=who, why=why, verb=verb, tenant=None, args={"changed": list(changed)})


class _Screen(Console):
    """Draws what others wrote without what would steer the reader's terminal or turn the text around."""

    def render_str(self, text: str, *args: Any, **kwargs: Any) -> Text:
        return super().render_str(text.translate(_STEERING), *args, **kwargs)


def console() -> Console:
    """Return the console that answers are drawn on."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_WIDTH
    return _Screen(highlight=False, width=width, markup=False, emoji=False)


def examples(*lines: str) -> str:
    """Return the examples below a command's help."""
    return "Examples:\n\n" + "\n\n".join(f"  {line}" for line in lines)


def moment(value: datetime | None) -> str:
    """Return a time in this machine's zone, with the zone; `-` for none."""
    return value.astimezone().isoformat(sep=" ", timespec="seconds") if value is not None else "-"


def since(value: datetime | None) -> timedelta | None:
    """Return how long ago a time was, for showing; decisions are never taken by this clock."""
    return datetime.now(UTC) - value if value is not None else None


def safe(value: object) -> object:
    """Return a value as it may be shown: secrets masked by name and by content."""
    return redact(value)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone().isoformat(timespec="milliseconds")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
