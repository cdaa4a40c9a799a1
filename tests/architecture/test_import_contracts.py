"""The import contracts hold for the real tree and break for every kind of wrong import.

The linter runs over a copy of the packages that shadows the installed ones; one line is planted at a time.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_CHECKOUT = Path(__file__).resolve().parents[2]
_LINTER = "from importlinter.cli import lint_imports_command; lint_imports_command()"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all our packages as one import root."""
    root = tmp_path_factory.mktemp("tree")
    for package in [*_CHECKOUT.glob("libs/*/src/bridge/*"), *_CHECKOUT.glob("services/*/src/bridge/*")]:
        if package.is_dir() and package.name != "__pycache__":
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(package, root / "bridge" / package.name, ignore=ignored)
    return root


def _lint(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _LINTER, "--no-logo", "--no-cache", str(_CHECKOUT / ".importlinter")],
        env=dict(os.environ, PYTHONPATH=str(tree), COLUMNS="200"),
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )


def _broken_contracts(answer: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in answer.stdout.splitlines() if " BROKEN" in line]


def test_the_tree_as_it_is_keeps_every_contract(tree: Path) -> None:
    answer = _lint(tree)

    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        pytest.param("poller/planted", "import bridge.publisher", "Services stand on libs", id="service-service"),
        pytest.param("durable/planted", "import bridge.poller", "Services stand on libs", id="lib-service"),
        pytest.param("contracts/planted", "import bridge.runtime", "Services stand on libs", id="lib-layers"),
        pytest.param("messaging/planted", "import bridge.durable", "Services stand on libs", id="lib-lib"),
        pytest.param("poller/planted", "import bridge.testkit", "Services stand on libs", id="testkit"),
        pytest.param("newcomer/__init__", "", "Services stand on libs", id="package-without-a-place"),
        pytest.param(
            "publisher/domain/planted", "import bridge.publisher.adapters", "domain <- application", id="domain-up"
        ),
        pytest.param("publisher/domain/planted", "import asyncio", "A domain knows no clock", id="domain-asyncio"),
        pytest.param("publisher/domain/planted", "import pydantic", "A domain knows no clock", id="domain-lib"),
        pytest.param("poller/planted", "import aiokafka", "Only bridge.messaging", id="aiokafka"),
        pytest.param("poller/planted", "from psycopg import sql", "Only bridge.durable", id="psycopg"),
        pytest.param("tripletex/planted", "import httpx", "Only bridge.remote", id="httpx"),
        pytest.param("transformer/planted", "import faust", "Only the transformer's Faust shell", id="faust"),
        pytest.param("oc2/planted", "import bridge.durable", "The clients of Tripletex and OC2", id="clients"),
        pytest.param("tenancy/planted", "import bridge.remote", "Tenancy knows no Kafka", id="tenancy"),
        pytest.param("simulator/planted", "import bridge.contracts", "Simulator and development", id="simulator"),
        pytest.param("publisher/planted", "import bridge.devstack", "What runs in production", id="devstack"),
    ],
)
def test_a_planted_wrong_import_breaks_its_contract(tree: Path, module: str, line: str, contract: str) -> None:
    planted = tree / "bridge" / f"{module}.py"
    created = [folder for folder in planted.parents if not folder.exists()]
    _make_packages(created)
    planted.write_text(f"{line}\n")

    answer = _lint(tree)
    planted.unlink()
    for folder in created:
        shutil.rmtree(folder)

    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert any(broken.startswith(contract) for broken in _broken_contracts(answer)), answer.stdout


def _make_packages(folders: list[Path]) -> None:
    for folder in reversed(folders):
        folder.mkdir()
        (folder / "__init__.py").touch()
