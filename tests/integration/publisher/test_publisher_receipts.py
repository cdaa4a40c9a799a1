"""What OC2 is told of its invoices, and what operators do about them: real servers, OC2 and Tripletex simulated."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import timedelta

from bridge.contracts.envelope import Outcome
from bridge.contracts.events.unmappable import Unmappable
from bridge.contracts.identity import EntityNumber, Flow, Generation, Revision, Version, invoice_ref
from bridge.contracts.reasons import Reason
from bridge.contracts.reasons_nb import REASONS_NB
from bridge.contracts.topics import TopicName, wire_name
from bridge.messaging.consumer import BatchConsumer
from bridge.tenancy.acts import Act, ActStatus, ActStore
from bridge.testkit.mapped_cell import MappedCell, Runner
from bridge.testkit.mapped_invoices import InvoicingTenant, declare_invoicing, wanted
from bridge.testkit.simulator_invoice_answers import ReceiptShown
from bridge.testkit.waiting import eventually

BATCH = 88
CALLS_OF_2S: Mapping[str, object] = {"connect_seconds": 2.0, "read_seconds": 2.0, "total_seconds": 2.0}


async def billing(cell: MappedCell, *numbers: int, batch: int = BATCH) -> InvoicingTenant:
    """Declare a tenant whose OC2 has a batch with these invoices."""
    acme = await declare_invoicing(cell, "acme")
    acme.batches.begin([{"invoiceNumber": number} for number in numbers], batchNumber=batch)
    return acme


def fault(tenant: InvoicingTenant, kind: str, **rule: object) -> None:
    """Switch a misbehaviour of the tenant's POST of receipts on."""
    values = {"system": "oc2", "scope": tenant.id, "method": "POST", "path": "receipts$", **rule}
    tenant.cell.admin.add_fault(f"{kind}-{tenant.id}", kind=kind, **values)  # type: ignore[arg-type]


def calls(tenant: InvoicingTenant, method: str) -> int:
    """Return how many requests about receipts the tenant's OC2 has had."""
    return sum(
        one.scope == tenant.id and one.method == method and one.path.endswith("/receipts")
        for one in tenant.cell.admin.requests()
    )


def newest(tenant: InvoicingTenant) -> dict[tuple[int, int], ReceiptShown]:
    """Return the receipt that stands, by batch and invoice number."""
    return {(one.batch_number, one.invoice_number): one for one in tenant.batches.receipts()}


async def told(tenant: InvoicingTenant, **statuses: str) -> None:
    """Wait until OC2 holds these statuses of batch 88, by `n` and invoice number."""
    expected = {(BATCH, int(name[1:])): status for name, status in statuses.items()}
    seen: dict[tuple[int, int], str] = {}

    async def there() -> bool:
        nonlocal seen
        seen = {place: one.status for place, one in newest(tenant).items()}
        return seen == expected

    await eventually(there, 60.0, what=f"the receipts {expected}")


async def receipt_log(tenant: InvoicingTenant, number: int) -> list[str | None]:
    """Return how each try to tell of an invoice ended."""
    rows = await tenant.cell.log(tenant.id, number)
    return [row.text_or_none("outcome") for row in rows if row.text("step") == "receipt"]


async def act(
    tenant: InvoicingTenant, verb: str, number: int, *, revision: int = 1, args: Mapping[str, object] | None = None
) -> Act:
    """Ask for an act as the console does and wait for its end."""
    generation = Generation((await tenant.row(number)).number("generation"))
    store = ActStore(tenant.cell.db)
    act_id = await store.request(
        who="kari",
        why="mended",
        verb=verb,
        tenant=tenant.id,
        flow=Flow.INVOICES,
        entity=EntityNumber(str(number)),
        version=Version(Revision(revision), generation),
        args=args,
    )
    return await store.wait(act_id, timeout_seconds=60)


