"""The page of the commands is what the commands say."""

import os
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_of_the_command_line_is_made_from_the_commands(tmp_path: Path) -> None:
    made = tmp_path / "cli.md"
    command = [sys.executable, "-m", "bridge.console.reference", str(made)]

    subprocess.run(command, env={**os.environ, "TYPER_USE_RICH": "0"}, check=True)

    assert (DOCS / "cli.md").read_text(encoding="utf-8") == made.read_text(encoding="utf-8")
