"""Whose records are taken in, while tenants come and go."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from bridge.contracts.envelope import Envelope, EventType, Outcome
from bridge.contracts.headers import encode
from bridge.contracts.identity import EntityNumber, EventId, Flow, Revision, SourceId, TenantId, Version
from bridge.publisher.adapters.memory_deliveries import MemoryDeliveries
from bridge.publisher.application.arrival import Incoming
from bridge.publisher.application.ingest import Ingest
from bridge.publisher.domain.delivery.model import Policy
from bridge.publisher.domain.journal import Origin
from bridge.testkit.clock import ManualClock

RECORD = Incoming(
    Origin(
        "customer-mapped",
        0,
        5,
        b"acme:10042",
        tuple(
            encode(
                Envelope(
                    event_id=EventId("7c1f"),
                    type=EventType.CUSTOMER_MAPPED,
                    tenant=TenantId("acme"),
                    flow=Flow.CUSTOMERS,
                    entity=EntityNumber("10042"),
                    version=Version(Revision(77)),
                    change_no=3,
                    source_hash="ab" * 32,
                    source_ref=SourceId("9"),
                    time=datetime(2026, 11, 25, tzinfo=UTC),
                    outcome=Outcome.MAPPED,
                    mapped_from="customer-changed-4@1234",
                )
            )
        ),
    ),
    b"{}",
)


@dataclass(slots=True)
class Snapshot:
    """What memory says of every tenant, until a refresh finds it present."""

    is_known: bool
    is_removed: bool

    async def refresh(self) -> None:
        self.is_known, self.is_removed = True, False

    def known(self, tenant: TenantId) -> bool:
        return self.is_known

    def removed(self, tenant: TenantId) -> bool:
        return self.is_removed

    def served(self, tenant: TenantId) -> bool:
        return self.is_known and not self.is_removed

    def paused(self, tenant: TenantId) -> bool:
        return False

    def floor_over(self, tenant: TenantId, invoice: int) -> datetime | None:
        return None


@pytest.mark.parametrize(
    "snapshot",
    [
        pytest.param(Snapshot(is_known=False, is_removed=False), id="declared a moment ago"),
        pytest.param(Snapshot(is_known=True, is_removed=True), id="added again a moment ago"),
    ],
)
async def test_nothing_is_set_aside_by_a_snapshot_that_is_a_moment_old(snapshot: Snapshot) -> None:
    store = MemoryDeliveries(ManualClock().now)
    policy = Policy(settle=timedelta(seconds=60))
    ingest = Ingest(store, snapshot, policy=policy, dead_letter_topic="dead", on_work=lambda: None)

    report = await ingest.take([RECORD])

    assert dict(report.counts) == {"taken": 1}


async def test_the_journey_holds_the_place_in_both_topics() -> None:
    store = MemoryDeliveries(lambda: datetime.now(UTC))
    ingest = Ingest(
        store,
        Snapshot(is_known=True, is_removed=False),
        policy=Policy(settle=timedelta(seconds=1)),
        dead_letter_topic="dead-letter",
        on_work=lambda: None,
    )

    await ingest.take([RECORD])

    (entry,) = store.memory.log
    assert entry.detail == "Mapped from customer-changed-4@1234."
    assert entry.origin is not None
    assert (entry.origin.topic, entry.origin.partition, entry.origin.offset) == ("customer-mapped", 0, 5)
