"""Acts on dead letters whose records cannot be sent from here."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from bridge.contracts.identity import Shard
from bridge.contracts.reasons import Reason, Stage
from bridge.contracts.topics import MAX_EVENT_BYTES
from bridge.publisher.adapters.memory_deliveries import KeptLetter, MemoryDeliveries
from bridge.publisher.application.acts import RETRY, Acts
from bridge.publisher.application.ports import AskedAct, Hold
from bridge.publisher.domain.delivery.model import Policy
from bridge.publisher.domain.journal import Letter, Origin
from bridge.testkit.clock import ManualClock


class NoShards:
    """Holds nothing: letters about no tenant are for anybody."""

    def current(self) -> Mapping[Shard, Hold]:
        return {}


def letter(raw: bytes) -> Letter:
    return Letter(
        tenant=None,
        flow=None,
        entity=None,
        version=None,
        event_id=None,
        stage=Stage.INGEST,
        reason=Reason.EVENT_UNREADABLE,
        field=None,
        error="unreadable",
        raw=raw,
        origin=Origin("customer-mapped", 3, 77, None, ()),
        attempts=0,
        trace_id=None,
        dedupe_key="bytes:1",
    )


@pytest.mark.parametrize(("size", "done"), [(MAX_EVENT_BYTES, True), (MAX_EVENT_BYTES + 1, False)])
async def test_a_record_too_large_for_the_outbox_is_refused_in_a_sentence_and_ends_nobody(
    size: int, *, done: bool
) -> None:
    store = MemoryDeliveries(ManualClock().now)
    store.memory.letters[1] = KeptLetter(1, letter(b"x" * size))
    store.memory.acts[9] = AskedAct(9, RETRY, "kari", "known now", None, None, None, None, 1)
    policy = Policy(settle=timedelta(seconds=60))
    acts = Acts(store, NoShards(), policy=policy, dead_letter_topic="dead", look_every_seconds=1, on_work=lambda: None)

    assert await acts.apply_once() == 1

    is_done, outcome = store.memory.finished[9]
    assert is_done is done
    assert len(store.memory.outbox) == done
    assert (store.memory.letters[1].closed_as == "retried") is done
    if not done:
        assert "customer-mapped-3 at offset 77" in outcome
