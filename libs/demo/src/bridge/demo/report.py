"""The end: one table, and one sentence for everything that is not as it should be.

Owns the looks of the result. Judges nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console as Terminal
from rich.table import Table
from rich.text import Text

from bridge.demo.judge import Seen, Told, percentile

_ROWS: Final = (
    *("changes seen", "confirmed", "superseded", "waiting", "in doubt", "dead", "lost", "doubled", "out of order"),
    *("p50, source to OC2", "p95, source to OC2", "of which poll wait, up to"),
)


def show_result(terminal: Terminal, seen: Sequence[Seen], told: Mapping[str, Told], *, poll_seconds: float) -> None:
    """Print the table: the simulators' counts, and from the proof what is still on its way."""
    table = Table("", title="What the simulators saw", title_justify="left")
    for each in seen:
        table.add_column(each.tenant, justify="right")
    columns = [_cells(each, told.get(each.tenant), poll_seconds) for each in seen]
    for name, *cells in zip(_ROWS, *columns, strict=True):
        table.add_row(name, *cells)
    terminal.print()
    terminal.print(table)


def show_verdict(terminal: Terminal, problems: Sequence[str]) -> None:
    """Print whether everything is as it should be, and if not, what is not."""
    if not problems:
        terminal.print(
            Text("Nothing lost, nothing doubled, nothing out of order; simulators and `bridge proof` agree.", "green")
        )
        return
    terminal.print(Text("This must not be:", style="bold red"))
    for problem in problems:
        terminal.print(Text(f"  {problem}", style="red"))


def _cells(seen: Seen, told: Told | None, poll_seconds: float) -> tuple[Text | str, ...]:
    dead = "\n".join(f"{count} {reason}" for reason, count in sorted(seen.dead.items())) or "0"
    return (
        str(seen.changes),
        str(seen.confirmed),
        str(seen.superseded),
        str(told.waiting) if told else "?",
        str(told.in_doubt) if told else "?",
        dead,
        _must_be_none(len(seen.lost)),
        _must_be_none(len(seen.doubled)),
        _must_be_none(len(seen.out_of_order)),
        _seconds(percentile(seen.latencies, 0.5)),
        _seconds(percentile(seen.latencies, 0.95)),
        f"{poll_seconds:.1f} s",
    )


def _must_be_none(count: int) -> Text:
    return Text(str(count), style="bold red" if count else "green")


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"
