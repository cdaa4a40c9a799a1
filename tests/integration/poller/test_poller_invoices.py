"""What the poller tells of invoices: real Postgres, real Kafka, the simulated OC2."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from bridge.contracts.envelope import EventType
from bridge.contracts.identity import Flow, partition_key
from bridge.contracts.reasons import Reason
from bridge.contracts.topics import MAX_EVENT_BYTES
from bridge.testkit.simulator_answers import Json, JsonObject
from bridge.testkit.source_cell import Heard, SourceCell, SourceTenant
from bridge.testkit.waiting import eventually

POLL = {"batch_page_rows": 10, "batch_settle_seconds": 30.0, "batch_reread_seconds": 1.0}
INPUTS = Path(__file__).parent / "inputs"

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("poller")]


def invoice(number: int, **fields: Json) -> JsonObject:
    """Return an invoice as OC2 shows it."""
    return {
        "invoiceNumber": number,
        "invoiceDate": "2026-11-10",
        "dueDate": "2026-11-24",
        "kid": None,
        "orderNumber": f"5{number}",
        "orderDate": "2026-11-03",
        "customerNumber": 10002,
        "currency": "NOK",
        "lines": [{"description": "Frakt pall", "unitPrice": "1250.00", "quantity": "1", "vatCode": "3"}],
        **fields,
    }


async def declare(cell: SourceCell, name: str) -> SourceTenant:
    """Declare a tenant that carries invoices only."""
    return await cell.declare(name, flows=[Flow.INVOICES])


def by_number(heard: Sequence[Heard]) -> dict[str | None, Heard]:
    """Return the last event of each invoice."""
    return {one.envelope.entity: one for one in heard}


def refs(heard: Sequence[Heard]) -> list[tuple[str, str]]:
    """Return the row and the word of each event."""
    return [(one.envelope.source_ref, one.word) for one in heard]


async def test_every_invoice_of_a_batch_is_told_once_over_many_pages_and_polls(cell: SourceCell) -> None:
    tenant = await declare(cell, "many-pages")
    batch = tenant.batches.begin([invoice(10400 + i) for i in range(25)])

    heard = await tenant.hear(25)
    await tenant.polls(3)

    assert len(await tenant.said()) == 25
    assert {one.word for one in heard} == {"generated"}
    (first,) = [one for one in heard if one.envelope.entity == "10400"]
    assert first.key == partition_key(tenant.id, first.envelope.entity)  # type: ignore[arg-type]  # it has a number
    assert (first.envelope.source_ref, first.envelope.flow) == (f"{batch}/10400", Flow.INVOICES)
    assert json.loads(first.body)["batchNumber"] == batch
    assert await cell.sums_match(tenant.id)


async def test_a_batch_whose_lower_number_appears_late_is_told(cell: SourceCell) -> None:
    tenant = await declare(cell, "late-number")
    late = tenant.batches.begin([invoice(10410)], visible=False)
    tenant.batches.begin([invoice(10411)])
    await tenant.hear(1)

    tenant.batches.show(late)
    heard = await tenant.hear(2)

    assert [one.envelope.entity for one in heard] == ["10411", "10410"]


async def test_a_correction_in_the_same_second_is_told(cell: SourceCell) -> None:
    tenant = await declare(cell, "same-second")
    batch = tenant.batches.begin([invoice(10420), invoice(10421)])
    await tenant.hear(2)

    tenant.batches.correct(batch, invoice(10420, dueDate="2026-12-01"), same_second=True)
    heard = await tenant.hear(3)

    assert heard[2].envelope.change_no == 2
    assert json.loads(heard[2].body)["dueDate"] == "2026-12-01"
    assert heard[0].envelope.version < heard[2].envelope.version


async def test_an_invoice_that_is_taken_back_is_withdrawn_and_its_neighbours_are_not(cell: SourceCell) -> None:
    tenant = await declare(cell, "taken-back")
    batch = tenant.batches.begin([invoice(10430 + i) for i in range(12)])
    await tenant.hear(12)

    tenant.batches.take_back(batch, 10435)
    heard = await tenant.hear(13)
    await tenant.polls(2)

    assert len(await tenant.said()) == 13
    assert heard[12].envelope.type is EventType.INVOICE_WITHDRAWN
    assert json.loads(heard[12].body) == {"batchNumber": batch, "invoiceNumber": 10435, "because": "taken_back"}
    assert await cell.sums_match(tenant.id)


async def test_the_same_invoice_in_a_second_batch_is_told_for_it_once(cell: SourceCell) -> None:
    tenant = await declare(cell, "second-batch")
    first = tenant.batches.begin([invoice(10440)], generatedAt="2026-11-10T08:00:00Z")
    await tenant.hear(1)

    second = tenant.batches.begin([invoice(10440)])
    heard = await tenant.hear(2)
    await tenant.polls(8)

    assert refs(await tenant.heard()) == [(f"{first}/10440", "generated"), (f"{second}/10440", "generated")]
    assert heard[0].envelope.source_hash == heard[1].envelope.source_hash
    assert [one.envelope.change_no for one in heard] == [1, 2]


async def test_an_invoice_taken_back_from_the_newer_batch_is_told_by_the_older_one(cell: SourceCell) -> None:
    tenant = await declare(cell, "older-batch")
    first = tenant.batches.begin([invoice(10445)], generatedAt="2026-11-10T08:00:00Z")
    await tenant.hear(1)
    second = tenant.batches.begin([invoice(10445, dueDate="2026-12-01"), invoice(10446)])
    await tenant.hear(3)

    tenant.batches.take_back(second, 10445)
    heard = await tenant.hear(4)
    await tenant.polls(4)

    assert len(await tenant.said()) == 4
    assert refs(heard[3:]) == [(f"{first}/10445", "generated")]


async def test_a_batch_that_was_transferred_leaves_the_list_without_a_word(cell: SourceCell) -> None:
    tenant = await declare(cell, "transferred")
    batch = tenant.batches.begin([invoice(10450)])
    await tenant.hear(1)

    async def forgotten() -> bool:
        query = "SELECT batch FROM poller.source_batch WHERE tenant = %(tenant)s"
        return not await cell.rows(query, tenant=tenant.id)

    tenant.batches.change(batch, state="TRANSFERRED")
    await eventually(forgotten, 60, what="the batch to be forgotten")
    await tenant.polls(2)

    assert await tenant.said() == [("10450", "generated")]
    left = "SELECT source_id FROM poller.source_record WHERE tenant = %(tenant)s"
    assert await cell.rows(left, tenant=tenant.id) == []
    assert await cell.sums_match(tenant.id)


async def test_the_last_open_invoice_of_a_batch_is_withdrawn_although_the_batch_leaves_with_it(
    cell: SourceCell,
) -> None:
    tenant = await declare(cell, "last-open")
    batch = tenant.batches.begin([invoice(10455), invoice(10456), invoice(10457)])
    await tenant.hear(3)

    tenant.batches.take_back(batch, 10456)
    tenant.batches.change(batch, state="TRANSFERRED")
    heard = await tenant.hear(4)
    await tenant.polls(3)

    assert len(await tenant.said()) == 4
    assert heard[3].envelope.type is EventType.INVOICE_WITHDRAWN
    assert json.loads(heard[3].body) == {"batchNumber": batch, "invoiceNumber": 10456, "because": "taken_back"}
    assert await cell.sums_match(tenant.id)


async def test_rows_that_move_under_the_read_are_told_and_none_is_withdrawn(cell: SourceCell) -> None:
    tenant = await declare(cell, "moved")
    path = "/invoices$"
    moves: JsonObject = {"delete": [10463], "insert": [invoice(10499)]}
    cell.simulators.add_fault(
        "moved", system="oc2", scope=tenant.id, kind="page_shift", path=path, at_page=1, rows=moves, times=1
    )
    tenant.batches.begin([invoice(10460 + i) for i in range(15)])

    await tenant.hear(17)
    await tenant.polls(3)

    said = await tenant.said()
    assert sorted(said) == sorted(
        [(str(10460 + i), "generated") for i in range(15)] + [("10499", "generated"), ("10463", "withdrawn")]
    )


async def test_pages_that_start_too_far_withdraw_nothing(cell: SourceCell) -> None:
    tenant = await declare(cell, "shifted")
    tenant.batches.begin([invoice(10470 + i) for i in range(25)])
    await tenant.hear(25)

    cell.simulators.add_fault(
        "shifted", system="oc2", scope=tenant.id, kind="page_shift", path="/invoices$", at_page=1, rows=1
    )
    await tenant.polls(3)
    cell.simulators.remove_fault("shifted")

    assert {word for _, word in await tenant.said()} == {"generated"}


@pytest.mark.parametrize("lie", ["total", "invoiceCount"])
async def test_a_count_that_does_not_agree_withdraws_nothing_and_hides_nothing(cell: SourceCell, lie: str) -> None:
    tenant = await declare(cell, f"lying-{lie.lower()}")
    batch = tenant.batches.begin([invoice(10480), invoice(10481)])
    await tenant.hear(2)

    tenant.batches.change(batch, **{lie: 9})
    # A list from before the lie would make the read after it complete, and rightly so.
    await tenant.polls(1)
    tenant.batches.change(batch, takeBack=[10481], put=[invoice(10482)])
    await tenant.hear(3)
    await tenant.polls(3)

    assert {word for _, word in await tenant.said()} == {"generated"}


async def test_an_invoice_hidden_from_the_page_is_not_taken_back(cell: SourceCell) -> None:
    tenant = await declare(cell, "hidden")
    tenant.batches.begin([invoice(10490), invoice(10491)])
    await tenant.hear(2)

    cell.simulators.add_fault("hidden", system="oc2", scope=tenant.id, kind="missing_rows", invoiceNumbers=[10490])
    await tenant.polls(3)
    cell.simulators.remove_fault("hidden")

    assert len(await tenant.said()) == 2


async def test_a_broken_row_travels_raw_and_stops_no_other(cell: SourceCell) -> None:
    tenant = await declare(cell, "broken")
    rows: list[Json] = [invoice(10500), invoice(10501, kid=1290865), {"orderNumber": "50502"}, invoice(10503)]
    batch = tenant.batches.begin(rows)

    heard: dict[str, Heard] = {one.envelope.source_ref: one for one in await tenant.hear(4)}
    await tenant.polls(3)
    tenant.batches.correct(batch, invoice(10501, kid="01290865"))
    await tenant.hear(5)

    assert [number for number, _ in await tenant.said()].count(None) == 1
    assert heard[f"{batch}/10500"].word == heard[f"{batch}/10503"].word == "generated"
    broken = heard[f"{batch}/10501"]
    assert (broken.envelope.type, broken.envelope.entity) == (EventType.INVOICE_UNREADABLE, "10501")
    assert (broken.envelope.fault_reason, broken.envelope.fault_field) == (Reason.SOURCE_ROW_UNREADABLE, "kid")
    assert "2 to 25 digits" in (broken.envelope.fault_detail or "")
    assert json.loads(broken.body)["kid"] == 1290865
    (nameless,) = [one for one in heard.values() if one.envelope.entity is None]
    assert (nameless.key, nameless.envelope.fault_field) == (None, "invoiceNumber")
    assert nameless.envelope.source_ref.startswith(f"{batch}/row-")


async def test_d07_rows_that_went_through_a_spreadsheet_are_letters_with_their_field(cell: SourceCell) -> None:
    tenant = await declare(cell, "spreadsheet")
    rows: list[Json] = json.loads((INPUTS / "D07.json").read_text())["oc2InvoicesRaw"]
    tenant.batches.begin([*rows, invoice(10649)])

    heard = by_number(await tenant.hear(8))

    fields = {number: one.envelope.fault_field for number, one in heard.items() if one.word == "unreadable"}
    assert fields == {
        "10640": "kid",
        "10641": "orderNumber",
        "10642": "departmentNumber",
        "10643": "lines[0].quantity",
        "10644": "lines[0].unitPrice",
        "10645": "lines[0].unitPrice",
        "10646": "lines[0].unitPrice",
    }
    assert heard["10649"].word == "generated"


async def test_d05_a_padded_kid_is_a_letter_and_a_blank_one_is_no_kid(cell: SourceCell) -> None:
    tenant = await declare(cell, "padded-kid")
    rows: list[Json] = json.loads((INPUTS / "D05.json").read_text())["oc2Invoices"]
    tenant.batches.begin([*rows, invoice(10629, kid="   ")])

    heard = by_number(await tenant.hear(6))

    broken = {number for number, one in heard.items() if one.word == "unreadable"}
    assert broken == {"10620", "10621", "10623", "10624"}
    assert {heard[number].envelope.fault_field for number in broken} == {"kid"}
    assert all("kid" not in json.loads(heard[number].body) for number in ("10622", "10629"))


async def test_k15_texts_beyond_their_length_are_refused_for_their_row_alone(cell: SourceCell) -> None:
    tenant = await declare(cell, "too-long")
    rows: list[Json] = json.loads((INPUTS / "K15.json").read_text())["oc2Invoices"]
    long_code = invoice(10509, lines=[{"description": "x", "unitPrice": "1", "quantity": "1", "vatCode": "3" * 3000}])
    tenant.batches.begin([*rows, long_code])

    heard = by_number(await tenant.hear(len(rows) + 1))

    assert heard["10501"].envelope.fault_field == "orderNumber"
    assert "12000 characters; at most 50" in (heard["10501"].envelope.fault_detail or "")
    assert heard["10509"].envelope.fault_field == "lines[0].vatCode"
    assert [one.word for number, one in heard.items() if number not in ("10501", "10509")] == ["generated"]


async def test_k16_an_invoice_above_the_size_limit_is_refused_with_size_and_limit_and_its_neighbours_pass(
    cell: SourceCell,
) -> None:
    tenant = await declare(cell, "three-megabytes")
    lines: list[Json] = [
        {"description": "x" * 255, "unitPrice": "1.00", "quantity": "1", "vatCode": "3"} for _ in range(9000)
    ]
    tenant.batches.begin([invoice(10510, lines=lines), invoice(10511)])

    heard = by_number(await tenant.hear(2))

    fat = heard["10510"]
    assert (fat.envelope.fault_reason, fat.envelope.fault_field) == (Reason.EVENT_TOO_LARGE, "lines")
    assert str(MAX_EVENT_BYTES) in (fat.envelope.fault_detail or "")
    assert "9000 lines" in (fat.envelope.fault_detail or "")
    assert len(fat.body) < 20_000
    assert heard["10511"].word == "generated"


async def test_a_batch_that_cannot_be_read_stops_no_other(cell: SourceCell) -> None:
    tenant = await declare(cell, "one-down")
    bad = tenant.batches.begin([invoice(10520)])
    path = f"/invoice-batches/{bad}/invoices$"
    cell.simulators.add_fault("one-down", system="oc2", scope=tenant.id, kind="html500", path=path)
    tenant.batches.begin([invoice(10521)])

    await tenant.hear(1)
    await tenant.polls(3)
    assert await tenant.said() == [("10521", "generated")]
    assert await tenant.gate() is None

    cell.simulators.remove_fault("one-down")
    await tenant.hear(2)


async def test_resync_tells_every_invoice_of_generated_batches_again_or_one(cell: SourceCell) -> None:
    tenant = await declare(cell, "resync")
    batch = tenant.batches.begin([invoice(10530), invoice(10531), invoice(10532)])
    await tenant.hear(3)
    tenant.batches.take_back(batch, 10532)
    await tenant.hear(4)

    assert (await tenant.act("resync"))[0] == "done"
    again = (await tenant.hear(7))[4:]
    status, outcome = await tenant.act("resync", entity="10530", flow=Flow.INVOICES)
    await tenant.hear(8)
    refused = await tenant.act("resync", entity="99999", flow=Flow.INVOICES)
    await tenant.polls(2)

    assert {(one.envelope.entity, one.word) for one in again} == {
        ("10530", "generated"),
        ("10531", "generated"),
        ("10532", "withdrawn"),
    }
    assert (status, outcome) == ("done", "Invoices read again and told as new revisions: 1.")
    assert refused == ("refused", "Invoice 99999 was never seen at the source.")
    assert len(await tenant.said()) == 8
    assert await cell.sums_match(tenant.id)


async def test_both_flows_of_a_tenant_are_read_side_by_side_and_acts_without_a_flow_are_about_both(
    cell: SourceCell,
) -> None:
    tenant = await cell.declare("both-flows", flows=[Flow.CUSTOMERS, Flow.INVOICES])
    tenant.write({"customerNumber": 10001, "name": "Fjord AS"})
    tenant.batches.begin([invoice(10540)])
    await tenant.hear(2)

    _, outcome = await tenant.act("resync")
    await tenant.hear(4)

    assert outcome is not None
    assert "Customers read again" in outcome
    assert "Invoices read again" in outcome
    assert sorted(await tenant.said()) == [("10001", "changed")] * 2 + [("10540", "generated")] * 2


async def test_a_tenant_without_invoices_in_its_file_is_not_asked_for_batches(cell: SourceCell) -> None:
    tenant = await cell.declare("no-invoices")
    await tenant.polls(2)

    assert not [call for call in cell.simulators.requests() if f"/oc2/{tenant.id}/" in call.path]
