"""The one door: whatever was seen at a source comes through here, whoever saw it.

Compare with the memory, write what differs and its outbox rows, in one transaction behind the fence. Polls, sweeps
and heals differ only in what they look at.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bridge.contracts.identity import EntityNumber, SourceId
from bridge.poller.application.ports import Memory, Post, RowSource, Unit
from bridge.poller.domain.batches import BatchRead
from bridge.poller.domain.change import decide
from bridge.poller.domain.claims import ClaimRules
from bridge.poller.domain.cursor import Cursor
from bridge.poller.domain.memory import Decisions, Seen, Sight, Tally
from bridge.runtime.checkpoints import Checkpoint, Checkpoints, no_checkpoints
from bridge.runtime.metrics import Metric, count


@dataclass(frozen=True, slots=True)
class Arrival:
    """The end of a poll: the cursor it moves to, in the same transaction, and when the next poll is due."""

    move: Callable[[Cursor], Cursor]
    due_in: timedelta


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen, and from where.

    `alone` collects rows read by id on the way; it outlives a failed attempt and is empty after a good one. `batch` is
    the batch whose complete read this look ends.
    """

    sights: Sequence[Sight] = ()
    touched: Sequence[EntityNumber] = ()
    page_traceparent: str | None = None
    arrival: Arrival | None = None
    batch: BatchRead | None = None
    alone: dict[SourceId, Sight] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observed:
    """What a look came to: events told and how the rows compared."""

    emitted: int
    tally: Tally


class Observer:
    """Carries out looks of one flow against one memory.

    Args:
        memory: Where everything is remembered.
        rules: The flow's.
        source: Where single rows are read; None in a flow whose rows are never read alone.
        checkpoints: Where tests let the process die.
    """

    def __init__(
        self,
        memory: Memory,
        rules: ClaimRules,
        source: RowSource | None,
        *,
        checkpoints: Checkpoints = no_checkpoints,
    ) -> None:
        self._memory = memory
        self._rules = rules
        self._source = source
        self._checkpoints = checkpoints

    async def observe(self, post: Post, look: Look) -> Observed:
        """Write what a look means, once, whole or not at all.

        Rows in the way of a decision (the holder of a number used twice, a deleted row that shows up again) are
        read alone first, outside of the transaction.

        Raises:
            LeaseLostError: The tenant has another owner now; nothing was written.
            TransientError: Source or store did not answer; nothing was written unless a COMMIT's answer was lost.
        """
        while (decisions := await self._attempt(post, look)).look_at:
            assert self._source is not None, "rows are read alone only where the rules say that they can be"
            for source_id in sorted(decisions.look_at):
                if source_id not in look.alone:
                    look.alone[source_id] = await self._source.get(post.tenant, source_id)
        # Written down: kept for the next page, such an answer would pass for newer than what that page shows.
        look.alone.clear()
        self._checkpoints(Checkpoint.AFTER_OUTBOX_COMMIT, {"tenant": post.tenant, "emitted": len(decisions.events)})
        self._count(post, decisions)
        return Observed(len(decisions.events), decisions.tally)

    async def _attempt(self, post: Post, look: Look) -> Decisions:
        sights = [*look.sights, *look.alone.values()]
        async with self._memory.unit(post) as unit:
            records, entities = await unit.recall(
                (sight.source_id for sight in sights), _numbers_of(sights, look.touched)
            )
            decisions = decide(
                rules=self._rules, known_records=records, known_entities=entities, sights=sights, touched=look.touched
            )
            if not decisions.look_at:
                await _write(unit, decisions, look)
        return decisions

    def _count(self, post: Post, decisions: Decisions) -> None:
        labels = {"tenant": post.tenant, "flow": post.flow.value}
        count(Metric.ROWS_EMITTED, len(decisions.events), **labels)
        count(Metric.ROWS_STALE, decisions.tally.stale, **labels)


async def _write(unit: Unit, decisions: Decisions, look: Look) -> None:
    revisions = await unit.announce(decisions.events, page_traceparent=look.page_traceparent)
    await unit.remember(decisions.records, decisions.entities, revisions)
    if look.batch:
        await unit.batches.save(look.batch)
    if look.arrival:
        await unit.save_cursor(look.arrival.move(unit.cursor), due_in=look.arrival.due_in)


def _numbers_of(sights: Iterable[Sight], touched: Iterable[EntityNumber]) -> set[EntityNumber]:
    return set(touched) | {sight.number for sight in sights if isinstance(sight, Seen) and sight.number}
