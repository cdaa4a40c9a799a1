"""Which invoices are looked up before they are first sent, and when."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from bridge.contracts.envelope import Envelope, EventType, Outcome
from bridge.contracts.headers import encode
from bridge.contracts.identity import EntityNumber, EventId, Flow, Revision, TenantId, Version, invoice_ref
from bridge.publisher.adapters.memory_deliveries import MemoryDeliveries
from bridge.publisher.application.arrival import Incoming
from bridge.publisher.application.ingest import Ingest
from bridge.publisher.domain.delivery.model import EntityKey, Policy, State
from bridge.publisher.domain.journal import Origin
from bridge.tenancy.tenant import LedgerFloor
from bridge.testkit.clock import ManualClock

ACME = TenantId("acme")
SETTLE = timedelta(seconds=60)
AGES_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def incoming(number: int, *, entity: str | None = None, kind: EventType = EventType.INVOICE_MAPPED) -> Incoming:
    """Return the record of a mapped invoice."""
    envelope = Envelope(
        event_id=EventId(f"event-{number}"),
        type=kind,
        tenant=ACME,
        flow=Flow.INVOICES,
        entity=EntityNumber(entity or str(number)),
        version=Version(Revision(77)),
        change_no=1,
        source_hash="ab",
        source_ref=invoice_ref(88, number),
        time=AGES_AGO,
        outcome=Outcome.MAPPED,
    )
    return Incoming(Origin("invoice-mapped", 0, number, b"key", tuple(encode(envelope))), b'{"orderNumber": "7001"}')


@dataclass(slots=True)
class Floored:
    """One tenant with a floor."""

    floor: LedgerFloor

    async def refresh(self) -> None:
        """Nothing to read."""

    def known(self, tenant: TenantId) -> bool:
        return True

    def removed(self, tenant: TenantId) -> bool:
        return False

    def served(self, tenant: TenantId) -> bool:
        return True

    def paused(self, tenant: TenantId) -> bool:
        return False

    def floor_over(self, tenant: TenantId, invoice: int) -> datetime | None:
        return self.floor.set_at if self.floor.covers(invoice) else None


@pytest.mark.parametrize(
    ("floor", "state", "waits"),
    [
        pytest.param(LedgerFloor(None, AGES_AGO), State.IN_DOUBT, timedelta(0), id="every-number"),
        pytest.param(LedgerFloor(500, AGES_AGO), State.IN_DOUBT, timedelta(0), id="at-the-floor"),
        pytest.param(LedgerFloor(499, AGES_AGO), State.READY, timedelta(0), id="above-the-floor"),
        pytest.param(LedgerFloor(500, ManualClock().now()), State.IN_DOUBT, SETTLE, id="floor-set-a-moment-ago"),
    ],
)
async def test_an_invoice_at_or_below_the_floor_is_looked_up_first_once_all_has_settled(
    floor: LedgerFloor, state: State, waits: timedelta
) -> None:
    clock = ManualClock()
    store = MemoryDeliveries(clock.now)
    ingest = Ingest(store, Floored(floor), policy=Policy(settle=SETTLE), dead_letter_topic="d", on_work=lambda: None)

    report = await ingest.take([incoming(500)])

    delivery = store.memory.parcels[EntityKey(ACME, Flow.INVOICES, EntityNumber("500"))].delivery
    assert dict(report.by_flow) == {("invoices", "taken"): 1}
    assert (delivery.state, delivery.due_at) == (state, clock.now() + waits)


@pytest.mark.parametrize(
    ("record", "field"),
    [
        pytest.param(incoming(1, entity="INV-1"), "ce_entity", id="letters"),
        pytest.param(incoming(1, entity="007"), "ce_entity", id="padded"),
        pytest.param(incoming(1, entity="9" * 20), "ce_entity", id="too-large"),
        pytest.param(incoming(1, kind=EventType.CUSTOMER_MAPPED), "ce_type", id="an-event-of-the-other-flow"),
        pytest.param(incoming(1, kind=EventType.INVOICE_GENERATED), "ce_type", id="an-event-before-mapping"),
    ],
)
async def test_a_record_that_is_no_mapped_invoice_is_set_aside_alone(record: Incoming, field: str) -> None:
    store = MemoryDeliveries(ManualClock().now)
    standing = Floored(LedgerFloor(None, AGES_AGO))
    ingest = Ingest(store, standing, policy=Policy(settle=SETTLE), dead_letter_topic="d", on_work=lambda: None)

    await ingest.take([record, incoming(2)])

    assert [kept.letter.field for kept in store.memory.letters.values()] == [field]
    assert [key.entity for key in store.memory.parcels] == ["2"]
