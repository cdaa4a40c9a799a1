"""Asking for many acts and following each until its entity has come to rest, so that the next ones can wait for it."""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from bridge.console.application.acts import Asker, Request
from bridge.console.domain.replay import EntityKey
from bridge.contracts.identity import Generation, Version
from bridge.tenancy.acts import Act, ActStatus

_LOOK_AGAIN_SECONDS: Final = 0.3
_AT_REST: Final = ("confirmed", "dead", "discarded")


class Fate(StrEnum):
    """What came of an act and of its entity."""

    PASSED = "passed"
    LETTER = "letter"
    """A new dead letter is open, or the entity is dead."""
    REFUSED = "refused"
    """The owner refused the act."""
    OPEN = "open"
    """It has not come to rest within the time."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked of one entity; `letter` is the newest one that it had before, 0 for none."""

    key: EntityKey
    request: Request
    letter: int


@dataclass(frozen=True, slots=True)
class Rest:
    """How an entity stands; `letter` is its open dead letter."""

    version: Version
    state: str
    reason: str | None
    letter: int | None


@dataclass(frozen=True, slots=True)
class Followed:
    """A case and what came of it, in a sentence for people."""

    case: Case
    act_id: int
    fate: Fate
    said: str


class Acting(Protocol):
    """Where acts are asked for and followed."""

    async def request(self, asker: Asker, request: Request) -> int:
        """Write an act down and return its id."""
        ...

    async def acts(self, ids: Collection[int]) -> Mapping[int, Act]:
        """Return these acts."""
        ...

    async def rests(self, keys: Collection[EntityKey]) -> Mapping[EntityKey, Rest]:
        """Return how these entities stand."""
        ...


async def follow(acting: Acting, asker: Asker, cases: Sequence[Case]) -> list[Followed]:
    """Ask for each case and wait until all have come to rest, or until the asker's time is over."""
    asked = {await acting.request(asker, case.request): case for case in cases}
    ends = time.monotonic() + asker.wait_seconds
    while True:
        found = await _look(acting, asked)
        left = ends - time.monotonic()
        if left <= 0 or all(each.fate is not Fate.OPEN for each in found):
            return found
        # Polled, since LISTEN does not work behind a pooler in transaction mode.
        await asyncio.sleep(min(_LOOK_AGAIN_SECONDS, left))


async def _look(acting: Acting, asked: Mapping[int, Case]) -> list[Followed]:
    acts = await acting.acts(asked.keys())
    rests = await acting.rests([case.key for case in asked.values()])
    return [_fate(acts[act_id], case, rests.get(case.key)) for act_id, case in asked.items()]


def _fate(act: Act, case: Case, rest: Rest | None) -> Followed:
    if act.status is ActStatus.REQUESTED:
        return Followed(case, act.id, Fate.OPEN, "Nobody has applied the act yet; it stays.")
    if act.status is ActStatus.REFUSED:
        return Followed(case, act.id, Fate.REFUSED, act.outcome or "The act was refused.")
    if rest is None or not _has_arrived(act, case, rest) or rest.state not in _AT_REST:
        return Followed(case, act.id, Fate.OPEN, f"It is {rest.state if rest else 'on its way'}.")
    if rest.state == "dead" or (rest.letter is not None and rest.letter > case.letter):
        return Followed(case, act.id, Fate.LETTER, f"{rest.reason or rest.state}: dead letter {rest.letter or '-'}.")
    return Followed(case, act.id, Fate.PASSED, f"It is {rest.state}.")


def _has_arrived(act: Act, case: Case, rest: Rest) -> bool:
    """Whether the row is past what was asked for: a retry makes a new generation, through the mapping or at once."""
    decided = case.request.version
    if decided is None or not case.request.renews:
        return True
    return rest.version >= Version(decided.revision, Generation(act.id))
