"""Which offsets this member may commit: pure bookkeeping of one consumer's partitions, no broker.

A partition's story begins anew at each assignment. What was read in an earlier one must not be committed in a later
one, since another member may have come further in between; and a commit never goes backwards.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bridge.messaging.record import TopicPartition
from bridge.runtime.errors import BridgeError


class RebalancedError(BridgeError):
    """The partitions named are not ours any more, or are ours anew: drop their work, mark nothing, go on."""

    def __init__(self, partitions: Iterable[TopicPartition]) -> None:
        self.partitions = frozenset(partitions)
        names = ", ".join(str(partition) for partition in sorted(self.partitions))
        super().__init__(f"The group has moved {names or 'its partitions'} since these records were read; drop them.")


@dataclass(slots=True)
class _Story:
    """One assignment of one partition: committed when it began or since, and the end of what was handed out.

    `confirmed` is the commit that the broker is known to hold; None where there is none, or another one is certain.
    """

    committed: int
    handed_out: int
    confirmed: int | None = None


class Positions:
    """The partitions that this member owns."""

    def __init__(self) -> None:
        self._stories: dict[TopicPartition, _Story] = {}

    def owned(self) -> set[TopicPartition]:
        """Return the partitions whose story has begun."""
        return set(self._stories)

    def begin(self, partition: TopicPartition, *, start: int, confirmed: bool = False) -> None:
        """Begin a new assignment; `start` is the committed offset if `confirmed`, else the first one in the log."""
        self._stories[partition] = _Story(start, start, start if confirmed else None)

    def confirmed(self) -> dict[TopicPartition, int]:
        """Return the commits that the broker is known to hold."""
        return {one: story.confirmed for one, story in self._stories.items() if story.confirmed is not None}

    def end(self, partitions: Iterable[TopicPartition]) -> None:
        """End these assignments; nothing read in them can be committed any more."""
        for partition in partitions:
            self._stories.pop(partition, None)

    def expected(self, partition: TopicPartition) -> int:
        """Return the offset that should be handed out next."""
        return self._stories[partition].handed_out

    def reset(self, partition: TopicPartition, offset: int) -> None:
        """Go on at `offset`, since the log no longer holds the expected one; even backwards, which is alarmed."""
        self.begin(partition, start=offset)

    def hand_out(self, partition: TopicPartition, *, first: int, last: int) -> None:
        """Note that the records from `first` to `last` are with the caller now."""
        story = self._stories[partition]
        # Whatever lies before the first record of this story was committed by somebody already.
        if story.handed_out == story.committed and first > story.committed:
            story.committed, story.confirmed = first, None
        story.handed_out = last + 1

    def admit(
        self, offsets: Mapping[TopicPartition, int]
    ) -> tuple[dict[TopicPartition, int], frozenset[TopicPartition]]:
        """Split into what may be committed and whose work is lost. What is committed already is in neither."""
        admitted: dict[TopicPartition, int] = {}
        lost: set[TopicPartition] = set()
        for partition, offset in offsets.items():
            story = self._stories.get(partition)
            if story is None or offset > story.handed_out:
                lost.add(partition)
            elif offset > story.committed:
                admitted[partition] = offset
        return admitted, frozenset(lost)

    def committed(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Note commits that the broker has confirmed."""
        for partition, offset in offsets.items():
            if (story := self._stories.get(partition)) is not None:
                story.committed = story.confirmed = max(story.committed, offset)
