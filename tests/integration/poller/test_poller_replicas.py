"""Two pollers share the tenants; a dead one's move on; a late one writes nothing."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from bridge.contracts.identity import Flow, shard_of
from bridge.durable.database import Database
from bridge.durable.outbox import Outbox
from bridge.poller.adapters.announcer import Announcer
from bridge.poller.adapters.postgres_memory import PostgresMemory
from bridge.poller.application.ports import Post
from bridge.poller.main import Poller, compose_poller
from bridge.poller.settings import LeaseSettings, PollerSettings
from bridge.runtime.errors import ConfigurationError, LeaseLostError
from bridge.testkit.databases import settings_for
from bridge.testkit.simulator_answers import JsonObject
from bridge.testkit.source_cell import SourceCell, turning
from bridge.testkit.waiting import eventually

LEASE = LeaseSettings(ttl_seconds=3, margin_seconds=0.5)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@asynccontextmanager
async def running(settings: PollerSettings) -> AsyncIterator[Poller]:
    """One more poller beside the block; it leaves as on SIGTERM."""
    async with compose_poller(settings) as poller, turning(poller.loops):
        yield poller


async def shards_of(cell: SourceCell, owner: str) -> set[int]:
    query = "SELECT name FROM poller.lease WHERE owner = %(owner)s AND expires_at > now() AND name LIKE 'shard/%%'"
    return {int(row.text("name").removeprefix("shard/")) for row in await cell.rows(query, owner=owner)}


async def test_two_replicas_share_and_the_one_that_stays_takes_all_over(
    cell: SourceCell, settings: PollerSettings
) -> None:
    tenants = [await cell.declare(f"shared-{i}") for i in range(6)]
    async with AsyncExitStack() as first, AsyncExitStack() as second:
        one = await first.enter_async_context(running(settings))
        two = await second.enter_async_context(running(settings))

        async def halves() -> bool:
            return len(await shards_of(cell, one.owner)) == 128 == len(await shards_of(cell, two.owner))

        await eventually(halves, 60)
        for tenant in tenants:
            tenant.write({"customerNumber": 10001, "name": "Fjord"})
        for tenant in tenants:
            await tenant.hear(1)

        await first.aclose()

        async def all_of_them() -> bool:
            return len(await shards_of(cell, two.owner)) == 256

        await eventually(all_of_them, 2 * settings.lease.ttl_seconds)
        for tenant in tenants:
            tenant.write({"customerNumber": 10002, "name": "Vik"})
        for tenant in tenants:
            await tenant.hear(2)
            assert len(await tenant.said()) == 2


async def test_an_owner_that_vanished_without_a_word_is_followed_within_twice_the_lease_time(
    cell: SourceCell, settings: PollerSettings
) -> None:
    tenant = await cell.declare("orphaned")
    shard = f"shard/{shard_of(tenant.id)}"
    await cell.execute(
        "INSERT INTO poller.lease (name) SELECT 'shard/' || n FROM generate_series(0, 255) n ON CONFLICT DO NOTHING"
    )
    await cell.execute(
        "UPDATE poller.lease SET owner = 'dead', epoch = epoch + 5, expires_at = now() + %(ttl)s * interval '1 s' "
        "WHERE name = %(name)s",
        ttl=settings.lease.ttl_seconds,
        name=shard,
    )
    tenant.write({"customerNumber": 10001, "name": "Fjord"})

    async with running(settings):
        await tenant.hear(1, timeout=2 * settings.lease.ttl_seconds)

    assert (await tenant.cursor()).number("epoch") >= 6


async def test_a_late_owner_writes_nothing(cell: SourceCell, settings: PollerSettings) -> None:
    tenant = await cell.declare("fenced", paused=True)
    async with Database(cell.postgres, application_name="late") as db:
        memory = PostgresMemory(db, Announcer(Outbox("poller"), topic_prefix=settings.kafka.topic_prefix))
        newer, older = (Post(tenant.id, Flow.CUSTOMERS, epoch) for epoch in (8, 7))
        async with memory.unit(newer):
            pass

        with pytest.raises(LeaseLostError, match="fenced"):
            async with memory.unit(older):
                raise AssertionError("the fence let an older owner pass")

    assert (await tenant.cursor()).number("epoch") == 8


async def test_a_stopped_poller_leaves_no_lease_behind(cell: SourceCell, settings: PollerSettings) -> None:
    async with running(settings) as poller:

        async def holds() -> bool:
            return len(await shards_of(cell, poller.owner)) == 256

        await eventually(holds, 60)

    assert await shards_of(cell, poller.owner) == set()


async def test_a_takeover_in_the_middle_of_a_long_poll_loses_and_repeats_nothing(
    cell: SourceCell, settings: PollerSettings
) -> None:
    tenant = await cell.declare("long-poll")
    rows: list[JsonObject] = [{"customerNumber": 10000 + i, "name": f"Kunde {i}"} for i in range(150)]
    tenant.write(*rows)
    async with running(settings):
        await tenant.hear(30)

    async with running(settings):
        await tenant.hear(150)
        await tenant.polls(2)

    assert len(await tenant.said()) == 150
    assert await cell.sums_match(tenant.id)


async def test_a_poller_on_an_empty_database_ends_in_one_sentence_that_names_the_remedy(
    database: str, settings: PollerSettings
) -> None:
    with pytest.raises(ConfigurationError, match="bridge migrate"):
        async with compose_poller(settings.model_copy(update={"postgres": settings_for(database)})):
            raise AssertionError("it started without its tables")
