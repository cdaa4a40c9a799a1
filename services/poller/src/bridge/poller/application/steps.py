"""A poll that is carried on step by step, one page per turn, whatever it reads."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

from bridge.poller.application.ports import Post


class InProgress(Protocol):
    """A poll in progress: under which epoch it began, and when (boot seconds)."""

    @property
    def epoch(self) -> int: ...

    @property
    def began_at(self) -> float: ...


Reading = TypeVar("Reading", bound=InProgress)


@dataclass(frozen=True, slots=True)
class Step(Generic[Reading]):
    """What one turn did: the poll goes on with `reading`, or is complete (None); rows told."""

    reading: Reading | None
    emitted: int


class Poll(Protocol[Reading]):
    """Begins polls and carries them on; see `poll_customers.CustomerPoll` and `poll_batches.BatchPoll`."""

    async def begin(self, post: Post) -> Reading: ...

    async def step(self, post: Post, reading: Reading, *, interval: timedelta) -> Step[Reading]: ...
