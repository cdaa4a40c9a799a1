"""What is kept around a delivery: where its record came from, its log rows, its dead letters.

Owns the shapes alone; the use cases decide when one is written.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bridge.contracts.identity import EventId, SourceId, Version
from bridge.contracts.reasons import Reason, Stage
from bridge.publisher.domain.delivery.model import Delivery, EntityKey, State

Headers = tuple[tuple[str, bytes], ...]


class Step(StrEnum):
    """What a row of the import log tells."""

    INGESTED = "ingested"
    SUPERSEDED = "superseded"
    CLAIMED = "claimed"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    NOT_SENT = "not_sent"
    TAKEN_OVER = "taken_over"
    READ_BACK = "read_back"
    LETTER_OPENED = "letter_opened"
    LETTER_CLOSED = "letter_closed"
    RECEIPT = "receipt"
    ORDER = "order"
    ACT = "act"
    SET_ASIDE = "set_aside"


@dataclass(frozen=True, slots=True)
class Origin:
    """A record's place in the log, with its key and headers as they came."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Parcel:
    """A delivery as it is stored: with the origin of its newest record and the content last confirmed."""

    delivery: Delivery
    origin: Origin
    confirmed_payload: bytes | None = None

    @property
    def key(self) -> EntityKey:
        """The entity it is about."""
        return self.delivery.key


@dataclass(frozen=True, slots=True)
class Note:
    """A value that the mapping changed or left out."""

    field: str
    rule: str
    was: str
    now: str | None


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the target, as the log tells it."""

    how: str
    duration_ms: int | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One row of the import log; `version` is the one that the step is about."""

    key: EntityKey
    version: Version
    step: Step
    event_id: EventId | None = None
    before: State | None = None
    after: State | None = None
    outcome: str | None = None
    reason: Reason | None = None
    detail: str | None = None
    attempt: int = 0
    changed_fields: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    origin: Origin | None = None
    trace_id: str | None = None
    call: Call | None = None
    claim_epoch: int | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter to be opened: alone enough to act on.

    `raw`, and the key and headers in `origin`, are those of the record that can be sent again. A letter about no
    entity has a `dedupe_key`, under which its replay finds it, and the `source_ref` of its row where one is known:
    whatever newer that row says closes the letter.
    """

    tenant: str | None
    flow: str | None
    entity: str | None
    version: Version | None
    event_id: str | None
    stage: Stage
    reason: Reason
    field: str | None
    error: str
    raw: bytes
    origin: Origin
    attempts: int
    trace_id: str | None
    dedupe_key: str | None = None
    source_ref: SourceId | None = None


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row at the source, whether or not it has a number."""

    tenant: str
    flow: str
    source_ref: SourceId


@dataclass(frozen=True, slots=True)
class OpenedLetter:
    """A letter as stored."""

    letter_id: int
    opened_at: datetime
    letter: Letter
    rounds: int = 0


@dataclass(frozen=True, slots=True)
class LetterClosing:
    """An open letter of an entity that ends: how, by whom and why."""

    key: EntityKey
    closed_as: str
    closed_by: str | None = None
    closed_why: str | None = None


@dataclass(slots=True)
class Writings:
    """Everything a step wants written beside the deliveries, in the order in which it happened."""

    log: list[LogEntry] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    closings: list[LetterClosing] = field(default_factory=list)
