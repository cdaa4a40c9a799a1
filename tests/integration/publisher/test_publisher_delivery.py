"""Customers reach OC2 through the real publisher: lists, terms, withdrawals, refusals, replays."""

import json
from base64 import b64encode

from bridge.contracts.envelope import Outcome
from bridge.contracts.events.unmappable import Unmappable
from bridge.contracts.reasons import Reason
from bridge.testkit.mapped_cell import MappedCell, Runner
from bridge.testkit.waiting import eventually


async def test_customers_arrive_in_lists_and_their_log_names_what_changed(cell: MappedCell, publish: Runner) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    await cell.send(*(cell.mapped(acme, number, paymentTermDays=14) for number in range(1001, 1301)))

    async with publish():
        await cell.settled(acme, confirmed=300)

        await cell.send(cell.mapped(acme, 1001, revision=2, paymentTermDays=14, phone1="73500000"))
        await eventually(lambda: cell.admin.ledger(acme).customers[1001].get("phone1") == "73500000")
        await cell.settled(acme, confirmed=300)

    ledger = cell.admin.ledger(acme)
    assert len(ledger.customers) == 300
    assert len({content["paymentTermId"] for content in ledger.customers.values()}) == 1
    assert len(ledger.terms) == 1
    confirmed = [row for row in await cell.log(acme, 1001) if row.text("step") == "confirmed"]
    assert confirmed[-1]["changed_fields"] == ["phone1"]
    bulk = [one for one in cell.admin.requests() if one.path.endswith("/bulk") and one.scope == acme]
    assert 2 <= len(bulk) < 30
    assert not [sentence for sentence in cell.admin.violations() if acme in sentence]


async def test_replaying_everything_changes_nothing(cell: MappedCell, publish: Runner) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    records = [cell.mapped(acme, number) for number in range(1, 51)]
    await cell.send(*records)
    async with publish():
        await cell.settled(acme, confirmed=50)
        before = await cell.rows("SELECT * FROM publisher.delivery WHERE tenant = %(t)s", {"t": acme})
        writes = len(cell.admin.ledger(acme).writes)

        await cell.send(*records, *records)
        await cell.send(cell.mapped(acme, 51))
        await cell.settled(acme, confirmed=51)

        after = await cell.rows("SELECT * FROM publisher.delivery WHERE tenant = %(t)s AND entity <> '51'", {"t": acme})
        assert sorted(map(str, after)) == sorted(map(str, before))
        assert len(cell.admin.ledger(acme).writes) == writes + 1


async def test_a_withdrawn_customer_is_put_back_inactive_and_an_unknown_one_stays_unknown(
    cell: MappedCell, publish: Runner
) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    await cell.send(cell.mapped(acme, 10, phone1="73500000"))
    async with publish():
        await cell.settled(acme, confirmed=1)

        await cell.send(cell.withdrawn(acme, 10, revision=2), cell.withdrawn(acme, 11, revision=3))
        await eventually(lambda: cell.admin.ledger(acme).customers[10]["active"] is False)
        await cell.settled(acme, confirmed=2)

    ledger = cell.admin.ledger(acme)
    assert ledger.customers[10]["phone1"] == "73500000"
    assert set(ledger.customers) == {10}


async def test_one_refused_customer_of_a_list_becomes_a_letter_and_the_others_pass(
    cell: MappedCell, publish: Runner
) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    cell.admin.add_fault(
        f"refuse-{acme}",
        system="oc2",
        kind="bulk_partial",
        scope=acme,
        errors={
            "103": [
                {"field": "email1", "message": "this domain takes no mail"},
                {"field": "phone1", "message": "too long"},
            ]
        },
    )
    await cell.pause(acme, True)
    await cell.send(*(cell.mapped(acme, number) for number in range(101, 111)))

    async with publish():
        await cell.settled(acme, ready=10)
        await cell.pause(acme, False)
        await cell.settled(acme, confirmed=9, dead=1)

        letters = await cell.rows("SELECT * FROM publisher.dead_letter")
        assert [row.text("entity") for row in letters] == ["103"]
        assert letters[0].text("reason") == Reason.TARGET_REFUSED.value
        assert letters[0].text("field") == "email1, phone1"
        assert json.loads(letters[0].octets("raw"))["customerNumber"] == 103
        assert letters[0].text("origin_topic") == cell.mapped_topic

        cell.admin.clear_faults()
        await cell.send(cell.mapped(acme, 103, revision=2))
        await cell.settled(acme, confirmed=10)
        closed = await cell.rows("SELECT closed_as FROM publisher.dead_letter")
        assert [row.text("closed_as") for row in closed] == ["superseded"]


async def test_an_unmappable_record_is_a_letter_with_the_original_bytes(cell: MappedCell, publish: Runner) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    body = Unmappable(
        reason=Reason.NAME_MISSING,
        field="name",
        detail="The customer has no name.",
        raw=b64encode(b'{"customerNumber": 7}'),
        raw_key=b64encode(b"k"),
        headers=(("ce_id", b64encode(b"original")),),
        origin_topic="customer-changed",
        origin_partition=3,
        origin_offset=9,
    )
    await cell.send(
        cell.record(acme, 7, 1, body.model_dump_json(by_alias=True), Outcome.UNMAPPABLE), cell.mapped(acme, 8)
    )

    async with publish():
        await cell.settled(acme, dead=1, confirmed=1)

        letter = (await cell.rows("SELECT * FROM publisher.dead_letter"))[0]
        assert letter.octets("raw") == b'{"customerNumber": 7}'
        assert (letter.text("origin_topic"), letter.number("origin_offset")) == ("customer-changed", 9)

        async def relayed() -> bool:
            return not await cell.rows("SELECT id FROM publisher.outbox")

        await eventually(relayed)
