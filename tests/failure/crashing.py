"""A service as a process, composed by a test: at a named point it is killed, or frozen, from within.

`python crashing.py <service> <checkpoint> <marker file> [KILL|STOP] [hit]`. The marker file gets the ids at hand,
written before the signal. Nothing else differs from the service's own program.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from bridge.poller.main import run_poller
from bridge.poller.settings import PollerSettings
from bridge.publisher.main import run_publisher
from bridge.publisher.settings import PublisherSettings
from bridge.runtime.checkpoints import Checkpoint, Checkpoints
from bridge.runtime.lifecycle import run_main
from bridge.runtime.settings import load
from bridge.transformer.main import run_transformer
from bridge.transformer.settings import TransformerSettings

_SERVICES: Mapping[str, Callable[[Checkpoints], Coroutine[Any, Any, int]]] = {
    "poller": lambda hook: run_poller(load(PollerSettings), checkpoints=hook),
    "transformer": lambda hook: run_transformer(load(TransformerSettings), checkpoints=hook),
    "publisher": lambda hook: run_publisher(load(PublisherSettings), checkpoints=hook),
}


class Ambush:
    """A hook that marks the spot and sends this very process a signal when the point is reached for the n-th time."""

    def __init__(self, point: Checkpoint, marker: Path, signum: signal.Signals, hit: int) -> None:
        self._point = point
        self._marker = marker
        self._signum = signum
        self._left = hit

    def __call__(self, checkpoint: Checkpoint, ids: Mapping[str, object]) -> None:
        """Count the points that mean something: a poll that told nothing is none."""
        if checkpoint is not self._point or ids.get("emitted") == 0:
            return
        self._left -= 1
        if self._left == 0:
            draft = self._marker.with_suffix(".draft")
            draft.write_text(json.dumps({name: _plain(value) for name, value in ids.items()}))
            draft.rename(self._marker)
            os.kill(os.getpid(), self._signum)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {"-".join(map(str, key)): number for key, number in value.items()}
    return value


if __name__ == "__main__":
    service, point, marker = sys.argv[1:4]
    signum = signal.Signals[f"SIG{sys.argv[4]}"] if len(sys.argv) > 4 else signal.SIGKILL
    hit = int(sys.argv[5]) if len(sys.argv) > 5 else 1
    run_main(lambda: _SERVICES[service](Ambush(Checkpoint(point), Path(marker), signum, hit)))
