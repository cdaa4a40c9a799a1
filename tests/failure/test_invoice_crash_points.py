"""kill -9 at the points of an invoice's road where something is durable and the next thing is not yet.

Each test first shows by the state left behind that death came exactly there. Then the service starts as always, and
every invoice is at Tripletex exactly once, although Tripletex takes a number as often as it is sent; OC2's batch ends
TRANSFERRED.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from bridge.contracts.identity import Flow
from bridge.contracts.topics import TopicName
from bridge.runtime.checkpoints import Checkpoint
from bridge.testkit.system import System
from bridge.testkit.system_invoices import invoices
from bridge.testkit.system_tenant import SystemTenant

if TYPE_CHECKING:
    from failure.conftest import AllIsWell, Ambush

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUNT = 12
ROWS = invoices(COUNT)
NUMBERS = [70_001 + n for n in range(COUNT)]


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def running(system: System) -> None:
    """All three services run as always before each test."""
    system.simulators.clear_faults()
    for service in ("poller", "transformer", "publisher"):
        if service not in system.services or not system.services[service].running:
            system.start(service)
    await system.ready()


Declare = Callable[[str], Coroutine[Any, Any, SystemTenant]]


@pytest.fixture
def declare(system: System) -> Declare:
    """Declare a tenant that has invoices alone."""

    async def open_one(name: str) -> SystemTenant:
        return await system.declare(name, flows=[Flow.INVOICES])

    return open_one


Resume = Callable[[SystemTenant, str], Coroutine[Any, Any, None]]


@pytest.fixture
def resume(system: System, all_is_well: AllIsWell) -> Resume:
    """Start the killed service as always; another batch has come meanwhile."""

    async def start(tenant: SystemTenant, service: str) -> None:
        tenant.begin(*invoices(3, first=71_001))
        system.start(service)
        await all_is_well(tenant)
        assert len(tenant.invoices.times_stored()) == COUNT + 3

    return start


async def revisions(tenant: SystemTenant, topic: TopicName) -> Counter[int]:
    """Return how often each revision of the tenant is on a topic."""
    return Counter(envelope.version.revision for envelope in await tenant.heard(topic))


async def sending(system: System, tenant: SystemTenant) -> set[str]:
    """Return the invoices whose rows say that they are out."""
    query = "SELECT entity FROM publisher.delivery WHERE tenant = %(t)s AND state = 'sending'"
    return {row.text("entity") for row in await system.rows(query, t=tenant.id)}


def entities_of(ids: dict[str, object]) -> set[str]:
    """Return the entities that the process had in hand."""
    entities = ids["entities"]
    assert isinstance(entities, list)
    return set(entities)


async def test_after_the_outbox_commit_the_next_relay_publishes_invoices_that_nobody_has_seen(
    system: System, declare: Declare, ambush: Ambush, resume: Resume
) -> None:
    tenant = await declare("outbox-commit")
    await system.leave("poller")
    ambushed = ambush("poller", Checkpoint.AFTER_OUTBOX_COMMIT, POLLER_RELAY__IDLE_SECONDS="10")
    await system.ready("poller")

    tenant.begin(*ROWS)
    ids = await ambushed.died()

    assert ids == {"tenant": tenant.id, "emitted": COUNT}
    assert await system.number("SELECT count(*) AS n FROM poller.outbox WHERE tenant = %(t)s", t=tenant.id) == COUNT
    assert (
        await system.number("SELECT emitted AS n FROM poller.source_cursor WHERE tenant = %(t)s", t=tenant.id) == COUNT
    )
    assert await tenant.heard(TopicName.INVOICE_GENERATED) == []
    await resume(tenant, "poller")


async def test_after_produce_before_delete_invoices_are_published_twice_and_made_once(
    system: System, declare: Declare, ambush: Ambush, resume: Resume
) -> None:
    tenant = await declare("produced")
    await system.leave("poller")
    ambushed = ambush("poller", Checkpoint.AFTER_PRODUCE_BEFORE_DELETE)

    tenant.begin(*ROWS)
    ids = await ambushed.died()

    rows = await system.rows("SELECT id FROM poller.outbox WHERE tenant = %(t)s ORDER BY id", t=tenant.id)
    published = await revisions(tenant, TopicName.INVOICE_GENERATED)
    assert [row.number("id") for row in rows] == ids["ids"] == sorted(published)
    assert published.total() == COUNT
    await resume(tenant, "poller")
    heard = await revisions(tenant, TopicName.INVOICE_GENERATED)
    assert all(heard[revision] >= 2 for revision in published)


async def test_after_mapped_invoices_are_acknowledged_before_the_input_is_committed(
    system: System, declare: Declare, ambush: Ambush, resume: Resume
) -> None:
    tenant = await declare("mapped")
    await system.leave("transformer")
    tenant.begin(*ROWS)
    await tenant.read()
    ambushed = ambush("transformer", Checkpoint.AFTER_MAPPED_ACK_BEFORE_INPUT_COMMIT)

    ids = await ambushed.died()

    mapped = await revisions(tenant, TopicName.INVOICE_MAPPED)
    assert mapped.total() == ids["records"]
    assert await system.lag("transformer", TopicName.INVOICE_GENERATED) == COUNT
    await resume(tenant, "transformer")
    heard = await revisions(tenant, TopicName.INVOICE_MAPPED)
    assert all(heard[revision] >= 2 for revision in mapped)


async def test_after_the_ingest_commit_before_the_offset_commit_invoices_come_again_and_are_made_once(
    system: System, declare: Declare, ambush: Ambush, resume: Resume
) -> None:
    tenant = await declare("ingested")
    await system.leave("publisher")
    tenant.begin(*ROWS)
    await system.until(lambda: _is_mapped(tenant), "the invoices to be mapped")
    ambushed = ambush("publisher", Checkpoint.AFTER_INGEST_COMMIT_BEFORE_OFFSET_COMMIT)

    ids = await ambushed.died()

    rows = await system.rows("SELECT topic || '-' || kafka_partition AS p, next_offset FROM publisher.ingest_offset")
    stored = {row.text("p"): row.number("next_offset") for row in rows}
    offsets = ids["offsets"]
    assert isinstance(offsets, dict)
    assert offsets.items() <= stored.items()
    assert 0 < sum((await tenant.states()).values()) <= COUNT
    assert await system.lag("publisher", TopicName.INVOICE_MAPPED) == COUNT
    await resume(tenant, "publisher")


async def test_after_the_claim_commit_before_the_request_no_invoice_had_left_and_each_is_made_later(
    system: System, declare: Declare, ambush: Ambush, resume: Resume
) -> None:
    tenant = await declare("claimed")
    await system.leave("publisher")
    ambushed = ambush("publisher", Checkpoint.AFTER_CLAIM_COMMIT_BEFORE_REQUEST)
    tenant.begin(*ROWS)

    ids = await ambushed.died()

    assert ids["tenant"] == tenant.id
    assert entities_of(ids) == await sending(system, tenant) != set()
    assert tenant.invoices.posts() == []
    await resume(tenant, "publisher")
    assert len(tenant.invoices.posts()) == COUNT + 3


async def test_after_the_answer_before_done_the_invoice_is_there_and_is_adopted_not_repeated(
    system: System, declare: Declare, ambush: Ambush, resume: Resume
) -> None:
    tenant = await declare("answered")
    await system.leave("publisher")
    ambushed = ambush("publisher", Checkpoint.AFTER_ANSWER_BEFORE_DONE)
    tenant.begin(*ROWS)

    ids = await ambushed.died()

    assert set() != entities_of(ids) <= await sending(system, tenant)
    there = tenant.invoices.times_stored()
    assert {int(entity) for entity in entities_of(ids)} <= set(there)
    await resume(tenant, "publisher")
    posted = tenant.invoices.posts()
    assert len(posted) == COUNT + 3


async def _is_mapped(tenant: SystemTenant) -> bool:
    return len(await tenant.heard(TopicName.INVOICE_MAPPED)) == COUNT


async def test_after_oc2_took_the_receipts_before_that_is_durable_they_are_looked_up_and_not_told_again(
    system: System, declare: Declare, all_is_well: AllIsWell
) -> None:
    tenant = await declare("receipts-told")
    # OC2 records them at once and answers when nobody listens any more.
    system.simulators.add_fault(
        "slow-receipts", system="oc2", kind="effect_after", scope=tenant.id, method="POST", path="/receipts$",
        seconds=0, answerSeconds=30,
    )  # fmt: skip
    tenant.begin(*invoices(3))
    await system.until(lambda: _has_receipts(tenant), "OC2 to record receipts")
    out = "SELECT entity FROM publisher.delivery WHERE tenant = %(t)s AND receipt_out_epoch IS NOT NULL"

    system.kill("publisher")

    recorded = {receipt.invoice_number for receipt in tenant.invoices.batches.receipts()}
    assert recorded <= {int(row.text("entity")) for row in await system.rows(out, t=tenant.id)}
    system.simulators.clear_faults()
    system.start("publisher")
    await all_is_well(tenant)
    assert {number: tenant.invoices.told(number) for number in recorded} == {one: ["TRANSFERRED"] for one in recorded}


async def test_between_the_invoice_and_the_closing_of_its_order_the_order_is_closed_later(
    system: System, declare: Declare, all_is_well: AllIsWell
) -> None:
    tenant = await declare("order-open")
    scope = str(tenant.company)
    system.simulators.add_fault(
        "slow-order", system="tripletex", kind="latency", scope=scope, path="^/order/", seconds=30
    )
    tenant.begin(*invoices(3))
    await tenant.settled(confirmed=3)
    await system.until(lambda: _asked_for_an_order(tenant), "the publisher to ask for an order")

    system.kill("publisher")

    waiting = "SELECT count(*) AS n FROM publisher.delivery WHERE tenant = %(t)s AND order_due_at IS NOT NULL"
    assert await system.number(waiting, t=tenant.id) == 3
    assert [order.is_closed for order in tenant.invoices.books.orders()] == [False] * 3
    system.simulators.clear_faults()
    system.start("publisher")
    await all_is_well(tenant)
    assert [order.is_closed for order in tenant.invoices.books.orders()] == [True] * 3


async def _has_receipts(tenant: SystemTenant) -> bool:
    return len(tenant.invoices.batches.receipts()) > 0


async def _asked_for_an_order(tenant: SystemTenant) -> bool:
    asked = [entry for entry in tenant.system.simulators.requests() if entry.scope == str(tenant.company)]
    return any(entry.path.startswith("/order/") for entry in asked)
