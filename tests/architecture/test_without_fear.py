"""Every promise on the page of what one may do without fear names tests that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "without-fear.md"
_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
ROWS = [
    line
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| you may")
]


def _tests_of(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:40])
def test_a_promise_names_tests_that_exist(row: str) -> None:
    named = _NAMED.findall(row)

    assert named, f"No test is named: {row}"
    for file, test in named:
        assert (ROOT / file).exists(), f"{file} does not exist."
        assert test in _tests_of(ROOT / file), f"{file} has no {test}."


def test_each_test_of_failures_is_a_promise_on_the_page() -> None:
    files = sorted((ROOT / "tests" / "failure").glob("test_*.py"))
    written = {(str(file.relative_to(ROOT)), test) for file in files for test in _tests_of(file) if test[:5] == "test_"}

    assert written - set(_NAMED.findall(PAGE.read_text(encoding="utf-8"))) == set()
