"""How a closed gate is shown, wherever one is."""

from collections.abc import Sequence

from rich.table import Table

from bridge.console.adapters.cli.frame import moment, safe, since
from bridge.console.domain.words import age, cut
from bridge.contracts.reasons import REASONS
from bridge.tenancy.gates import Gate


def gate_document(gate: Gate) -> dict[str, object]:
    """Return a gate for JSON."""
    return {
        "scope": gate.key.scope.value,
        "subject": gate.key.subject,
        "tenant": gate.key.tenant,
        "reason": gate.reason.value,
        "why": safe(gate.why),
        "since": gate.since,
        "until": gate.until,
        "next_probe": gate.next_probe,
        "closed_by": gate.closed_by,
        "half_open": gate.half_open,
        "remedy": REASONS[gate.reason].remedy,
    }


def gate_table(gates: Sequence[Gate]) -> Table:
    """Return gates as a table."""
    table = Table("scope", "subject", "reason", "since", "for", "next probe", "closed by", "why")
    for gate in gates:
        table.add_row(
            gate.key.scope.value,
            gate.key.subject,
            gate.reason.value,
            moment(gate.since),
            age(since(gate.since)),
            "half open" if gate.half_open else moment(gate.next_probe),
            gate.closed_by,
            cut(str(safe(gate.why))),
        )
    return table
