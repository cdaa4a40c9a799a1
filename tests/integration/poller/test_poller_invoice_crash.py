"""A poller that dies around its commit: memory of the batch, of its rows, and outbox rows are there together or not."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from bridge.contracts.identity import Flow
from bridge.poller.main import Poller, compose_poller
from bridge.poller.settings import LeaseSettings, PollerSettings
from bridge.runtime.checkpoints import Checkpoint
from bridge.testkit.simulator_answers import JsonObject
from bridge.testkit.source_cell import SourceCell, turning
from bridge.testkit.waiting import eventually

POLL = {"batch_settle_seconds": 30.0, "gate_probe_seconds": 0.2}
LEASE = LeaseSettings(ttl_seconds=3, margin_seconds=0.5)
_REFUSING = """
CREATE FUNCTION poller.refuse_batch() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'no memory of batches now'; END $$;
CREATE TRIGGER refuse_batch BEFORE INSERT OR UPDATE ON poller.source_batch
FOR EACH ROW EXECUTE FUNCTION poller.refuse_batch();
"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


def invoice(number: int) -> JsonObject:
    """Return an invoice as OC2 shows it."""
    return {
        "invoiceNumber": number,
        "invoiceDate": "2026-11-10",
        "dueDate": "2026-11-24",
        "orderNumber": f"5{number}",
        "orderDate": "2026-11-03",
        "customerNumber": 10002,
        "currency": "NOK",
        "lines": [{"description": "Frakt pall", "unitPrice": "1250.00", "quantity": "1", "vatCode": "3"}],
    }


class DyingOnce:
    """Ends the work of a tenant right after its first commit of changes."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.died = 0

    def __call__(self, checkpoint: Checkpoint, ids: Mapping[str, object]) -> None:
        mine = checkpoint is Checkpoint.AFTER_OUTBOX_COMMIT and ids["tenant"] == self.tenant
        if mine and ids["emitted"] and not self.died:
            self.died += 1
            raise RuntimeError("the poller dies here")


@asynccontextmanager
async def running(settings: PollerSettings, dying: DyingOnce | None = None) -> AsyncIterator[Poller]:
    """Run a poller beside the block."""
    composing = compose_poller(settings, checkpoints=dying) if dying else compose_poller(settings)
    async with composing as poller, turning(poller.loops):
        yield poller


async def test_what_was_committed_before_the_death_is_told_once_and_the_rest_follows(
    cell: SourceCell, settings: PollerSettings
) -> None:
    tenant = await cell.declare("dies-after", flows=[Flow.INVOICES])
    tenant.batches.begin([invoice(10400), invoice(10401)])
    dying = DyingOnce(tenant.id)

    async with running(settings, dying):
        tenant.batches.begin([invoice(10402)])
        await tenant.hear(3)
        await tenant.polls(2)

    assert dying.died == 1
    assert sorted(await tenant.said()) == [(number, "generated") for number in ("10400", "10401", "10402")]
    assert await cell.sums_match(tenant.id)


async def test_no_change_is_told_by_a_transaction_that_could_not_remember_its_batch(
    cell: SourceCell, settings: PollerSettings
) -> None:
    tenant = await cell.declare("dies-within", flows=[Flow.INVOICES])
    await cell.execute(_REFUSING)
    tenant.batches.begin([invoice(10410), invoice(10411)])

    async with running(settings):

        async def failed() -> bool:
            query = "SELECT failing_polls FROM poller.source_cursor WHERE tenant = %(tenant)s"
            rows = await cell.rows(query, tenant=tenant.id)
            return bool(rows) and rows[0].number("failing_polls") > 0

        await eventually(failed, 60, what="a poll that could not be remembered")
        left = "SELECT source_id FROM poller.source_record WHERE tenant = %(tenant)s"
        assert await cell.rows(left, tenant=tenant.id) == []
        assert await tenant.said() == []
        await cell.execute("DROP FUNCTION poller.refuse_batch() CASCADE")
        await tenant.hear(2)
        await tenant.polls(2)

    assert sorted(await tenant.said()) == [("10410", "generated"), ("10411", "generated")]
    assert await cell.sums_match(tenant.id)
