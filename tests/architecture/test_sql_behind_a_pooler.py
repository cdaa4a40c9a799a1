"""No SQL of ours needs a session: behind a pooler in transaction mode a session belongs to nobody (K03, K04).

Ownership rests on lease rows and on locks that end with their transaction. What a session would keep is refused here:
session advisory locks, LISTEN, SET outside SET LOCAL, prepared statements, held cursors, temporary tables.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SKIPPED = {"devstack", "simulator"}
"""The development servers' own control, and the simulators, which hold no product database."""

_COMMENT = re.compile(r"--[^\n]*")
_ANYWHERE = {
    "a session advisory lock": re.compile(r"\bpg_(try_)?advisory_(lock|unlock)\w*", re.IGNORECASE),
    "a session setting": re.compile(r"\bset_config\s*\([^)]*,\s*false\s*\)", re.IGNORECASE),
    "a held cursor": re.compile(r"\bWITH\s+HOLD\b"),
}
_AT_START = {
    "a session setting": re.compile(
        r"SET\s+(?!LOCAL\b|TRANSACTION\b|CONSTRAINTS\b)(SESSION\s+)?\w+(\.\w+)?\s*(=|TO\b)"
    ),
    "LISTEN": re.compile(r"(UN)?LISTEN\s+[\w*\"{]"),
    "a prepared statement": re.compile(r"(PREPARE|DEALLOCATE|EXECUTE)\s+\w+"),
    "a temporary table": re.compile(r"CREATE\s+TEMP"),
}


def session_needs(sql: str) -> list[str]:
    """Return what in this SQL only a session could keep."""
    plain = _COMMENT.sub("", sql)
    found = [what for what, pattern in _ANYWHERE.items() if pattern.search(plain)]
    for statement in plain.split(";"):
        found.extend(what for what, pattern in _AT_START.items() if pattern.match(statement.strip()))
    return found


def _sources() -> Iterator[tuple[str, str]]:
    for folder in ("libs", "services"):
        for path in sorted((ROOT / folder).glob("*/src/bridge/*/**/*")):
            if path.parts[len(ROOT.parts) + 1] in SKIPPED:
                continue
            place = str(path.relative_to(ROOT))
            if path.suffix == ".sql":
                yield place, path.read_text(encoding="utf-8")
            elif path.suffix == ".py":
                for text in _strings(path):
                    yield place, text


def _strings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_no_statement_of_ours_needs_a_session() -> None:
    sources = list(_sources())

    assert sum(place.endswith(".sql") for place, _ in sources) >= 5
    assert [(place, need) for place, text in sources for need in session_needs(text)] == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_try_advisory_lock_shared(1)",
        "SELECT 1; SET statement_timeout = 0",
        "SET SESSION timezone TO 'UTC'",
        "-- why\nLISTEN wake",
        "SELECT set_config('a.b', '1', false)",
        "PREPARE q AS SELECT 1",
        "CREATE TEMP TABLE x ()",
    ],
)
def test_a_statement_that_needs_a_session_is_found(sql: str) -> None:
    assert session_needs(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT pg_advisory_xact_lock(1)",
        "BEGIN; SET LOCAL timezone = 'UTC'",
        "UPDATE t\nSET a = 1",
        "-- SET is fine here; LISTEN too\nSELECT 1",
        "GRANT EXECUTE ON FUNCTION f TO bridge_poller",
    ],
)
def test_what_ends_with_the_transaction_is_fine(sql: str) -> None:
    assert session_needs(sql) == []
