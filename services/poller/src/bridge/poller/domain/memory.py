"""What the poller remembers of a source, and what it sees there now.

Owns the values that `change.decide` compares. Knows no store, no source API and no clock.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bridge.contracts.envelope import EventType
from bridge.contracts.events.customer import WithdrawnBecause
from bridge.contracts.events.invoice import InvoiceWithdrawnBecause
from bridge.contracts.identity import EntityNumber, SourceId
from bridge.contracts.reasons import Reason

Because = WithdrawnBecause | InvoiceWithdrawnBecause


class Standing(StrEnum):
    """How a row at the source stands to the number it asks for."""

    HOLDS = "holds"
    WAITING = "waiting"
    """It asks for a number that another row holds; it follows when that one leaves."""
    NUMBERLESS = "numberless"
    GONE = "gone"
    """Read by its id and not found, or missing from a batch that was read completely."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why and where a row stops. `detail` is a sentence without values of other fields."""

    reason: Reason
    field: str
    detail: str


@dataclass(frozen=True, slots=True)
class Content:
    """The content of one row: event body, its hash, and the fault that makes the row unreadable, if any."""

    body: bytes
    source_hash: str
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """Memory of one row at the source, by its own id.

    `number` is the number held or waited for, None for the other standings. `newest_change` is the newest the source
    says of the row; where several rows may share a number, that of its content. `content` is kept for waiting rows
    only, and only where their turn comes without their being read again.
    """

    source_id: SourceId
    number: EntityNumber | None
    standing: Standing
    version: int
    newest_change: datetime | None
    source_hash: str
    content: Content | None = None


@dataclass(frozen=True, slots=True)
class Entity:
    """Memory of one number: who holds it and what was last said about it.

    `change_no` counts its events. `source_hash` is that of its last event, None if it was forgotten on purpose, so
    that the next look emits again. `withdrawn` says why nobody holds the number.
    """

    number: EntityNumber
    holder: SourceId | None
    change_no: int
    source_hash: str | None
    withdrawn: Because | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """One row as the source shows it now.

    `number_unreadable` means that the row's number is missing or cannot be read, so it keeps the one it was known by.
    `alone` marks the answer to a GET by id: such an answer is never taken for a stale page.
    """

    source_id: SourceId
    number: EntityNumber | None
    version: int | None
    newest_change: datetime | None
    content: Content
    number_unreadable: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True)
class SeenGone:
    """There is no such row: a GET by its id said so, or a complete read of the batch it was in."""

    source_id: SourceId


Sight = Seen | SeenGone


@dataclass(frozen=True, slots=True)
class Event:
    """One change to tell. `number` is None and `change_no` 0 for a record about no entity."""

    type: EventType
    number: EntityNumber | None
    change_no: int
    source_id: SourceId
    content: Content
    source_time: datetime | None


@dataclass(frozen=True, slots=True)
class Tally:
    """How the rows of one look compared with the memory; each row counts once."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    stale: int = 0
    gone: int = 0


@dataclass(frozen=True, slots=True)
class Decisions:
    """What one look means: memory to write, events to emit, and rows to read by id before this may be written.

    While `look_at` is not empty the decision is provisional: read those rows alone, add them and decide again.
    """

    records: tuple[Record, ...]
    entities: tuple[Entity, ...]
    events: tuple[Event, ...]
    tally: Tally
    look_at: frozenset[SourceId] = frozenset()
