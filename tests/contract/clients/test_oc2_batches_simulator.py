"""Batches through our client against the simulator: the generated ones page by page, and the rows of one."""

from datetime import UTC, datetime

import pytest

from bridge.oc2.access import Oc2Tenant
from bridge.oc2.client import Oc2Client
from bridge.remote.errors import CredentialsRefusedError, RateLimitedError
from bridge.runtime.errors import TargetUnavailableError
from bridge.testkit.simulators import SimulatorAdmin


async def test_generated_batches_are_listed_page_by_page_with_their_time_and_count(
    admin: SimulatorAdmin, oc2: Oc2Client, oc2_tenant: Oc2Tenant
) -> None:
    batches = admin.batches("acme")
    for number in (88, 89, 91):
        batches.begin([{"invoiceNumber": 1}], batchNumber=number, changedAt="2026-11-10T08:00:00Z")
    batches.begin([], batchNumber=90, state="TRANSFERRED")

    first = await oc2.list_batches(oc2_tenant, after=0, count=2)
    second = await oc2.list_batches(oc2_tenant, after=first.last or 0, count=2)

    assert [batch.number for batch in first.batches] == [88, 89]
    assert [(batch.number, batch.invoice_count) for batch in second.batches] == [(91, 1)]
    assert second.batches[0].changed_at == datetime(2026, 11, 10, 8, tzinfo=UTC)
    assert (first.rows, second.rows) == (2, 1)
    assert first.server_date is not None


async def test_rows_of_a_batch_come_as_they_are_and_a_batch_that_is_gone_is_none(
    admin: SimulatorAdmin, oc2: Oc2Client, oc2_tenant: Oc2Tenant
) -> None:
    batch = admin.batches("acme").begin([{"invoiceNumber": 1, "kid": 12}, {"invoiceNumber": 2}, {"kid": "x"}])

    page = await oc2.list_invoices(oc2_tenant, batch, offset=1, count=2)
    admin.batches("acme").archive(batch)

    assert page is not None
    assert (page.rows, page.total) == (({"invoiceNumber": 2}, {"kid": "x"}), 3)
    assert await oc2.list_invoices(oc2_tenant, batch, offset=0, count=2) is None


async def test_a_refused_key_and_a_pause_and_an_outage_are_told_apart(
    admin: SimulatorAdmin, oc2: Oc2Client, oc2_tenant: Oc2Tenant, tokens: dict[str, str]
) -> None:
    admin.add_fault("pause", system="oc2", kind="rate_limited", retryAfter=3, times=1)
    with pytest.raises(RateLimitedError):
        await oc2.list_batches(oc2_tenant, after=0)
    admin.add_fault("down", system="oc2", kind="html500", times=1)
    with pytest.raises(TargetUnavailableError):
        await oc2.list_batches(oc2_tenant, after=0)
    tokens["key"] = "another"
    oc2.forget(oc2_tenant.tenant)
    with pytest.raises(CredentialsRefusedError):
        await oc2.list_batches(oc2_tenant, after=0)
