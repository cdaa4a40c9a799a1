"""The end: one table a flow, and one sentence for everything that is not as it should be.

Owns the looks of the result. Judges nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console as Terminal
from rich.table import Table
from rich.text import Text

from bridge.demo.counts import CUSTOMERS, INVOICES, Seen, Told, percentile
from bridge.demo.proof import Proof

_TITLES: Final = {CUSTOMERS: "Customers, Tripletex to OC2", INVOICES: "Invoices, OC2 to Tripletex"}
_TIMES: Final = ("p50, source to target", "p95, source to target", "of which poll wait, up to")
_ROWS: Final = {
    CUSTOMERS: (
        *("changes seen", "confirmed", "superseded", "waiting", "in doubt", "dead", "lost", "doubled", "out of order"),
        *_TIMES,
    ),
    INVOICES: (
        *("changes seen", "confirmed", "of them with a letter", "superseded", "discarded", "waiting", "in doubt"),
        *("dead", "lost", "doubled", "out of order", "receipts given", "receipts missing"),
        *_TIMES,
    ),
}


def show_result(terminal: Terminal, seen: Sequence[Seen], proof: Proof, *, poll_seconds: float) -> None:
    """Print a table for each flow: the simulators' counts, and from the proof what is still on its way."""
    for flow, title in _TITLES.items():
        columns = [each for each in seen if each.flow == flow]
        table = Table("", title=f"{title}, as the simulators saw them", title_justify="left")
        for each in columns:
            table.add_column(each.tenant, justify="right")
        cells = [_cells(each, proof.told.get((each.tenant, flow)), poll_seconds) for each in columns]
        for name in _ROWS[flow]:
            table.add_row(name, *(found[name] for found in cells))
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


def _cells(seen: Seen, told: Told | None, poll_seconds: float) -> Mapping[str, Text | str]:
    return {
        "changes seen": str(seen.changes),
        "confirmed": str(seen.confirmed),
        "of them with a letter": _reasons(seen.with_letter),
        "superseded": str(seen.superseded),
        "discarded": str(seen.discarded),
        "waiting": str(told.waiting) if told else "?",
        "in doubt": str(told.in_doubt) if told else "?",
        "dead": _reasons(seen.dead),
        "lost": _must_be_none(len(seen.lost)),
        "doubled": _must_be_none(len(seen.doubled)),
        "out of order": _must_be_none(len(seen.out_of_order)),
        "receipts given": str(seen.receipts),
        "receipts missing": _must_be_none(seen.receipts_missing),
        "p50, source to target": _seconds(percentile(seen.latencies, 0.5)),
        "p95, source to target": _seconds(percentile(seen.latencies, 0.95)),
        "of which poll wait, up to": f"{poll_seconds:.1f} s",
    }


def _reasons(counts: Mapping[str, int]) -> str:
    return "\n".join(f"{count} {reason}" for reason, count in sorted(counts.items())) or "0"


def _must_be_none(count: int) -> Text:
    return Text(str(count), style="bold red" if count else "green")


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"
