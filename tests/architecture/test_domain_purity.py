"""What the import linter cannot say: a domain imports nothing but an allowed few, awaits nothing, asks no clock."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_CHECKOUT = Path(__file__).resolve().parents[2]
_DOMAIN_FILES = sorted(_CHECKOUT.glob("services/*/src/bridge/*/domain/**/*.py"))
# Unicode's own segmentation of text into graphemes is no I/O, and the standard library has none.
_ALLOWED_LIBRARIES = {"regex"}
_CLOCKS = {"now", "today", "utcnow"}


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module


def _is_allowed(module: str, *, own_domain: str) -> bool:
    if module.split(".")[0] in sys.stdlib_module_names | _ALLOWED_LIBRARIES:
        return True
    return f"{module}.".startswith((f"{own_domain}.", "bridge.contracts."))


def _impurities(source: str, *, own_domain: str) -> list[str]:
    tree = ast.parse(source)
    found = [f"imports {name}" for name in _imports(tree) if not _is_allowed(name, own_domain=own_domain)]
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            found.append(f"line {node.lineno}: awaits")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CLOCKS:
            found.append(f"line {node.lineno}: asks a clock by .{node.func.attr}()")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"open", "print"}:
            found.append(f"line {node.lineno}: does I/O by {node.func.id}()")
    return found


@pytest.mark.parametrize("file", _DOMAIN_FILES, ids=lambda file: str(file.relative_to(_CHECKOUT)))
def test_domain_module_is_pure(file: Path) -> None:
    service = file.relative_to(_CHECKOUT / "services").parts[0]

    found = _impurities(file.read_text(encoding="utf-8"), own_domain=f"bridge.{service}.domain")

    assert found == []


@pytest.mark.parametrize(
    ("source", "impurity"),
    [
        pytest.param("import httpx", "imports httpx", id="library"),
        pytest.param("from bridge.runtime.errors import X", "imports bridge.runtime.errors", id="our-lib"),
        pytest.param("from bridge.poller.application import x", "imports bridge.poller.application", id="layer"),
        pytest.param("import bridge.contracts_of_others", "imports bridge.contracts_of_others", id="prefix"),
        pytest.param("async def f(): ...", "line 1: awaits", id="async"),
        pytest.param("x = datetime.now(UTC)", "line 1: asks a clock by .now()", id="clock"),
        pytest.param("open('x')", "line 1: does I/O by open()", id="open"),
    ],
)
def test_each_impurity_is_seen(source: str, impurity: str) -> None:
    assert _impurities(source, own_domain="bridge.poller.domain") == [impurity]


def test_what_a_domain_may_do_is_let_through() -> None:
    source = "\n".join(
        [
            "import decimal",
            "import regex",
            "from bridge.contracts.reasons import Reason",
            "from bridge.poller.domain.cursor import Cursor",
        ]
    )

    assert _impurities(source, own_domain="bridge.poller.domain") == []
