"""The page of every command, made from the commands themselves.

Owns the form of `docs/cli.md`; write it with `TYPER_USE_RICH=0 python -m bridge.console.reference docs/cli.md`, without
rich since its boxes are as wide as the terminal. A test holds the page.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import typer

from bridge.console.main import build_app

WIDTH: Final = 110
_HEAD: Final = """# The command line `bridge`

Made from the commands themselves (`TYPER_USE_RICH=0 python -m bridge.console.reference docs/cli.md`); do not edit.

Every command takes `--json` and answers with one document on stdout, whose keys are stable. An error is one sentence on
stderr. Exit codes: 0 the answer is fine; 1 the answer is bad, or an act was refused; 2 the question could not be put
(configuration, usage, a server that does not answer). What changes something takes `--who` (or BRIDGE_OPERATOR) and
`--why`, and leaves a row in the audit log.
"""


def page() -> str:
    """Return the whole page."""
    root = typer.main.get_command(build_app())
    context = typer.Context(root, info_name="bridge", terminal_width=WIDTH)
    return "\n".join([_HEAD, *_sections(context)])


def _sections(context: typer.Context) -> Iterator[str]:
    commands = getattr(context.command, "commands", None)
    if commands is None:
        yield from _help(context)
        return
    if getattr(context.command, "invoke_without_command", False):
        yield from _help(context)
    for name in sorted(commands):
        yield from _sections(typer.Context(commands[name], info_name=name, parent=context, terminal_width=WIDTH))


def _help(context: typer.Context) -> Iterator[str]:
    lines = (line.rstrip() for line in context.command.get_help(context).splitlines())
    yield f"## {context.command_path}\n\n```text\n" + "\n".join(lines).strip() + "\n```\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