async def test_each_invoice_gets_its_receipt_its_order_is_closed_and_a_correction_replaces_a_rejection(
    cell: MappedCell, publish: Runner
) -> None:
    acme = await billing(cell, 1, 2, 3)
    await cell.send(acme.mapped(1), acme.mapped(2), acme.mapped(3, customerNumber=99999))

    async with publish():
        await cell.settled(acme.id, confirmed=2, dead=1)
        await told(acme, n1="TRANSFERRED", n2="TRANSFERRED", n3="REJECTED")
        stands = newest(acme)
        assert stands[BATCH, 1].tripletex_invoice_id == acme.stored(1)[0].id
        assert (stands[BATCH, 3].reason or "").startswith(REASONS_NB[Reason.CUSTOMER_UNKNOWN].sentence)

        await cell.send(acme.mapped(3, revision=2))
        await told(acme, n1="TRANSFERRED", n2="TRANSFERRED", n3="TRANSFERRED")
        assert not await acme.letters()

        async def closed() -> bool:
            return [one.is_closed for one in acme.books.orders()] == [True] * 3

        await eventually(closed, 60.0)

    assert [one.state for one in acme.batches.all()] == ["TRANSFERRED"]
    assert len(acme.batches.receipts()) == 4
    assert await receipt_log(acme, 3) == ["told", "told"]


async def test_a14_an_unmappable_invoice_is_rejected_with_its_remedy_and_the_forty_behind_it_are_transferred(
    cell: MappedCell, publish: Runner
) -> None:
    others = range(10415, 10455)
    acme = await billing(cell, 10414, *others)
    lines = [{"description": "Korreksjon av faktura 9001", "unitPrice": "1250.00", "quantity": "-1", "vatCode": "3"}]
    body = Unmappable(
        reason=Reason.INVOICE_NEGATIVE,
        field="lines",
        detail="The lines sum to -1250 NOK.",
        raw=b64encode(json.dumps(wanted(10414, {"lines": lines})).encode()),
        origin_topic="invoice-generated",
        origin_partition=3,
        origin_offset=9,
    ).model_dump_json(by_alias=True)
    ref = invoice_ref(BATCH, 10414)
    await cell.send(
        cell.record(acme.id, 10414, 1, body, Outcome.UNMAPPABLE, flow=Flow.INVOICES, source_ref=ref),
        *(acme.mapped(number) for number in others),
    )

    async with publish():
        await told(acme, n10414="REJECTED", **{f"n{number}": "TRANSFERRED" for number in others})

    words, said = REASONS_NB[Reason.INVOICE_NEGATIVE], newest(acme)[BATCH, 10414].reason or ""
    assert said.startswith(f"{words.sentence} {words.remedy}")
    assert "lines" in said
    assert await acme.letters() == {"10414": (Reason.INVOICE_NEGATIVE, "lines")}
    assert [one.state for one in acme.batches.all()] == ["GENERATED"]
    assert acme.stored(10414) == []


async def test_a_lost_answer_is_looked_at_and_nothing_is_told_twice(cell: MappedCell, publish: Runner) -> None:
    acme = await billing(cell, 1)
    fault(acme, "answer_lost", times=1)
    await cell.send(acme.mapped(1))

    async with publish():
        await cell.logged(acme.id, "receipt", 2)

    assert await receipt_log(acme, 1) == ["unclear", "held"]
    assert len(acme.batches.receipts()) == 1
    assert (calls(acme, "POST"), calls(acme, "GET")) == (1, 1)


async def test_a_rejection_that_takes_effect_late_does_not_stand_over_the_transfer(
    cell: MappedCell, publish: Runner
) -> None:
    acme = await billing(cell, 1)
    fault(acme, "effect_after", seconds=3.0, times=1)
    await cell.send(acme.mapped(1, customerNumber=99999))

    async with publish(http=CALLS_OF_2S, delivery={"settle_seconds": 4.0}, unsafe_settle=None):
        await cell.logged(acme.id, "receipt", 1)
        await cell.send(acme.mapped(1, revision=2))
        await cell.settled(acme.id, confirmed=1)
        await cell.logged(acme.id, "receipt", 3)

    assert [one.status for one in acme.batches.receipts()] == ["REJECTED", "TRANSFERRED"]
    assert await receipt_log(acme, 1) == ["unclear", "not_held", "told"]


async def test_without_settle_the_late_rejection_would_stand(cell: MappedCell, publish: Runner) -> None:
    acme = await billing(cell, 1)
    fault(acme, "effect_after", seconds=8.0, times=1)
    await cell.send(acme.mapped(1, customerNumber=99999))

    async with publish(http=CALLS_OF_2S, delivery={"settle_seconds": 4.0}, unsafe_settle=timedelta(0)):
        await cell.logged(acme.id, "receipt", 1)
        await cell.send(acme.mapped(1, revision=2))
        await told(acme, n1="TRANSFERRED")
        await told(acme, n1="REJECTED")


