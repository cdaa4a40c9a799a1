"""What people met at Tripletex itself: totals that change their meaning, tokens of every form, keys revoked early."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from bridge.poller.main import Poller, compose_poller
from bridge.poller.settings import PollerSettings
from bridge.testkit.simulator_answers import JsonObject, LoggedRequest
from bridge.testkit.source_cell import SourceCell, SourceTenant, turning
from bridge.testkit.waiting import eventually

POLL = {"page_rows": 1000, "crawl_every_seconds": 3600.0}
PROBE_SECONDS = 0.5

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("poller")]


@asynccontextmanager
async def replica(settings: PollerSettings) -> AsyncIterator[Poller]:
    """One more poller beside the block."""
    async with compose_poller(settings) as poller, turning(poller.loops):
        yield poller


def lists(cell: SourceCell, tenant: SourceTenant) -> list[LoggedRequest]:
    """Return every list of customers that the tenant's company was asked for."""
    return [r for r in cell.simulators.requests() if r.scope == str(tenant.company) and r.path.endswith("/customer")]


# T01 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "then"),
    [("true_total", "plus_one"), ("plus_one", "zero"), ("zero", "true_total"), ("true_total", "zero")],
)
async def test_a_total_that_changes_its_meaning_between_two_pages_hides_no_customer(
    cell: SourceCell, first: str, then: str
) -> None:
    name = f"{first}-{then}".replace("_", "-")
    tenant = await cell.declare(name, paused=True, fullResultMode=first)
    rows: list[JsonObject] = [{"customerNumber": 10000 + i, "name": f"Kunde {i}"} for i in range(2350)]
    tenant.write(*rows)
    cell.simulators.add_fault(
        name, system="tripletex", kind="latency", seconds=0.5, scope=str(tenant.company), path="/customer$", after=1
    )
    await cell.declare(name)
    await eventually(lambda: len(lists(cell, tenant)) == 2, 20, what="the second page to be asked for")
    secret = tenant.secret.read_text()
    cell.simulators.put_company(
        tenant.company,
        name=name,
        consumer_token="consumer-token",
        employee_token=secret,
        fullResultMode=then,
    )
    asked = lists(cell, tenant)
    assert [request.status for request in asked] == [200, None]
    await tenant.hear(2350, timeout=40)
    await tenant.act("resync")
    await tenant.hear(4700, timeout=60)
    cell.simulators.clear_faults()

    said = await tenant.said()
    assert {word for _, word in said} == {"changed"}
    assert len(set(said)) == 2350
    assert await cell.sums_match(tenant.id)


# T09 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrapped", ["{}\n", "\ufeff{}\r\n"], ids=["line end", "mark and carriage return"])
@pytest.mark.parametrize("style", ["letters", "test_prefix", "base64", "long", "colon"])
async def test_a_session_token_of_any_form_reads_and_a_secret_file_of_any_editor_logs_in(
    cell: SourceCell, style: str, wrapped: str
) -> None:
    name = f"token-{style.replace('_', '-')}-{len(wrapped)}"
    tenant = await cell.declare(name, paused=True, sessionStyle=style)
    tenant.secret.write_bytes(wrapped.format(tenant.secret.read_text()).encode())
    await cell.declare(name)

    tenant.write({"customerNumber": 10001, "name": "Fjord"})
    await tenant.hear(1)

    assert await tenant.gate() is None
    assert cell.simulators.sessions_created(tenant.company) == 1


async def test_a_token_of_blanks_closes_the_gate_in_words_that_name_tenant_and_file_alone(cell: SourceCell) -> None:
    tenant = await cell.declare("blank-token", paused=True)
    tenant.secret.write_bytes("\ufeff \t\r\n".encode())
    await cell.declare("blank-token")

    await tenant.gated("secret_missing")

    (row,) = await cell.rows("SELECT why FROM control.gate WHERE tenant = 'blank-token' AND reason = 'secret_missing'")
    assert "blank-token" in row.text("why")
    assert str(tenant.secret) in row.text("why")
    assert not [r for r in cell.simulators.requests() if r.scope == str(tenant.company)]


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
        await eventually(lambda: len(_log_ins(cell, since)) >= 5, 20, what="five probes")
        at = [call.at for call in _log_ins(cell, since)]
        neighbour.write({"id": other, "name": "Nabo AS"})
        await neighbour.hear(2, timeout=5)
        assert len(await tenant.said()) == 40

        tenant.secret.write_text(cell.simulators.new_token(tenant.company))
        await tenant.hear(80, timeout=20)

    assert min(later - earlier for earlier, later in pairwise(at)) > 0.8 * PROBE_SECONDS
    assert await tenant.gate() is None
    assert {word for _, word in await tenant.said()} == {"changed"}


def _log_ins(cell: SourceCell, since: int) -> list[LoggedRequest]:
    """Return the refused log-ins after request number `since`."""
    calls = cell.simulators.requests(since=since)
    return [call for call in calls if call.path.endswith("/:create") and call.status == 422]
