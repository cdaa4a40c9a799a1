"""The page of cases from the field names tests that exist, and at least one for each case."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "field-cases.md").read_text(encoding="utf-8")
NAMED = re.compile(r"^- (tests/\S+\.py)::(test_\w+)$", re.MULTILINE)


def sections() -> dict[str, str]:
    """Return each case's part of the page by its number."""
    parts = re.split(r"^### (\w+)$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def functions_of(path: str) -> set[str]:
    """Return the names of the test functions of a file."""
    file = ROOT / path
    if not file.exists():
        return set()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("case", sections())
def test_every_case_names_tests_that_exist(case: str) -> None:
    named = NAMED.findall(sections()[case])

    missing = [f"{path}::{test}" for path, test in named if test not in functions_of(path)]

    assert named
    assert missing == []


def test_no_line_that_names_a_test_escapes_the_check() -> None:
    assert len(NAMED.findall(PAGE)) == PAGE.count("::")


def test_a_test_that_does_not_exist_is_noticed() -> None:
    assert "test_nothing" not in functions_of("tests/architecture/test_field_cases.py")
    assert functions_of("tests/architecture/gone.py") == set()
