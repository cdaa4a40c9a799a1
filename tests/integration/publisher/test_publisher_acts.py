"""Operator acts: applied by the owner, refused once the entity has moved, a trace and a round each."""

import json
from base64 import b64encode
from collections.abc import Mapping

from bridge.contracts.envelope import Outcome
from bridge.contracts.events.unmappable import Unmappable
from bridge.contracts.identity import EntityNumber, Flow, Generation, Revision, TenantId, Version
from bridge.contracts.reasons import Reason
from bridge.contracts.topics import TopicName, wire_name
from bridge.messaging.consumer import BatchConsumer
from bridge.messaging.record import Record
from bridge.tenancy.acts import Act, ActStatus, ActStore
from bridge.testkit.mapped_cell import MappedCell, Runner
from bridge.testkit.waiting import eventually


async def act(
    cell: MappedCell,
    verb: str,
    tenant: TenantId | None,
    number: int | None = None,
    *,
    revision: int = 1,
    args: Mapping[str, object] | None = None,
) -> Act:
    """Ask for an act as the console does and wait for its end."""
    store = ActStore(cell.db)
    act_id = await store.request(
        who="kari",
        why="the field is mended",
        verb=verb,
        tenant=tenant,
        flow=Flow.CUSTOMERS if number else None,
        entity=EntityNumber(str(number)) if number else None,
        version=Version(Revision(revision), Generation(0)) if number else None,
        args=args,
    )
    return await store.wait(act_id, timeout_seconds=60)


async def refuse(cell: MappedCell, tenant: str, *numbers: int) -> None:
    """Let OC2 refuse these customers."""
    errors = {str(number): [{"field": "name", "message": "not this one"}] for number in numbers}
    cell.admin.add_fault(f"refuse-{tenant}", system="oc2", kind="bulk_partial", scope=tenant, errors=dict(errors))


async def test_a_retry_delivers_the_refused_version_again_as_a_new_generation(
    cell: MappedCell, publish: Runner
) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    await refuse(cell, acme, 1)
    await cell.send(cell.mapped(acme, 1))
    async with publish():
        await cell.settled(acme, dead=1)
        again = await act(cell, "retry", acme, 1)
        assert again.status is ActStatus.DONE
        await cell.settled(acme, dead=1)

        cell.admin.clear_faults()
        moved = await act(cell, "retry", acme, 1)
        assert moved.status is ActStatus.REFUSED
        assert "has moved on" in (moved.outcome or "")
        row = (await cell.rows("SELECT revision, generation FROM publisher.delivery"))[0]
        assert row.number("generation") == again.id
        letters = await cell.rows("SELECT closed_as, closed_by, rounds FROM publisher.dead_letter ORDER BY id")
        assert [(one.text_or_none("closed_as"), one.number("rounds")) for one in letters] == [("retried", 0), (None, 1)]
        assert letters[0].text("closed_by") == "kari"


async def test_a_discarded_delivery_rests_until_a_newer_version_comes(cell: MappedCell, publish: Runner) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    await refuse(cell, acme, 1)
    await cell.send(cell.mapped(acme, 1))
    async with publish():
        await cell.settled(acme, dead=1)
        assert (await act(cell, "discard", acme, 1)).status is ActStatus.DONE
        await cell.settled(acme, discarded=1)

        cell.admin.clear_faults()
        await cell.send(cell.mapped(acme, 1), cell.mapped(acme, 1, revision=2))
        await cell.settled(acme, confirmed=1)


async def test_an_unmappable_record_goes_back_to_the_first_topic_with_its_own_headers(
    cell: MappedCell, publish: Runner
) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    first = wire_name(TopicName.CUSTOMER_CHANGED, cell.kafka.topic_prefix)
    original = dict(cell.mapped(acme, 7).headers) | {"ce_outcome": b"", "ce_type": b"customer.changed.v1"}
    body = Unmappable(
        reason=Reason.NAME_MISSING,
        field="name",
        detail="The customer has no name.",
        raw=b64encode(b'{"customerNumber": 7}'),
        raw_key=b64encode(f"{acme}:7".encode()),
        headers=tuple((name, b64encode(value)) for name, value in original.items()),
        origin_topic=first,
        origin_partition=3,
        origin_offset=9,
    )
    await cell.send(cell.record(acme, 7, 1, body.model_dump_json(by_alias=True), Outcome.UNMAPPABLE))
    async with publish(), BatchConsumer(cell.kafka, group=f"{first}-reader", topics=[first]) as reader:
        await cell.settled(acme, dead=1)

        again = await act(cell, "retry", acme, 7)

        record = await one_record(reader)
    headers = dict(record.headers)
    assert again.status is ActStatus.DONE
    assert record.key == f"{acme}:7".encode()
    assert json.loads(record.value or b"") == {"customerNumber": 7}
    assert headers["ce_generation"] == str(again.id).encode()
    assert headers["ce_time"] == original["ce_time"]
    assert headers["ce_id"] != original["ce_id"]
    assert len(headers["traceparent"]) == 55


async def one_record(reader: BatchConsumer) -> Record:
    """Wait for one record."""
    found: list[Record] = []

    async def came() -> bool:
        found.extend(await reader.next_batch(0.2))
        return bool(found)

    await eventually(came)
    return found[0]


async def test_a_letter_about_no_entity_is_discarded_once_and_its_replay_stays_away(
    cell: MappedCell, publish: Runner
) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    good = cell.mapped(acme, 1)
    stray = good.__class__(good.topic, good.key, b"x", tuple(h for h in good.headers if h[0] != "ce_entity"))
    await cell.send(stray, good)
    async with publish():
        await cell.settled(acme, confirmed=1)

        async def opened() -> list[int]:
            return [row.number("id") for row in await cell.rows("SELECT id FROM publisher.dead_letter")]

        letter = (await eventually(opened))[0]
        assert (await act(cell, "discard", None, args={"letter": letter})).status is ActStatus.DONE

        await cell.send(stray, cell.mapped(acme, 2))
        await cell.settled(acme, confirmed=2)
        letters = await cell.rows("SELECT closed_as FROM publisher.dead_letter")
        assert [row.text("closed_as") for row in letters] == ["discarded"]
