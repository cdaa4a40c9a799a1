"""How many to try at once: one first, then a few, then the rest, so that a cause that is still there costs one call."""

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

FIRST_STEPS: Final = (1, 10)
LARGEST_STEP: Final = 100

T = TypeVar("T")


def steps(work: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield the work in growing parts, in order."""
    done = 0
    for size in FIRST_STEPS:
        if part := work[done : done + size]:
            yield part
        done += size
    yield from in_parts(work[done:])


def in_parts(work: Sequence[T], size: int = LARGEST_STEP) -> Iterator[Sequence[T]]:
    """Yield the work in parts of at most this size, in order."""
    for start in range(0, len(work), size):
        yield work[start : start + size]
