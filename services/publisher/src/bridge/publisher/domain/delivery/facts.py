"""What can happen to a delivery. Each fact carries the moment it happened; the machine has no clock.

Every moment comes from the database's clock, so that no pod's wall clock decides anything.
"""

from dataclasses import dataclass
from datetime import datetime

from bridge.contracts.identity import Generation, Version
from bridge.publisher.domain.delivery.model import Refusal, Wanted


@dataclass(frozen=True, slots=True)
class Ingested:
    """A record arrived that wants this content."""

    wanted: Wanted
    at: datetime


@dataclass(frozen=True, slots=True)
class Claimed:
    """The shard's owner took the due row under its lease's epoch and is about to send."""

    epoch: int
    at: datetime


@dataclass(frozen=True, slots=True)
class NeverSent:
    """No byte left: the owner's deadline passed first, or the claim is one that its owner never learnt of."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Applied:
    """The target confirmed the request."""

    at: datetime
    remote_id: str | None = None


@dataclass(frozen=True, slots=True)
class FoundWanted:
    """A read-back found the target holding exactly the wanted content already."""

    at: datetime
    remote_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReadBackFailed:
    """The read-back before a request got no usable answer; nothing was sent."""

    due_at: datetime


@dataclass(frozen=True, slots=True)
class NotSent:
    """The target took nothing and asks for patience; the next attempt is due at `due_at`."""

    due_at: datetime


@dataclass(frozen=True, slots=True)
class Refused:
    """The target refused this content and stored nothing."""

    refusal: Refusal
    at: datetime


@dataclass(frozen=True, slots=True)
class EffectUnknown:
    """The request was out and no answer tells what became of it.

    `others_confirmed`: another entity of the tenant was confirmed since this one began to fail.
    """

    at: datetime
    others_confirmed: bool


@dataclass(frozen=True, slots=True)
class TakenOver:
    """The shard has a new owner; what the old one had out may still take effect."""

    at: datetime


@dataclass(frozen=True, slots=True)
class RetryAsked:
    """An operator wants another try of the version they saw; `act` is the id of the audit row."""

    decided_on: Version
    act: Generation
    at: datetime


@dataclass(frozen=True, slots=True)
class DiscardAsked:
    """An operator gives up the version they saw, with the reason in the audit row."""

    decided_on: Version
    at: datetime


Fact = (
    Ingested
    | Claimed
    | NeverSent
    | Applied
    | FoundWanted
    | ReadBackFailed
    | NotSent
    | Refused
    | EffectUnknown
    | TakenOver
    | RetryAsked
    | DiscardAsked
)
