"""The composition root of `bridge`: every group of commands on one door."""

import sys
from typing import NoReturn

import typer

from bridge.console.adapters.cli import (
    after_restore,
    audit,
    dead_letters,
    doctor,
    gates,
    migrate,
    outbox,
    proof,
    replay,
    resync,
    status,
    tenants,
    topics,
    verify,
    where,
)
from bridge.runtime.logging import configure_logging

_GROUPS = (
    migrate,
    topics,
    tenants,
    status,
    where,
    verify,
    proof,
    gates,
    dead_letters,
    outbox,
    replay,
    resync,
    after_restore,
    audit,
    doctor,
)


def build_app() -> typer.Typer:
    """Return the command line, whole."""
    app = typer.Typer(
        name="bridge",
        help="Operate the Tripletex–OC2 bridge: what is where, what is closed, what a person may do about it.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for group in _GROUPS:
        group.add_to(app)
    return app


def run() -> NoReturn:
    """Run one command and leave with its code; what nobody foresaw ends in one line, too."""
    # What the libraries log goes where it does not mix with the answer, and only what ends a command is worth a line.
    configure_logging("bridge", "CRITICAL", stream=sys.stderr)
    try:
        build_app()()
    except Exception as error:  # noqa: BLE001 (the process's one broad except: a person gets a sentence, not a stack)
        sys.stderr.write(f"bridge failed in a way that nobody foresaw ({type(error).__name__}); please report it.\n")
        sys.exit(1)
    sys.exit(0)
