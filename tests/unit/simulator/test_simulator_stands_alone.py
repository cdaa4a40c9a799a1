"""The simulators share no code with the clients they are to catch out."""

import ast
from pathlib import Path

import bridge.simulator

SOURCE = Path(bridge.simulator.__file__).parent


def imported(source: str) -> set[str]:
    """Every module that the source text imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found.add(node.module)
    return found


def foreign(source: str) -> set[str]:
    """The imports from other packages of this project."""
    own = "bridge.simulator"
    return {name for name in imported(source) if name.startswith("bridge.") and not f"{name}.".startswith(f"{own}.")}


def test_imports_nothing_from_other_packages_of_the_project() -> None:
    files = sorted(SOURCE.rglob("*.py"))

    assert files
    assert {path.name: foreign(path.read_text(encoding="utf-8")) for path in files} == {
        path.name: set() for path in files
    }


def test_a_shared_model_would_be_noticed() -> None:
    assert foreign("from bridge.tripletex.models import Customer\nimport bridge.simulators") == {
        "bridge.tripletex.models",
        "bridge.simulators",
    }