class KilledError(Exception):
    """Ends a publisher without any leave-taking."""


async def test_what_a_dead_publisher_had_out_is_looked_at_by_the_next_owner_and_not_told_twice(
    cell: MappedCell, publish: Runner
) -> None:
    acme = await billing(cell, 1)
    fault(acme, "effect_after", seconds=3.0, times=1)
    await cell.send(acme.mapped(1))
    try:
        async with publish():

            async def out() -> bool:
                return calls(acme, "POST") == 1 and (await acme.row(1)).number_or_none("receipt_out_epoch") is not None

            await eventually(out, 60.0)
            raise KilledError
    except* KilledError:
        assert acme.batches.receipts() == []

    async with publish(unsafe_settle=timedelta(seconds=4)):
        await cell.logged(acme.id, "receipt", 2)

    assert await receipt_log(acme, 1) == ["unclear", "held"]
    assert len(acme.batches.receipts()) == 1
    assert calls(acme, "POST") == 1


async def test_a_batch_that_oc2_has_archived_ends_its_receipts_and_nothing_else_a23(
    cell: MappedCell, publish: Runner
) -> None:
    acme = await billing(cell, 1, 2)
    acme.batches.archive(BATCH)
    acme.batches.begin([{"invoiceNumber": 3}], batchNumber=89)
    await cell.send(acme.mapped(1), acme.mapped(2), acme.mapped(3, batch=89))

    async with publish():
        await cell.logged(acme.id, "receipt", 3)
        asked = calls(acme, "POST")
        await cell.send(acme.mapped(4, batch=89, customerNumber=99999))
        await cell.logged(acme.id, "receipt", 4)

    assert [await receipt_log(acme, number) for number in (1, 2, 3)] == [["gone"], ["gone"], ["told"]]
    assert await cell.states(acme.id) == {"confirmed": 3, "dead": 1}
    assert calls(acme, "POST") == asked + 1
    assert set(newest(acme)) == {(89, 3)}


async def test_an_invoice_that_is_not_in_its_batch_keeps_no_other_receipt_back(
    cell: MappedCell, publish: Runner
) -> None:
    acme = await billing(cell, 1, 2, 4)
    await cell.send(*(acme.mapped(number) for number in (1, 2, 3, 4)))

    async with publish():
        await told(acme, n1="TRANSFERRED", n2="TRANSFERRED", n4="TRANSFERRED")
        await cell.logged(acme.id, "receipt", 4)

    assert await receipt_log(acme, 3) == ["refused"]


async def test_an_oc2_that_is_down_holds_back_receipts_and_no_invoice(cell: MappedCell, publish: Runner) -> None:
    acme = await billing(cell, 1)
    acme.batches.begin([{"invoiceNumber": 2}], batchNumber=89)
    fault(acme, "status", status=503)
    await cell.send(acme.mapped(1), acme.mapped(2, batch=89))

    async with publish():
        await cell.settled(acme.id, confirmed=2)
        await acme.gate_closed("target_down")
        assert newest(acme) == {}
        cell.admin.clear_faults()

        async def both() -> bool:
            return {place: one.status for place, one in newest(acme).items()} == {
                (BATCH, 1): "TRANSFERRED",
                (89, 2): "TRANSFERRED",
            }

        await eventually(both, 60.0)


async def test_a_paused_tenants_receipts_wait(cell: MappedCell, publish: Runner) -> None:
    acme = await billing(cell, 1)
    fault(acme, "status", status=503, times=1)
    await cell.send(acme.mapped(1))
    async with publish(delivery={"backoff_seconds": 5.0, "backoff_cap_seconds": 5.0}):
        await cell.settled(acme.id, confirmed=1)

        async def tried() -> bool:
            return calls(acme, "POST") == 1

        await eventually(tried, 60.0)
        await cell.pause(acme.id, True)
    await cell.rows("UPDATE publisher.delivery SET receipt_due_at = now() RETURNING 1 AS one")

    other = await declare_invoicing(cell, "other")
    other.batches.begin([{"invoiceNumber": 1}], batchNumber=BATCH)
    async with publish():
        await cell.send(other.mapped(1))
        await told(other, n1="TRANSFERRED")
        assert newest(acme) == {}
        await cell.pause(acme.id, False)
        await told(acme, n1="TRANSFERRED")


