"""Rules that every command keeps."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from bridge.console.main import build_app

CHANGING = {
    "tenants apply",
    "tenants go-live",
    "tenants ledger-floor",
    "gates close",
    "gates open",
    "dead-letters retry",
    "dead-letters edit",
    "dead-letters discard",
    "outbox retry",
    "outbox discard",
    "replay",
    "resync",
    "after-restore",
    "verify",
}


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Walk the tree of commands."""
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, (*path, name))
    if not hasattr(command, "commands"):
        yield " ".join(path), command


ALL = dict(commands(typer.main.get_command(build_app())))


@pytest.mark.parametrize("name", ALL)
def test_every_command_answers_as_json_and_shows_an_example_of_itself(name: str) -> None:
    options = {option for parameter in ALL[name].params for option in parameter.opts}

    assert "--json" in options
    assert f"bridge {name}" in ALL[name].epilog
    assert ALL[name].help


@pytest.mark.parametrize("name", ALL)
def test_who_and_why_are_asked_exactly_of_what_changes_something(name: str) -> None:
    required = {option for parameter in ALL[name].params if parameter.required for option in parameter.opts}

    assert ({"--who", "--why"} <= required) is (name in CHANGING)


def test_the_list_of_changing_commands_names_only_commands() -> None:
    assert set(ALL) >= CHANGING
