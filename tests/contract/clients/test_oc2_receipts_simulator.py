"""Receipts through our client against the simulator: told once or twice, read back, refused as a whole."""

import pytest

from bridge.oc2.access import Oc2Tenant
from bridge.oc2.client import Oc2Client
from bridge.oc2.receipts import MAX_REASON, Receipt, ReceiptStatus
from bridge.remote.outcome import Applied, NotSent, Refused, Unknown
from bridge.runtime.clock import SystemClock
from bridge.runtime.errors import TargetUnavailableError
from bridge.testkit.simulators import SimulatorAdmin

_DONE = Receipt(10302, ReceiptStatus.TRANSFERRED, 90210302)
_NOT_DONE = Receipt(10303, ReceiptStatus.REJECTED, reason="Kunde 10004 finnes ikke i Tripletex.")


def _batch(admin: SimulatorAdmin, *numbers: int) -> int:
    return admin.batches("acme").begin([{"invoiceNumber": number} for number in numbers])


async def test_what_was_told_is_what_is_read_back_and_telling_it_again_changes_nothing(
    admin: SimulatorAdmin, oc2: Oc2Client, oc2_tenant: Oc2Tenant
) -> None:
    batch = _batch(admin, 10302, 10303)
    assert await oc2.list_receipts(oc2_tenant, batch) == {}

    for _ in range(2):
        assert isinstance(await oc2.post_receipts(oc2_tenant, batch, [_DONE, _NOT_DONE]), Applied)

    assert await oc2.list_receipts(oc2_tenant, batch) == {10302: _DONE, 10303: _NOT_DONE}
    better = Receipt(10303, ReceiptStatus.TRANSFERRED, 90210303)
    assert isinstance(await oc2.post_receipts(oc2_tenant, batch, [better]), Applied)
    assert await oc2.list_receipts(oc2_tenant, batch) == {10302: _DONE, 10303: better}


async def test_all_pages_are_read_back(admin: SimulatorAdmin, oc2: Oc2Client, oc2_tenant: Oc2Tenant) -> None:
    numbers = range(1, 1003)
    batch = _batch(admin, *numbers)
    receipts = [Receipt(number, ReceiptStatus.TRANSFERRED, number + 90_000_000) for number in numbers]
    for start in range(0, len(receipts), 500):
        await oc2.post_receipts(oc2_tenant, batch, receipts[start : start + 500])

    found = await oc2.list_receipts(oc2_tenant, batch)

    assert found == {receipt.invoice_number: receipt for receipt in receipts}


async def test_one_receipt_that_is_not_of_the_batch_refuses_the_list(
    admin: SimulatorAdmin, oc2: Oc2Client, oc2_tenant: Oc2Tenant
) -> None:
    batch = _batch(admin, 10302)

    refused = await oc2.post_receipts(oc2_tenant, batch, [_DONE, _NOT_DONE])

    assert isinstance(refused, Refused)
    assert (refused.status, refused.fields[0].field) == (422, "receipts[1].invoiceNumber")
    assert await oc2.list_receipts(oc2_tenant, batch) == {}


async def test_a23_a_batch_that_was_archived_wants_no_receipt_and_is_no_outage(
    admin: SimulatorAdmin, oc2: Oc2Client, oc2_tenant: Oc2Tenant
) -> None:
    batch = _batch(admin, 10302)
    admin.batches("acme").archive(batch)

    refused = await oc2.post_receipts(oc2_tenant, batch, [_DONE])

    assert isinstance(refused, Refused)
    assert refused.status == 404
    assert await oc2.list_receipts(oc2_tenant, batch) is None


@pytest.mark.parametrize("kind", ["answer_lost", "html500"])
async def test_a_receipt_without_an_answer_is_unknown_and_read_back(
    admin: SimulatorAdmin, oc2: Oc2Client, oc2_tenant: Oc2Tenant, kind: str
) -> None:
    batch = _batch(admin, 10302)
    admin.add_fault("bad", system="oc2", kind=kind, times=1)

    assert isinstance(await oc2.post_receipts(oc2_tenant, batch, [_DONE]), Unknown)

    held = await oc2.list_receipts(oc2_tenant, batch)
    assert held == ({10302: _DONE} if kind == "answer_lost" else {})


async def test_receipts_that_cannot_be_read_are_no_absence(
    admin: SimulatorAdmin, oc2: Oc2Client, oc2_tenant: Oc2Tenant
) -> None:
    batch = _batch(admin, 10302)
    admin.add_fault("down", system="oc2", kind="html500")

    with pytest.raises(TargetUnavailableError, match=f"tenant acme, receipts of batch {batch}"):
        await oc2.list_receipts(oc2_tenant, batch)


async def test_no_receipt_leaves_after_the_deadline(
    admin: SimulatorAdmin, oc2: Oc2Client, oc2_tenant: Oc2Tenant
) -> None:
    outcome = await oc2.post_receipts(oc2_tenant, 1, [_DONE], not_after=SystemClock().boot() - 1)

    assert isinstance(outcome, NotSent)
    assert admin.requests() == []


@pytest.mark.parametrize("count", [0, 501])
async def test_a_list_that_cannot_be_is_a_mistake_of_the_caller(
    oc2: Oc2Client, oc2_tenant: Oc2Tenant, count: int
) -> None:
    receipts = [Receipt(number + 1, ReceiptStatus.TRANSFERRED) for number in range(count)]

    with pytest.raises(ValueError, match="1 to 500 receipts"):
        await oc2.post_receipts(oc2_tenant, 1, receipts)


def test_a_reason_is_as_long_as_oc2_takes_it() -> None:
    assert Receipt(1, ReceiptStatus.REJECTED, reason="x" * MAX_REASON).reason
    with pytest.raises(ValueError, match="at most 500"):
        Receipt(1, ReceiptStatus.REJECTED, reason="x" * (MAX_REASON + 1))