async def test_an_edit_and_a_retry_pass_at_once_once_what_was_missing_is_there_t20(
    cell: MappedCell, publish: Runner
) -> None:
    acme = await billing(cell, 1, 2)
    await cell.send(acme.mapped(1, departmentNumber="44"), acme.mapped(2, customerNumber=99999))

    async with publish():
        await cell.settled(acme.id, dead=2)
        acme.books.add_departments("44")
        assert (await act(acme, "retry", 1)).status is ActStatus.DONE
        refused = await act(acme, "edit", 2, args={"payload": json.dumps({**wanted(2, {}), "invoiceNumber": 3})})
        assert (refused.status, "invoiceNumber" in (refused.outcome or "")) == (ActStatus.REFUSED, True)
        assert (await act(acme, "edit", 2, args={"payload": json.dumps(wanted(2, {}))})).status is ActStatus.DONE
        await cell.settled(acme.id, confirmed=2)
        await told(acme, n1="TRANSFERRED", n2="TRANSFERRED")

    assert [len(acme.stored(number)) for number in (1, 2)] == [1, 1]


async def test_a_letter_that_never_ends_needs_an_override_and_costs_no_call_without_k19(
    cell: MappedCell, publish: Runner
) -> None:
    acme = await billing(cell, 1)
    await cell.send(acme.mapped(1, customerNumber=99999))

    async with publish(delivery={"letter_rounds": 2}):
        await cell.settled(acme.id, dead=1)
        for _ in range(2):
            assert (await act(acme, "retry", 1)).status is ActStatus.DONE
            await cell.settled(acme.id, dead=1)
        stopped = await act(acme, "retry", 1)
        assert (stopped.status, "after 2 retries" in (stopped.outcome or "")) == (ActStatus.REFUSED, True)
        assert (await act(acme, "retry", 1, args={"override": True})).status is ActStatus.DONE
        await cell.settled(acme.id, dead=1)

    rounds = await cell.rows("SELECT rounds FROM publisher.dead_letter ORDER BY id")
    assert [row.number("rounds") for row in rounds] == [0, 1, 2, 3]


async def test_a_confirmed_invoice_is_verified_without_being_sent_and_one_that_changed_is_a_letter(
    cell: MappedCell, publish: Runner
) -> None:
    acme = await billing(cell, 1)
    await cell.send(acme.mapped(1))

    async with publish():
        await cell.settled(acme.id, confirmed=1)
        assert (await act(acme, "verify", 1)).status is ActStatus.DONE
        await cell.logged(acme.id, "read_back", 1)
        await cell.settled(acme.id, confirmed=1)

        await cell.send(acme.mapped(1, revision=2, dueDate="2026-12-24"))
        await cell.logged(acme.id, "letter_opened", 1)
        assert await acme.letters() == {"1": (Reason.INVOICE_CHANGED_AFTER_TRANSFER, None)}

        async def said() -> bool:
            words = REASONS_NB[Reason.INVOICE_CHANGED_AFTER_TRANSFER].sentence
            return (newest(acme)[BATCH, 1].reason or "").startswith(words)

        await eventually(said, 60.0)
        assert newest(acme)[BATCH, 1].status == "TRANSFERRED"
        assert (await act(acme, "discard", 1, revision=2)).status is ActStatus.DONE
        assert not await acme.letters()
        await cell.settled(acme.id, confirmed=1)

    assert len(acme.stored(1)) == 1
    topic = wire_name(TopicName.DEAD_LETTER, cell.kafka.topic_prefix)
    async with BatchConsumer(cell.kafka, group=f"{topic}-reader", topics=[topic]) as reader:
        copies: list[bytes] = []

        async def came() -> bool:
            copies.extend(record.value or b"" for record in await reader.next_batch(0.2))
            return bool(copies)

        await eventually(came, 60.0)
    copy = json.loads(copies[0])
    assert (copy["reason"], copy["entity"], copy["revision"]) == ("invoice_changed_after_transfer", "1", 2)
    assert json.loads(b64decode(copy["raw"]))["dueDate"] == "2026-12-24"
