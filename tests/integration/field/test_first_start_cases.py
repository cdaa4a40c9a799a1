"""First starts and new partitions: nothing that was published meanwhile is skipped, whoever dies before its commit."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.contracts.topics import TOPICS, TopicName
from bridge.messaging.admin import TopicAdmin
from bridge.messaging.reader import RangeReader
from bridge.runtime.checkpoints import Checkpoint
from bridge.testkit.system import System
from bridge.testkit.system_tenant import customers

pytestmark = pytest.mark.asyncio(loop_scope="module")

CRASHING = Path(__file__).parents[2] / "failure" / "crashing.py"
FIRST_COMMITS = {
    "transformer": (Checkpoint.AFTER_MAPPED_ACK_BEFORE_INPUT_COMMIT, TopicName.CUSTOMER_CHANGED),
    "publisher": (Checkpoint.AFTER_INGEST_COMMIT_BEFORE_OFFSET_COMMIT, TopicName.CUSTOMER_MAPPED),
}


async def killed_before_its_first_commit(system: System, service: str, folder: Path) -> None:
    """Start a service in a group that has never committed, and let it die between assignment and first commit."""
    point, topic = FIRST_COMMITS[service]
    command = [sys.executable, str(CRASHING), service, point.value, str(folder / service)]
    process = system.start(service, command=command, supervised=False)

    async def dead() -> bool:
        return not process.running

    await system.until(dead, f"the death of the {service}")
    assert process.exit_code == -9, process.last_words()
    assert await system.lag(service, topic) >= 100


async def add_partitions(system: System, count: int) -> None:
    """Add partitions to every topic by what `bridge topics apply` calls."""
    async with TopicAdmin(system.kafka) as admin:
        specs = [replace(spec, partitions=count) for spec in TOPICS]
        await admin.apply(specs, prefix=system.kafka.topic_prefix, replication=1)


async def test_groups_that_never_committed_begin_at_the_beginning_and_new_partitions_too(
    system: System, tmp_path: Path
) -> None:
    system.start("poller")
    tenant = await system.declare("first-start")
    tenant.write(*customers(100))
    await tenant.read()
    for service in FIRST_COMMITS:
        await killed_before_its_first_commit(system, service, tmp_path)
        system.start(service)
    await tenant.settled(confirmed=100)

    await add_partitions(system, 8)

    async def flowing_into_all() -> bool:
        tenant.write(*customers(20, first=20_000 + len(tenant.ids)))
        return await used_partitions(system) == set(range(8))

    await system.until(flowing_into_all, "records in the new partitions")
    await tenant.settled(confirmed=len(tenant.ids), timeout=60)
    await system.quiet(tenant)

    assert (await system.proof()).code == 0
    assert set(system.simulators.ledger(tenant.id).customers) == set(tenant.ids)


async def used_partitions(system: System) -> set[int]:
    """Return the partitions of `customer-mapped` that hold records."""
    async with RangeReader(system.kafka) as reader:
        ends = await reader.ends(system.topic(TopicName.CUSTOMER_MAPPED))
    return {place.partition for place, end in ends.items() if end}
