"""Named points on the road of an event at which a test may end the process.

Production code calls `no_checkpoints`; only a test's own composition root hands in one that kills. There is no
setting and no variable that does so.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum


class Checkpoint(StrEnum):
    """Where something is durable and the next thing is not yet."""

    AFTER_OUTBOX_COMMIT = "after_outbox_commit"
    AFTER_PRODUCE_BEFORE_DELETE = "after_produce_before_delete"
    AFTER_MAPPED_ACK_BEFORE_INPUT_COMMIT = "after_mapped_ack_before_input_commit"
    AFTER_INGEST_COMMIT_BEFORE_OFFSET_COMMIT = "after_ingest_commit_before_offset_commit"
    AFTER_CLAIM_COMMIT_BEFORE_REQUEST = "after_claim_commit_before_request"
    AFTER_ANSWER_BEFORE_DONE = "after_answer_before_done"
    AFTER_RECEIPT_CLAIM_BEFORE_REQUEST = "after_receipt_claim_before_request"


Checkpoints = Callable[[Checkpoint, Mapping[str, object]], None]
"""Called with the point reached and the ids at hand; returns at once."""


def no_checkpoints(checkpoint: Checkpoint, ids: Mapping[str, object]) -> None:
    """Do nothing."""
