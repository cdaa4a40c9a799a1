"""`python docker/install.py FOLDER PACKAGE…`: a virtual environment with packages of ours and what they need.

Owns what goes into an image: the packages, those of ours that they stand on, and third parties at the versions and with
the hashes of requirements.lock. Nothing of anybody else is built here; only wheels are taken.
"""

import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

_OURS: Final = "bridge-"


def needed(root: Path, packages: Sequence[str]) -> list[Path]:
    """Return the folders of packages and of all of ours that they stand on, each once, in order of their names.

    Raises:
        KeyError: There is no such package of ours.
    """
    folders = {file.parent.name: file.parent for pattern in ("libs", "services") for file in _projects(root / pattern)}
    found: dict[str, Path] = {}
    left = list(packages)
    while left:
        name = left.pop()
        if name not in found:
            found[name] = folders[name]
            left += _stands_on(folders[name])
    return [found[name] for name in sorted(found)]


def command(root: Path, packages: Sequence[str], python: Path) -> list[str]:
    """Return the command line that installs packages into the environment of `python`."""
    folders = needed(root, packages)
    lock = str(root / "requirements.lock")
    line = ["uv", "pip", "install", "--python", str(python), "--compile-bytecode", "--link-mode", "copy", "--no-cache"]
    # A constraint's hashes are checked, also those of what builds our wheels.
    line += ["--constraint", lock, "--build-constraint", lock, "--overrides", str(root / "docker" / "overrides.txt")]
    line += ["--only-binary", ":all:"]
    for folder in folders:
        line += ["--no-binary", f"{_OURS}{folder.name}"]
    return [*line, *(str(folder) for folder in folders)]


def _projects(folder: Path) -> Iterator[Path]:
    yield from folder.glob("*/pyproject.toml")


def _stands_on(folder: Path) -> list[str]:
    project: Mapping[str, list[str]] = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    return [line.removeprefix(_OURS) for line in project["dependencies"] if line.startswith(_OURS)]


def main(folder: str, *packages: str) -> None:
    """Make the environment."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)  # noqa: S603 (our own words)
    line = command(Path(__file__).resolve().parents[1], packages, Path(folder, "bin", "python"))
    subprocess.run(line, check=True)  # noqa: S603 (our own words)


if __name__ == "__main__":
    main(*sys.argv[1:])
