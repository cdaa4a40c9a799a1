"""What a transition asks of the world, in the same transaction as the row."""

from dataclasses import dataclass
from enum import StrEnum

from bridge.contracts.identity import Version
from bridge.contracts.reasons import Stage
from bridge.publisher.domain.delivery.model import Refusal, Wanted


class LetterClosedAs(StrEnum):
    """How a dead letter ended."""

    SUPERSEDED = "superseded"
    RETRIED = "retried"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class OpenLetter:
    """Write a dead letter for this version, and its record into the outbox.

    `unsent` is the content that the letter is about where the delivery keeps another one.
    """

    version: Version
    stage: Stage
    refusal: Refusal
    unsent: Wanted | None = None


@dataclass(frozen=True, slots=True)
class CloseLetter:
    """Close the entity's open dead letter, if there is one."""

    closed_as: LetterClosedAs


@dataclass(frozen=True, slots=True)
class Superseded:
    """Log that this version will never be sent, since a newer one took its place."""

    version: Version


@dataclass(frozen=True, slots=True)
class RefusalLogged:
    """Log a refusal that opens no letter, since newer content is on its way."""

    version: Version
    refusal: Refusal


Effect = OpenLetter | CloseLetter | Superseded | RefusalLogged
