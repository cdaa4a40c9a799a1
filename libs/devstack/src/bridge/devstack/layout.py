"""Where things lie: the checkout, its ignored `.local` folder, the files of this package's set-up.

Owns paths only. Must not create or read anything.
"""

from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[5]
LOCAL = CHECKOUT / ".local"
KAFKA_SOURCES = CHECKOUT / "libs" / "devstack" / "kafka"


@dataclass(frozen=True, slots=True)
class StackFolder:
    """The folder of one pair of servers: its data, its logs and the note of what runs."""

    root: Path = LOCAL

    @property
    def kafka(self) -> Path:
        """The broker's data folder."""
        return self.root / "data" / "kafka"

    @property
    def postgres(self) -> Path:
        """The database server's data folder."""
        return self.root / "data" / "postgres"

    @property
    def logs(self) -> Path:
        """The folder of both servers' logs."""
        return self.root / "log"

    @property
    def state(self) -> Path:
        """The note of which processes run detached."""
        return self.root / "devstack.json"

    @property
    def lock(self) -> Path:
        """Held by the command that starts or stops servers here."""
        return self.root / "devstack.lock"
