"""`python -m bridge.demo.look [--data DIR] WORDS…`: the CLI `bridge` on the data that the last demo left.

Owns the way back: servers up on the kept data for the length of one command. A demo that still runs is used as it is.
"""

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bridge.demo.console import PROGRAM
from bridge.demo.errors import DemoError
from bridge.demo.ground import FOLDER, kept_ground
from bridge.demo.opening import ENVIRONMENT_FILE, follow_servers
from bridge.devstack.errors import DevstackError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m bridge.demo.look",
        description="Run `bridge` on what the last demo left; its servers are started for as long as that takes.",
    )
    parser.add_argument("--data", type=Path, default=FOLDER, help="the demo's data folder (default: %(default)s)")
    parser.add_argument("words", nargs=argparse.REMAINDER, help="such as: status, proof, where customer 20008 -t …")
    found = parser.parse_args(arguments)
    try:
        environment = _environment(found.data / ENVIRONMENT_FILE)
        with kept_ground(found.data, _tell) as addresses:
            environment = follow_servers(environment, addresses)
            return subprocess.call([str(PROGRAM), *found.words], env={**os.environ, **environment})  # noqa: S603 (our own)
    except (DemoError, DevstackError) as error:
        print(error, file=sys.stderr)  # noqa: T201 (a command's answer)
        return 1
    except KeyboardInterrupt:
        print("Stopped; what the last demo left is still there.", file=sys.stderr)  # noqa: T201 (a command's answer)
        return 130


def _tell(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)  # noqa: T201 (a command's progress)


def _environment(file: Path) -> dict[str, str]:
    if not file.exists():
        raise DemoError("No demo has run here yet: `make demo` plays one, `make up` keeps it running.")
    words = [word for line in file.read_text(encoding="utf-8").splitlines() for word in shlex.split(line)[1:]]
    return {name: value for name, _, value in (word.partition("=") for word in words)}


if __name__ == "__main__":
    sys.exit(main())
