"""Dead letters: which there are, one of them whole, and what a person may ask of its owner."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from bridge.console.application.acts import Request
from bridge.contracts.identity import EntityNumber, Flow, TenantId, Version
from bridge.contracts.reasons import Reason
from bridge.runtime.errors import BridgeError

RETRY: Final = "retry"
DISCARD: Final = "discard"
OWNER: Final = "publisher"


class LetterNotFoundError(BridgeError):
    """There is no dead letter with this id, or it is closed."""


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which letters are meant; open ones only unless `closed_too`."""

    tenant: TenantId | None = None
    reason: Reason | None = None
    closed_too: bool = False
    limit: int = 100


@dataclass(frozen=True, slots=True)
class LetterHead:
    """One dead letter without its record. `rounds` counts the retries before it that failed again."""

    letter_id: int
    tenant: str | None
    flow: str | None
    entity: str | None
    version: Version | None
    stage: str
    reason: str
    field: str | None
    error: str
    attempts: int
    rounds: int
    trace_id: str | None
    opened_at: datetime
    closed_at: datetime | None
    closed_as: str | None
    closed_by: str | None
    closed_why: str | None


@dataclass(frozen=True, slots=True)
class LetterDelivery:
    """How the letter's entity stands now; the receipts are texts, None for nothing. Times are None before a claim."""

    state: str
    first_sent_at: datetime | None
    last_sent_at: datetime | None
    receipt_wanted: str | None
    receipt_told: str | None
    receipt_outstanding: bool


@dataclass(frozen=True, slots=True)
class WholeLetter:
    """One dead letter with everything that it takes to act on it; `delivery` is None if it is about no entity here."""

    head: LetterHead
    event_id: str | None
    origin_topic: str | None
    origin_partition: int | None
    origin_offset: int | None
    key: bytes | None
    headers: tuple[tuple[str, str], ...]
    raw: bytes
    delivery: LetterDelivery | None = None


class LetterStore(Protocol):
    """Where letters are read."""

    async def letters(self, wanted: LetterFilter) -> Sequence[LetterHead]:
        """Return letters, newest first."""
        ...

    async def letter(self, letter_id: int) -> WholeLetter | None:
        """Return one letter, or None."""
        ...


async def show(store: LetterStore, letter_id: int) -> WholeLetter:
    """Return one letter whole.

    Raises:
        LetterNotFoundError: There is none with this id.
    """
    letter = await store.letter(letter_id)
    if letter is None:
        raise LetterNotFoundError(
            f"There is no dead letter {letter_id}. 'bridge dead-letters list' shows the open ones."
        )
    return letter


async def request_for(store: LetterStore, letter_id: int, verb: str) -> Request:
    """Return what to ask of the owner for a letter: decided on the version that the letter is about.

    Raises:
        LetterNotFoundError: There is none with this id, or it is closed.
    """
    head = (await show(store, letter_id)).head
    if head.closed_at is not None:
        raise LetterNotFoundError(f"Dead letter {letter_id} was {head.closed_as} already; nothing was asked for.")
    return request_of(head, verb)


def request_of(head: LetterHead, verb: str) -> Request:
    """Return what to ask of the owner for an open letter."""
    if head.tenant is None or head.flow is None or head.entity is None:
        return Request(verb, OWNER, letter=head.letter_id)
    return Request(
        verb,
        OWNER,
        tenant=TenantId(head.tenant),
        flow=Flow(head.flow),
        entity=EntityNumber(head.entity),
        version=head.version,
    )
