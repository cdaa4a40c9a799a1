"""What others wrote is shown as text: it neither steers the terminal nor is taken for markup."""

import pytest
from rich.table import Table

from bridge.console.adapters.cli.frame import console


def test_t07_words_of_the_target_are_shown_as_they_are_and_steer_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    words = 'No EHF for <a href="/x">this</a> [bold]customer[/bold].\x1b[2J\x9b31m\u202e\tÆØÅ'
    table = Table("said")
    table.add_row(words)
    screen = console()

    screen.print(words)
    screen.print(table)

    shown = capsys.readouterr().out
    assert shown.count('<a href="/x">this</a> [bold]customer[/bold].\ufffd[2J\ufffd31m\ufffd') == 2
    assert shown.count("ÆØÅ") == 2
    assert not {"\x1b", "\x9b", "\u202e"} & set(shown)
