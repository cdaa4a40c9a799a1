"""`bridge proof` as the demo reads it.

Owns the reading of its document.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bridge.demo.console import Console
from bridge.demo.counts import Told
from bridge.testkit.simulator_answers import Json, JsonObject, as_object, as_rows, integer, text

FlowKey = tuple[str, str]
"""Tenant and flow."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The proof at one moment: whether its sums match, its counts, and the flows that have nothing on its way."""

    holds: bool
    told: Mapping[FlowKey, Told]
    at_rest: frozenset[FlowKey] = frozenset()

    def quiet(self, flow: str | None = None) -> bool:
        """Tell whether it knows of something and nothing is on its way, in one flow or in all."""
        asked = {key for key in self.told if flow in (None, key[1])}
        return bool(asked) and asked <= self.at_rest


NOTHING_YET: Final = Proof(holds=False, told={})


def ask_proof(console: Console) -> Proof:
    """Return the proof of this moment."""
    document, fine = console.ask("proof")
    rows = as_rows(document.get("flows"))
    return Proof(
        holds=fine,
        told={_key(row): _told(row) for row in rows},
        at_rest=frozenset(_key(row) for row in rows if row.get("quiet") is True),
    )


def _key(row: JsonObject) -> FlowKey:
    return text(row, "tenant"), text(row, "flow")


def _told(row: JsonObject) -> Told:
    problems = row.get("problems")
    return Told(
        tenant=text(row, "tenant"),
        flow=text(row, "flow"),
        changes=integer(row, "changes"),
        confirmed=integer(row, "confirmed"),
        superseded=integer(row, "superseded"),
        waiting=integer(row, "in_flight") + integer(row, "waiting"),
        in_doubt=integer(row, "in_doubt"),
        dead=_counts(row.get("dead_by_reason")),
        discarded=integer(row, "discarded"),
        with_letter=_counts(row.get("confirmed_with_letter")),
        receipts_missing=integer(row, "receipts_outstanding"),
        problems=tuple(str(problem) for problem in problems) if isinstance(problems, list) else (),
    )


def _counts(document: Json) -> Mapping[str, int]:
    reasons = as_object(document)
    return {reason: integer(reasons, reason) for reason in reasons}
