"""What can happen to a delivery. Each fact carries the moment it happened; the machine has no clock.

Every moment comes from the database's clock, so that no pod's wall clock decides anything.
"""

from dataclasses import dataclass
from datetime import datetime

from bridge.contracts.identity import Generation, Version
from bridge.publisher.domain.delivery.model import Refusal, Wanted


@dataclass(frozen=True, slots=True)
class Ingested:
    """A record arrived that wants this content.

    `look_first_at`: the target may hold the entity although nothing here knows of it (it lies at or below the tenant's
    ledger floor), so it is looked up first, not before this moment.
    """

    wanted: Wanted
    at: datetime
    look_first_at: datetime | None = None


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
    """The target confirmed the request.

    `amount_note` tells of amounts that are not those of the lines; `diverged` is there if that needs a person.
    """

    at: datetime
    remote_id: str | None = None
    order_id: str | None = None
    amount_note: str | None = None
    diverged: Refusal | None = None


@dataclass(frozen=True, slots=True)
class FoundWanted:
    """A look found that the target holds the entity already.

    `version` is the one it holds, None for the one claimed; `differs` names what a person should compare.
    """

    at: datetime
    remote_id: str | None = None
    version: Version | None = None
    order_id: str | None = None
    amount_note: str | None = None
    differs: Refusal | None = None


@dataclass(frozen=True, slots=True)
class FoundNothing:
    """A look after the settle time found that the target does not hold the entity.

    `orphan_order`: an order of the content that was sent is there, without an invoice.
    """

    at: datetime
    orphan_order: str | None = None


@dataclass(frozen=True, slots=True)
class TakenByAnother:
    """A look found that somebody else's document carries the number."""

    refusal: Refusal
    at: datetime


@dataclass(frozen=True, slots=True)
class ReadBackFailed:
    """The look before a request got no usable answer; nothing was sent."""

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


@dataclass(frozen=True, slots=True)
class EditAsked:
    """An operator wants this body sent instead of the one of the version they saw; `act` is the audit row's id."""

    decided_on: Version
    act: Generation
    payload: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class VerifyAsked:
    """An operator wants a confirmed entity looked up again."""

    decided_on: Version
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderSettled:
    """The order behind a confirmed invoice is closed, or is there no more."""

    at: datetime


@dataclass(frozen=True, slots=True)
class OrderOpen:
    """The order behind a confirmed invoice could not be read or closed; the next try is due at `due_at`."""

    due_at: datetime


@dataclass(frozen=True, slots=True)
class ReceiptClaimed:
    """The shard's owner is about to tell the source what is wanted, or to look at what it holds."""

    epoch: int


@dataclass(frozen=True, slots=True)
class ReceiptTold:
    """The source holds this receipt, or will never take it."""

    receipt: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ReceiptNotHeld:
    """A look found that the source holds another receipt than the wanted one, or none."""

    at: datetime


@dataclass(frozen=True, slots=True)
class ReceiptUnclear:
    """A call that tells was out, and nothing says whether the source took it: no answer, or a new owner."""

    at: datetime


@dataclass(frozen=True, slots=True)
class ReceiptWaits:
    """The source took nothing; the next try is due at `due_at`."""

    due_at: datetime


OutcomeFact = (
    NeverSent
    | Applied
    | FoundWanted
    | FoundNothing
    | TakenByAnother
    | ReadBackFailed
    | NotSent
    | Refused
    | EffectUnknown
    | TakenOver
)
"""What became of a claim."""
ActFact = RetryAsked | EditAsked | DiscardAsked | VerifyAsked
"""What an operator asked for."""
OrderFact = OrderSettled | OrderOpen
ReceiptFact = ReceiptClaimed | ReceiptTold | ReceiptNotHeld | ReceiptUnclear | ReceiptWaits
Fact = Ingested | Claimed | OutcomeFact | ActFact | OrderFact | ReceiptFact
