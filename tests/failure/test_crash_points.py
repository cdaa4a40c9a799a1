"""kill -9 at the six points where something is durable and the next thing is not yet.

Each test first shows by the state left behind that death came exactly there. Then the service starts as always, some
customers have changed again meanwhile, and everything arrives: nothing lost, doubled or out of order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from bridge.contracts.topics import TopicName
from bridge.runtime.checkpoints import Checkpoint
from bridge.testkit.system import System
from bridge.testkit.system_tenant import SystemTenant, customers

if TYPE_CHECKING:
    from failure.conftest import AllIsWell, Ambush

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUNT = 40
NUMBERS = [10_001 + n for n in range(COUNT)]
CHANGED = NUMBERS[::4]


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def running(system: System) -> None:
    """All three services run as always before each test."""
    for service in ("poller", "transformer", "publisher"):
        if service not in system.services or not system.services[service].running:
            system.start(service)
    await system.ready()


Resume = Callable[[SystemTenant, str], Coroutine[Any, Any, None]]


@pytest.fixture
def resume(system: System, all_is_well: AllIsWell) -> Resume:
    """Start the killed service as always; a quarter of the customers has changed again while it was gone."""

    async def start(tenant: SystemTenant, service: str) -> None:
        tenant.edit(*CHANGED)
        system.start(service)
        await all_is_well(tenant)

    return start


def ids_of(marker: dict[str, object]) -> list[str]:
    """Return the entities that the process had in hand."""
    entities = marker["entities"]
    assert isinstance(entities, list)
    return entities


def assert_written_once_per_change(tenant: SystemTenant) -> None:
    """Each customer was written once; one that had changed again once or, if its first content had left, twice."""
    written = Counter(write.customer_number for write in tenant.system.simulators.ledger(tenant.id).writes)
    assert {written[number] for number in NUMBERS if number not in CHANGED} == {1}
    assert {written[number] for number in CHANGED} <= {1, 2}


async def revisions(tenant: SystemTenant, topic: TopicName) -> Counter[int]:
    """Return how often each revision of the tenant is on a topic."""
    return Counter(envelope.version.revision for envelope in await tenant.heard(topic))


async def test_after_the_outbox_commit_the_next_relay_publishes_what_nobody_has_seen(
    system: System, ambush: Ambush, resume: Resume
) -> None:
    tenant = await system.declare("outbox-commit")
    await system.leave("poller")
    # The relay beside it looks once at the start and then not before the death.
    ambushed = ambush("poller", Checkpoint.AFTER_OUTBOX_COMMIT, POLLER_RELAY__IDLE_SECONDS="10")
    await system.ready("poller")

    tenant.write(*customers(COUNT))
    ids = await ambushed.died()

    assert ids == {"tenant": tenant.id, "emitted": COUNT}
    assert await system.number("SELECT count(*) AS n FROM poller.outbox WHERE tenant = %(t)s", t=tenant.id) == COUNT
    assert await system.number("SELECT emitted AS n FROM poller.source_cursor WHERE tenant = %(t)s", t=tenant.id) == 40
    assert await tenant.heard(TopicName.CUSTOMER_CHANGED) == []
    await resume(tenant, "poller")


async def test_after_produce_before_delete_the_rows_are_published_twice_and_delivered_once(
    system: System, ambush: Ambush, resume: Resume
) -> None:
    tenant = await system.declare("produced")
    await system.leave("poller")
    ambushed = ambush("poller", Checkpoint.AFTER_PRODUCE_BEFORE_DELETE)

    tenant.write(*customers(COUNT))
    ids = await ambushed.died()

    rows = await system.rows("SELECT id FROM poller.outbox WHERE tenant = %(t)s ORDER BY id", t=tenant.id)
    published = [envelope.version.revision for envelope in await tenant.heard(TopicName.CUSTOMER_CHANGED)]
    assert [row.number("id") for row in rows] == ids["ids"] == sorted(published)
    assert len(published) == COUNT
    await resume(tenant, "poller")
    heard = await revisions(tenant, TopicName.CUSTOMER_CHANGED)
    assert len(heard) == COUNT + len(CHANGED)
    assert all(heard[revision] >= 2 for revision in published)
    assert_written_once_per_change(tenant)


async def test_after_the_mapped_records_are_acknowledged_before_the_input_is_committed(
    system: System, ambush: Ambush, resume: Resume
) -> None:
    tenant = await system.declare("mapped")
    await system.leave("transformer")
    tenant.write(*customers(COUNT))
    await tenant.read()
    ambushed = ambush("transformer", Checkpoint.AFTER_MAPPED_ACK_BEFORE_INPUT_COMMIT)

    ids = await ambushed.died()

    mapped = await revisions(tenant, TopicName.CUSTOMER_MAPPED)
    assert mapped.total() == ids["records"]
    assert await system.lag("transformer", TopicName.CUSTOMER_CHANGED) == COUNT
    await resume(tenant, "transformer")
    heard = await revisions(tenant, TopicName.CUSTOMER_MAPPED)
    assert len(heard) == COUNT + len(CHANGED)
    assert all(heard[revision] >= 2 for revision in mapped)
    assert_written_once_per_change(tenant)


async def test_after_the_ingest_commit_before_the_offset_commit_the_batch_comes_again_and_changes_nothing(
    system: System, ambush: Ambush, resume: Resume
) -> None:
    tenant = await system.declare("ingested")
    await system.leave("publisher")
    tenant.write(*customers(COUNT))
    await tenant.read()
    await system.until(lambda: _is_mapped(tenant), "the records to be mapped")
    ambushed = ambush("publisher", Checkpoint.AFTER_INGEST_COMMIT_BEFORE_OFFSET_COMMIT)

    ids = await ambushed.died()

    rows = await system.rows("SELECT topic || '-' || kafka_partition AS p, next_offset FROM publisher.ingest_offset")
    stored = {row.text("p"): row.number("next_offset") for row in rows}
    offsets = ids["offsets"]
    assert isinstance(offsets, dict)
    assert offsets.items() <= stored.items()
    taken = sum((await tenant.states()).values())
    assert 0 < taken <= COUNT
    assert await system.lag("publisher", TopicName.CUSTOMER_MAPPED) == COUNT
    await resume(tenant, "publisher")
    assert_written_once_per_change(tenant)


async def test_after_the_claim_commit_before_the_request_nothing_had_left_and_everything_is_sent_later(
    system: System, ambush: Ambush, resume: Resume
) -> None:
    tenant = await system.declare("claimed")
    await system.leave("publisher")
    ambushed = ambush("publisher", Checkpoint.AFTER_CLAIM_COMMIT_BEFORE_REQUEST)
    tenant.write(*customers(COUNT))

    ids = await ambushed.died()

    sending = await system.rows(
        "SELECT entity FROM publisher.delivery WHERE tenant = %(t)s AND state = 'sending'", t=tenant.id
    )
    assert ids["tenant"] == tenant.id
    assert sorted(ids_of(ids)) == sorted(row.text("entity") for row in sending) != []
    assert tenant.sent_to_oc2() == []
    await tenant.read()
    await resume(tenant, "publisher")


async def test_after_the_answer_before_done_the_effect_is_there_and_is_adopted_not_repeated(
    system: System, ambush: Ambush, resume: Resume
) -> None:
    tenant = await system.declare("answered")
    await system.leave("publisher")
    ambushed = ambush("publisher", Checkpoint.AFTER_ANSWER_BEFORE_DONE)
    tenant.write(*customers(COUNT))

    ids = await ambushed.died()

    entities = ids_of(ids)
    sending = await system.rows(
        "SELECT entity FROM publisher.delivery WHERE tenant = %(t)s AND state = 'sending'", t=tenant.id
    )
    assert set(entities) <= {row.text("entity") for row in sending}
    there = [write.customer_number for write in system.simulators.ledger(tenant.id).writes]
    assert {int(entity) for entity in entities} <= set(there)
    assert len(there) == len(set(there))
    await tenant.read()
    await resume(tenant, "publisher")
    assert_written_once_per_change(tenant)


async def _is_mapped(tenant: SystemTenant) -> bool:
    return len(await tenant.heard(TopicName.CUSTOMER_MAPPED)) == COUNT
