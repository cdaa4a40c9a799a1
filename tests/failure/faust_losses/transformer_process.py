"""The transformer as a process, composed by a test: as it is, or killed at the point before the input is committed."""

import os
import signal
import sys
from collections.abc import Mapping

from bridge.runtime.checkpoints import Checkpoint, Checkpoints, no_checkpoints
from bridge.runtime.lifecycle import run_main
from bridge.runtime.settings import load
from bridge.transformer.main import run_transformer
from bridge.transformer.settings import TransformerSettings


def die_before_commit(checkpoint: Checkpoint, ids: Mapping[str, object]) -> None:
    """Kill the process where every output is acknowledged and no input is committed."""
    if checkpoint is Checkpoint.AFTER_MAPPED_ACK_BEFORE_INPUT_COMMIT:
        os.kill(os.getpid(), signal.SIGKILL)


COMPOSITIONS: dict[str, Checkpoints] = {"plain": no_checkpoints, "die_before_commit": die_before_commit}

if __name__ == "__main__":
    run_main(lambda: run_transformer(load(TransformerSettings), checkpoints=COMPOSITIONS[sys.argv[1]]))
