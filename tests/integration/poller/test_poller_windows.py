"""Polls that ask for changes only: every way in which `changedSince` may work, and the changes of the clocks."""

from datetime import datetime, timedelta

import pytest

from bridge.testkit.simulator_answers import JsonObject
from bridge.testkit.source_cell import SourceCell, SourceTenant

POLL = {"crawl_every_seconds": 3600.0}

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("poller")]


def bounds_sent(cell: SourceCell, tenant: SourceTenant) -> list[str]:
    """Return every `changedSince` the tenant's customers were asked with, probes of the filter left out."""
    asked = [dict(request.query) for request in cell.simulators.requests() if request.scope == str(tenant.company)]
    sent = [str(query["changedSince"]) for query in asked if "changedSince" in query]
    return [bound for bound in sent if not bound.startswith("2099")]


@pytest.mark.parametrize("mode", ["works", "inclusive", "exclusive", "local", "local_exclusive"])
async def test_a_filter_that_works_is_trusted_and_loses_no_change(cell: SourceCell, mode: str) -> None:
    tenant = await cell.declare(f"filter-{mode.replace('_', '-')}", changedSinceMode=mode)
    rows: list[JsonObject] = [{"customerNumber": 10000 + i, "name": f"Kunde {i}"} for i in range(12)]
    ids = tenant.write(*rows)
    await tenant.hear(12)

    tenant.write({"id": ids[3], "name": "Endret"}, {"id": ids[9], "isInactive": True})
    heard = await tenant.hear(14)

    assert {h.envelope.entity for h in heard[12:]} == {"10003", "10009"}
    assert (await tenant.cursor()).text("mode") == "filter"
    sent = bounds_sent(cell, tenant)
    assert sent
    assert all(datetime.fromisoformat(bound).tzinfo is None for bound in sent)


async def test_a_filter_that_is_ignored_makes_every_poll_a_full_read(cell: SourceCell) -> None:
    tenant = await cell.declare("filter-ignored", changedSinceMode="ignored")
    (customer,) = tenant.write({"customerNumber": 10001, "name": "Fjord"})
    await tenant.hear(1)
    await tenant.polls(1)

    cell.simulators.delete_customer(tenant.company, customer)
    heard = await tenant.hear(2)

    assert heard[1].word == "withdrawn"
    assert (await tenant.cursor()).text("mode") == "crawl"
    assert bounds_sent(cell, tenant) == []


async def test_a_source_without_rows_proves_nothing_about_the_filter(cell: SourceCell) -> None:
    tenant = await cell.declare("filter-unproven", changedSinceMode="ignored")
    await tenant.polls(2)
    assert (await tenant.cursor()).text("mode") == "unproven"

    tenant.write({"customerNumber": 10001, "name": "Fjord"})
    await tenant.hear(1)


@pytest.mark.parametrize("mode", ["works", "local"])
@pytest.mark.parametrize(
    ("first_poll", "changes", "second_poll"),
    [
        ("2026-06-15T21:20:00Z", ("2026-06-15T21:40:00Z", "2026-06-15T22:20:00Z"), "2026-06-15T22:30:00Z"),
        ("2026-01-15T22:20:00Z", ("2026-01-15T22:40:00Z", "2026-01-15T23:20:00Z"), "2026-01-15T23:30:00Z"),
        ("2026-10-25T00:20:00Z", ("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"), "2026-10-25T01:45:00Z"),
        ("2026-03-29T00:20:00Z", ("2026-03-29T00:50:00Z", "2026-03-29T01:10:00Z"), "2026-03-29T01:20:00Z"),
    ],
    ids=["summer midnight", "winter midnight", "both half past twos of 2026-10-25", "the hour that is left out"],
)
async def test_changes_around_a_border_of_days_or_of_the_clocks_arrive_with_the_next_poll(
    cell: SourceCell, mode: str, first_poll: str, changes: tuple[str, str], second_poll: str
) -> None:
    cell.simulators.set_clock(now=_earlier(first_poll, hours=24))
    tenant = await cell.declare(f"clock-{mode}-{first_poll[:10]}", poll_interval=3600, changedSinceMode=mode)
    rows: list[JsonObject] = [{"customerNumber": 10000 + i, "name": f"Kunde {i}"} for i in range(3)]
    ids = tenant.write(*rows)
    await tenant.hear(3)

    cell.simulators.set_clock(now=first_poll)
    await tenant.poll_now()
    for customer, moment in zip(ids, changes, strict=False):
        cell.simulators.set_clock(now=moment)
        tenant.write({"id": customer, "name": f"Endret {moment}"})
    cell.simulators.set_clock(now=second_poll)
    await tenant.poll_now()
    heard = await tenant.hear(5, timeout=5)

    assert {h.envelope.entity for h in heard[3:]} == {"10000", "10001"}
    assert bounds_sent(cell, tenant)
    cell.simulators.set_clock(offset_seconds=0)


def _earlier(moment: str, *, hours: int) -> str:
    return (datetime.fromisoformat(moment) - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_a_poll_that_ends_early_moves_no_bound_and_the_next_one_reads_it_all(cell: SourceCell) -> None:
    tenant = await cell.declare("ends-early", poll_interval=3600)
    rows: list[JsonObject] = [{"customerNumber": 10000 + i, "name": f"Kunde {i}"} for i in range(25)]
    ids = tenant.write(*rows)
    await tenant.hear(25)
    before = (await tenant.cursor())["changed_since_bound"]

    edits: list[JsonObject] = [{"id": customer, "name": "Endret"} for customer in ids]
    tenant.write(*edits)
    cell.simulators.add_fault(
        "second-page",
        system="tripletex",
        scope=str(tenant.company),
        kind="status",
        status=500,
        after=1,
        times=1,
        path="/customer$",
    )
    await tenant.poll_now()
    heard = await tenant.hear(50)

    assert cell.simulators.faults()["second-page"].hits == 1
    assert (await tenant.cursor())["changed_since_bound"] != before
    assert len(heard) == 50
    assert await cell.sums_match(tenant.id)


async def test_a_resync_reads_everything_although_the_filter_is_trusted(cell: SourceCell) -> None:
    cell.simulators.set_clock(now="2026-06-15T08:00:00Z")
    tenant = await cell.declare("resync-behind-a-filter")
    rows: list[JsonObject] = [{"customerNumber": 10000 + i, "name": f"Kunde {i}"} for i in range(12)]
    tenant.write(*rows)
    await tenant.hear(12)
    await tenant.polls(2)

    # Hours later by the source's clock the filter shows no row, since none has changed meanwhile.
    cell.simulators.set_clock(now="2026-06-15T12:00:00Z")
    await tenant.polls(2)
    await tenant.act("resync")
    await tenant.hear(24)
    await tenant.polls(2)
    cell.simulators.set_clock(offset_seconds=0)

    assert len(await tenant.said()) == 24
    assert (await tenant.cursor()).text("mode") == "filter"
