"""`python -m bridge.demo.keys DIR`: the passwords of a fresh database, as files.

Owns their names: `DIR/<user>/password` for whoever sets it, and `DIR/<user>/pgpass`, which Postgres clients read where
PGPASSFILE names it. What is there already stays, so a second run changes nothing.
"""

import argparse
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bridge.devstack.files import write_atomically

USERS: Final[Mapping[str, str]] = {
    "owner": "bridge",
    "poller": "bridge_poller",
    "publisher": "bridge_publisher",
    "console": "bridge_console",
}
"""Each folder with the database user whose password it holds."""


def make_keys(folder: Path) -> None:
    """Write what is missing. A folder is for its readers alone, and the server is one that runs as another user."""
    for name, user in USERS.items():
        password = folder / name / "password"
        if not password.exists():
            write_atomically(password, secrets.token_urlsafe(24), mode=0o444)
        # The client library ignores a file that others may read.
        write_atomically(folder / name / "pgpass", f"*:*:*:{user}:{password.read_text('ascii')}\n", mode=0o600)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m bridge.demo.keys", description="Make the database's passwords, where there are none yet."
    )
    parser.add_argument("folder", type=Path)
    make_keys(parser.parse_args(arguments).folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
