"""The operator's door: the real CLI `bridge`, run as people run it.

Owns the command line and the reading of its JSON. Knows nothing of what is behind it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bridge.demo.errors import DemoError
from bridge.testkit.simulator_answers import JsonObject

PROGRAM: Final = Path(sys.executable).with_name("bridge")
_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Console:
    """The CLI with the environment that leads it to this demo's servers."""

    environment: Mapping[str, str] = field(repr=False)

    def act(self, *words: str) -> None:
        """Run a command that changes something.

        Raises:
            DemoError: It failed; the text is its own.
        """
        answer = self._run(*words)
        if answer.returncode != 0:
            raise DemoError(f"`bridge {' '.join(words)}` failed: {(answer.stderr or answer.stdout).strip()}")

    def act_at_once(self, *commands: Sequence[str]) -> None:
        """Run several such commands side by side: most of their time is their start.

        Raises:
            DemoError: One failed.
        """
        with ThreadPoolExecutor(len(commands)) as pool:
            for outcome in [pool.submit(self.act, *words) for words in commands]:
                outcome.result()

    def ask(self, *words: str) -> tuple[JsonObject, bool]:
        """Return a command's JSON document, and whether its exit code was 0.

        Raises:
            DemoError: It gave no document.
        """
        answer = self._run(*words, "--json")
        if answer.returncode > 1:
            raise DemoError(f"`bridge {' '.join(words)}` failed: {answer.stderr.strip()}")
        document = json.loads(answer.stdout)
        return document, answer.returncode == 0

    def show(self, *words: str) -> str:
        """Return what a command shows to people."""
        return self._run(*words).stdout

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(  # noqa: S603 (our own program)
                [str(PROGRAM), *words],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise DemoError(f"`bridge {' '.join(words)}` gave no answer within {_SECONDS:g} s.") from None
