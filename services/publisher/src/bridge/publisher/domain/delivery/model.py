"""What one delivery is: an entity's wanted content, what was sent, what is confirmed.

Owns the shape alone; `transitions` owns how it changes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bridge.contracts.envelope import Outcome
from bridge.contracts.identity import EntityNumber, EventId, Flow, SourceId, TenantId, Version
from bridge.contracts.reasons import Reason


class State(StrEnum):
    """The six states of a delivery."""

    READY = "ready"
    SENDING = "sending"
    IN_DOUBT = "in_doubt"
    CONFIRMED = "confirmed"
    DEAD = "dead"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True, order=True)
class EntityKey:
    """Which delivery: tenant, flow and the number that both systems share."""

    tenant: TenantId
    flow: Flow
    entity: EntityNumber


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why content cannot go: a reason of the closed set, the field at fault, and the words for an operator."""

    reason: Reason
    field: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """The newest content an entity shall have at the target.

    `payload` is the mapped body (JSON bytes); `refusal` is there exactly when the outcome is UNMAPPABLE.
    """

    version: Version
    change_no: int
    event_id: EventId
    source_hash: str
    source_ref: SourceId
    schema_version: int
    traceparent: str | None
    outcome: Outcome
    payload: bytes
    refusal: Refusal | None = None

    @property
    def sendable(self) -> bool:
        """Whether there is content that may go to the target."""
        return self.outcome is not Outcome.UNMAPPABLE

    @property
    def withdrawn(self) -> bool:
        """Whether the source holds the entity no more."""
        return self.outcome is Outcome.WITHDRAWN


@dataclass(frozen=True, slots=True)
class Sent:
    """The content of the newest request: the only one whose effect may be open."""

    version: Version
    source_hash: str
    payload: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The newest version that the target is known to hold."""

    version: Version
    at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the source shall be told of an entity, against what it was told; each a text of `receipts`, or None.

    `due_at` is None where nothing is to be told. `out_epoch` is set while a call is out that tells `out`. `look` asks
    for a look at what the source holds, once an unanswered call has settled.
    """

    wanted: str | None = None
    sent: str | None = None
    due_at: datetime | None = None
    out: str | None = None
    out_epoch: int | None = None
    look: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """One row per entity, never pruned: the memory that makes a replay of any age harmless.

    `due_at` is None where no work waits. `attempt` counts claims of the wanted version, `unknown_rounds` requests in
    a row whose effect stayed unknown. `maybe_there` is true from the claim until the target is known not to have
    stored the request. `read_back` asks for one look at the target before the next request.

    For invoices alone: `order_id` is the target's order behind the invoice, or one left over without an invoice, which
    the next request takes up; `order_due_at` says when it is to be read and closed; `amount_note` tells how the amounts
    at the target differ from the lines, and `diverged` that they do so beyond rounding. A confirmed invoice with a
    `reason` has an open dead letter of that reason.
    """

    key: EntityKey
    wanted: Wanted
    state: State
    due_at: datetime | None
    attempt: int = 0
    unknown_rounds: int = 0
    reason: Reason | None = None
    failing_since: datetime | None = None
    claim_epoch: int | None = None
    sent: Sent | None = None
    maybe_there: bool = False
    read_back: bool = False
    confirmed: Confirmed | None = None
    remote_id: str | None = None
    order_id: str | None = None
    order_due_at: datetime | None = None
    amount_note: str | None = None
    diverged: bool = False
    receipt: Receipt = Receipt()

    @property
    def once(self) -> bool:
        """Whether a second request would make a second document, so that a doubt is looked up and never repeated."""
        return self.key.flow is Flow.INVOICES

    @property
    def has_letter(self) -> bool:
        """Whether a dead letter of it is open."""
        return self.state is State.DEAD or (self.state is State.CONFIRMED and self.reason is not None)

    @property
    def suspect(self) -> bool:
        """Whether it must travel alone: a list must not be put in doubt by one entity."""
        return self.unknown_rounds > 0 or self.read_back

    @property
    def effect_open(self) -> bool:
        """Whether the newest request was given up without any answer, so that it may take effect late."""
        return self.maybe_there and self.unknown_rounds > 0

    @property
    def newer_waits(self) -> bool:
        """Whether the wanted content is newer than the request that is out."""
        return self.sent is not None and self.wanted.version > self.sent.version


@dataclass(frozen=True, slots=True)
class Policy:
    """The numbers behind the transitions.

    `settle` is counted from the moment an answer was given up or a shard was taken over, never from the claim: a
    request that is out may still take effect until then.
    """

    settle: timedelta
    unknown_rounds_limit: int = 5
