"""What people met at Tripletex itself: a key that is revoked early, and more than one replica to find out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bridge.poller.main import Poller, compose_poller
from bridge.poller.settings import LeaseSettings, PollerSettings
from bridge.testkit.simulator_answers import JsonObject, LoggedRequest
from bridge.testkit.source_cell import SourceCell, turning
from bridge.testkit.waiting import eventually

POLL = {"page_rows": 1000, "crawl_every_seconds": 3600.0}
LEASE = LeaseSettings(ttl_seconds=3, margin_seconds=0.5)
PROBE_SECONDS = 0.5
PROBES = 8

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("poller")]


@asynccontextmanager
async def replica(settings: PollerSettings) -> AsyncIterator[Poller]:
    """One more poller beside the block."""
    async with compose_poller(settings) as poller, turning(poller.loops):
        yield poller


# T22 --------------------------------------------------------------------------------------------------------------


async def test_a_revoked_key_is_tried_once_an_interval_by_all_replicas_together_until_a_new_one_is_there(
    cell: SourceCell, settings: PollerSettings
) -> None:
    tenant, neighbour = await cell.declare("key-revoked"), await cell.declare("key-neighbour")
    rows: list[JsonObject] = [{"customerNumber": 10000 + i, "name": f"Kunde {i}"} for i in range(40)]
    ids = tenant.write(*rows)
    await tenant.hear(40)
    (other,) = neighbour.write({"customerNumber": 10001, "name": "Nabo"})
    await neighbour.hear(1)
    async with replica(settings), replica(settings):
        cell.simulators.revoke_token(tenant.company)
        edits: list[JsonObject] = [{"id": customer, "name": "Endret"} for customer in ids]
        tenant.write(*edits)
        await tenant.gated("credentials_refused")
        since = len(cell.simulators.requests())
        await eventually(lambda: len(_log_ins(cell, since)) >= PROBES, 60, what="the probes")
        at = [call.at for call in _log_ins(cell, since)]
        neighbour.write({"id": other, "name": "Nabo AS"})
        await neighbour.hear(2)
        assert len(await tenant.said()) == 40

        tenant.secret.write_text(cell.simulators.new_token(tenant.company))
        await tenant.hear(80)

    # Three replicas on their own would take a third of this time; one call may be on its way for a while.
    assert at[-1] - at[0] > 0.7 * PROBE_SECONDS * (len(at) - 1)
    assert await tenant.gate() is None
    assert {word for _, word in await tenant.said()} == {"changed"}


def _log_ins(cell: SourceCell, since: int) -> list[LoggedRequest]:
    """Return the refused log-ins after request number `since`."""
    calls = cell.simulators.requests(since=since)
    return [call for call in calls if call.path.endswith("/:create") and call.status == 422]
