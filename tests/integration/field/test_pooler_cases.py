"""All services behind a real pgbouncer in transaction mode, two replicas of each: still one owner of everything.

Runs where pgbouncer is installed. That ownership rests on rows is shown without it by tests/integration/durable.
"""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bridge.contracts.topics import TopicName
from bridge.testkit.pooler import MISSING, PGBOUNCER, open_pooler
from bridge.testkit.system import System
from bridge.testkit.system_tenant import customers

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(PGBOUNCER is None, reason=MISSING),
]


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def running(system: System, server_folder: Path) -> AsyncIterator[None]:
    """Two replicas of poller and publisher that see the database through the pooler alone."""
    async with open_pooler(system.dsn, server_folder, connections=6) as pooled:
        for service in ("poller", "publisher"):
            for name in (service, f"{service}-2"):
                system.start(service, name=name, dsn=pooled)
        system.start("transformer")
        await system.ready()
        yield
        await system.leave(*system.services)


async def test_behind_a_pooler_every_change_is_told_and_sent_once_and_in_order(system: System) -> None:
    tenants = [await system.declare(f"pooled-{i}") for i in range(2)]
    for tenant in tenants:
        tenant.write(*customers(60))
        await tenant.read()
        tenant.edit(*range(10_001, 10_031))
    await system.quiet(*tenants)

    for tenant in tenants:
        told = defaultdict(list)
        for envelope in await tenant.heard(TopicName.CUSTOMER_CHANGED):
            told[envelope.entity].append((envelope.version.revision, envelope.change_no))
        assert Counter(len(changes) for changes in told.values()) == {1: 30, 2: 30}
        assert all(changes == sorted(set(changes)) for changes in told.values())
        assert await tenant.states() == {"confirmed": 60}
        sent = Counter(write.customer_number for write in system.simulators.ledger(tenant.id).writes)
        assert max(sent.values()) <= 2
    assert (await system.proof()).code == 0
