"""Where one entity is: what its source says, wanted against confirmed, and every step it took."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from bridge.console.application.known import KnowsTenants, require_known
from bridge.contracts.identity import EntityNumber, Flow, TenantId, Version
from bridge.contracts.reasons import Reason
from bridge.runtime.errors import BridgeError, ConfigurationError
from bridge.tenancy.gates import Gate

STEPS_SHOWN: Final = 200
LONGEST_NUMBER: Final = 64
"""Characters of a number as the tables keep it."""


class NeverSeenError(BridgeError):
    """Nothing is known of the entity."""


@dataclass(frozen=True, slots=True)
class EntityKey:
    """Which entity is meant."""

    tenant: TenantId
    flow: Flow
    entity: EntityNumber


@dataclass(frozen=True, slots=True)
class Place:
    """A record's place in Kafka."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}@{self.offset}"


@dataclass(frozen=True, slots=True)
class AtSource:
    """What the poller remembers of the number. `forgotten`: it is to be told again."""

    holder_id: str | None
    source_version: int | None
    source_changed_at: datetime | None
    seen_at: datetime | None
    change_no: int
    revision: int
    withdrawn_because: str | None
    forgotten: bool
    first_seen_at: datetime
    last_changed_at: datetime
    fault: str | None


@dataclass(frozen=True, slots=True)
class Unpublished:
    """An outbox row about the entity; `set_aside_at` says that the broker refused it for itself."""

    service: str
    outbox_id: int
    topic: str
    created_at: datetime
    attempts: int
    set_aside_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """What the source shall be told of an invoice, against what it was told; each a document, None for nothing.

    `out`: a call that tells is on its way. `look`: what the source holds is looked at before it is told again.
    """

    wanted: Mapping[str, object] | None
    told: Mapping[str, object] | None
    due_at: datetime | None
    out: bool
    look: bool

    @property
    def outstanding(self) -> bool:
        """Whether the source is still to be told something."""
        return self.out or self.due_at is not None


@dataclass(frozen=True, slots=True)
class InvoiceView:
    """What a delivery has if it is an invoice. `batch` is OC2's; `order_id` the order behind it at Tripletex."""

    batch: int | None
    kid: str | None
    order_number: str | None
    order_id: str | None
    order_due_at: datetime | None
    amount_note: str | None
    diverged: bool
    receipt: ReceiptView


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """The publisher's row: wanted against confirmed. `maybe_there`: the target may hold what was sent last.

    `invoice` is None for a customer.
    """

    state: str
    wanted: Version
    change_no: int
    event_id: str
    outcome: str
    trace_id: str | None
    place: Place
    due_at: datetime | None
    attempt: int
    unknown_rounds: int
    reason: str | None
    refusal: str | None
    failing_since: datetime | None
    sent: Version | None
    sent_at: datetime | None
    maybe_there: bool
    confirmed: Version | None
    confirmed_at: datetime | None
    remote_id: str | None
    invoice: InvoiceView | None


@dataclass(frozen=True, slots=True)
class JourneyStep:
    """One row of the import log."""

    at: datetime
    version: Version
    event_id: str | None
    step: str
    from_state: str | None
    to_state: str | None
    outcome: str | None
    reason: str | None
    detail: str | None
    attempt: int
    changed_fields: tuple[str, ...]
    notes: object
    place: Place | None
    trace_id: str | None
    how: str | None
    request_id: str | None
    duration_ms: int | None
    claim_epoch: int | None
    owner: str | None


@dataclass(frozen=True, slots=True)
class LetterView:
    """One dead letter of the entity, in short."""

    letter_id: int
    stage: str
    reason: str
    field: str | None
    error: str
    opened_at: datetime
    closed_at: datetime | None
    closed_as: str | None


@dataclass(frozen=True, slots=True)
class Journey:
    """Everything known of one entity. `steps` are the newest, oldest first; `gates` are closed and may hold it up."""

    key: EntityKey
    source: AtSource | None
    waiting_for: tuple[str, ...]
    outbox: tuple[Unpublished, ...]
    delivery: DeliveryView | None
    steps: tuple[JourneyStep, ...]
    letters: tuple[LetterView, ...]
    gates: tuple[Gate, ...]

    @property
    def place(self) -> str:
        """Where its newest change is, in one sentence."""
        if self.delivery is not None and (self.source is None or self.delivery.change_no >= self.source.change_no):
            return _delivered(self.delivery)
        refused = next((row for row in self.outbox if row.set_aside_at is not None), None)
        if refused is not None:
            return f"Its outbox row {refused.outbox_id} is set aside: {refused.error or 'the broker refused it'}."
        if any(row.service == "poller" for row in self.outbox):
            return "Its newest change waits in the poller's outbox."
        if self.source is None:
            return "It waits for a number that another row of the source holds."
        return "Its newest change is on its way through Kafka."


_SENTENCES: Final = {
    "ready": "It waits to be sent.",
    "sending": "It is being sent or looked up at this moment.",
    "in_doubt": "It was sent and nobody answered; it is sent again or looked up when it is due.",
    "confirmed": "The target holds its newest version.",
    "dead": "It is dead: it waits for a person, or for a newer change.",
    "discarded": "A person discarded it.",
}
_INVOICE_SENTENCES: Final = {
    "in_doubt": "It may be at Tripletex already: it is looked up there when it is due, and sent only if it is not.",
    "confirmed": "It is at Tripletex.",
}


def _delivered(delivery: DeliveryView) -> str:
    if delivery.state == "discarded" and delivery.reason == Reason.INVOICE_TAKEN_BACK:
        return "OC2 took it back before it was sent."
    if delivery.invoice is None:
        return _SENTENCES.get(delivery.state, f"It is {delivery.state}.")
    said = _INVOICE_SENTENCES.get(delivery.state) or _SENTENCES.get(delivery.state, f"It is {delivery.state}.")
    waits = delivery.state == "confirmed" and delivery.reason is not None
    return f"{said} A person must look at it: {delivery.reason}." if waits else said


class JourneyStore(KnowsTenants, Protocol):
    """Where the journey is read."""

    async def journey(self, key: EntityKey, *, steps: int) -> Journey:
        """Return everything known of an entity; empty parts where nothing is."""
        ...


async def where(store: JourneyStore, key: EntityKey, *, steps: int = STEPS_SHOWN) -> Journey:
    """Return where an entity is and how it came there.

    Raises:
        UnknownTenantError: There is no such tenant.
        NeverSeenError: The tenant is known, the entity is not.
        ConfigurationError: The number is longer than any can be.
    """
    if len(key.entity) > LONGEST_NUMBER:
        raise ConfigurationError(
            f"A number has at most {LONGEST_NUMBER} characters, this one has {len(key.entity)}; nothing was looked up."
        )
    await require_known(store, key.tenant)
    journey = await store.journey(key, steps=steps)
    parts: Sequence[object] = (journey.source, journey.delivery, *journey.outbox, *journey.letters)
    if not journey.waiting_for and not any(part is not None for part in parts):
        raise NeverSeenError(
            f"Nothing is known of {key.flow.one} {key.entity} of tenant {key.tenant}: it was never seen at the "
            f"source. Check the number; 'bridge status --tenant {key.tenant}' tells when the source was last read."
        )
    return journey
