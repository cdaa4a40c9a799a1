"""What people see: the progress while it runs, in place on a terminal and as plain lines elsewhere.

Owns the looks of the progress. Knows nothing of how it comes about.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from rich.console import Console as Terminal
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bridge.demo.counts import Told

_PIPE_WIDTH: Final = 160
_COLUMNS: Final = ("flow", "at target", "writes", "receipts", "told", "confirmed", "waiting", "in doubt", "dead")


@dataclass(frozen=True, slots=True)
class Row:
    """One tenant's flow: entities at the target, writes there so far, what the proof tells, receipts at the source."""

    tenant: str
    flow: str
    at_target: int
    writes: int
    told: Told | None
    receipts: int | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        """The columns, as `_COLUMNS` names them."""
        receipts = "" if self.receipts is None else str(self.receipts)
        there = (self.tenant, self.flow, str(self.at_target), str(self.writes), receipts)
        if self.told is None:
            return (*there, "-", "-", "-", "-", "-")
        told = self.told
        counts = (told.changes, told.confirmed, told.waiting, told.in_doubt, sum(told.dead.values()))
        return (*there, *map(str, counts))


class Screen:
    """Shows the progress; a context manager around the time in which it moves."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self._began = time.monotonic()
        self._doing = ""
        self._shown: Sequence[Row] = ()
        self._live = Live(console=terminal, auto_refresh=False, transient=True) if terminal.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, line: str) -> None:
        """Print a line that stays."""
        self.terminal.print(Text.assemble((f"{time.monotonic() - self._began:5.1f} s  ", "dim"), line))

    def wait(self, what: str) -> None:
        """Tell what is waited for from now on: under the table, or as a line where there is no terminal."""
        self._doing = f"waiting: {what}"
        if self._live is None:
            self.say(self._doing)

    def reached(self, what: str) -> None:
        """Print that what was waited for has come true, as a line that stays."""
        self._doing = ""
        self.say(what)

    def show(self, rows: Sequence[Row]) -> None:
        """Show the progress; where there is no terminal, only if it has moved."""
        if self._live is not None:
            self._live.update(Group(_table(rows), Text(self._doing, style="italic")), refresh=True)
        else:
            before = set(map(_line, self._shown))
            if moved := [line for line in map(_line, rows) if line not in before]:
                self.say("  " + "; ".join(moved))
        self._shown = rows


def terminal() -> Terminal:
    """Return the terminal, or a pipe with lines wide enough for the tables."""
    found = Terminal(highlight=False, emoji=False, markup=False)
    return found if found.is_terminal else Terminal(highlight=False, emoji=False, markup=False, width=_PIPE_WIDTH)


def _line(row: Row) -> str:
    words = [f"{row.tenant} {row.flow}: {row.at_target} there"]
    if row.told is not None:
        told = row.told
        words += [f"{told.changes} told", f"{told.confirmed} confirmed"]
        words += [f"{told.waiting} waiting"] if told.waiting else []
        words += [f"{told.in_doubt} in doubt"] if told.in_doubt else []
    return ", ".join(words)


def _table(rows: Sequence[Row]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("tenant")
    for name in _COLUMNS:
        table.add_column(name, justify="left" if name == "flow" else "right")
    for row in rows:
        table.add_row(*row.cells)
    return table
