"""What the poller tells of customers: real Postgres, real Kafka, the simulated Tripletex."""

import json
import unicodedata

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bridge.contracts.envelope import EventType
from bridge.contracts.identity import partition_key
from bridge.contracts.reasons import Reason
from bridge.poller.main import Poller
from bridge.runtime.tracing import trace_id_of
from bridge.testkit.simulator_answers import JsonObject
from bridge.testkit.source_cell import SourceCell

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("poller")]


async def test_customers_of_both_lists_are_told_once_each_over_many_pages(cell: SourceCell) -> None:
    tenant = await cell.declare("both-lists")
    active: list[JsonObject] = [{"customerNumber": 10000 + i, "name": f"Kunde {i}"} for i in range(25)]
    resting: list[JsonObject] = [{"customerNumber": 20000 + i, "name": "Hvile", "isInactive": True} for i in range(12)]
    tenant.write(*active, *resting)

    await tenant.hear(37)
    await tenant.polls(3)

    said = await tenant.said()
    assert len(said) == 37
    assert set(said) == {(str(base + i), "changed") for base, n in ((10000, 25), (20000, 12)) for i in range(n)}
    assert await cell.sums_match(tenant.id)


async def test_a_deactivated_customer_is_told_with_its_key_and_a_higher_revision(cell: SourceCell) -> None:
    tenant = await cell.declare("deactivated")
    (customer,) = tenant.write({"customerNumber": 10001, "name": "Fjord AS"})
    await tenant.hear(1)

    tenant.write({"id": customer, "isInactive": True})
    first, second = await tenant.hear(2)

    assert json.loads(second.body)["isInactive"] is True
    assert first.envelope.version < second.envelope.version
    assert (first.envelope.change_no, second.envelope.change_no) == (1, 2)
    assert second.key == partition_key(tenant.id, second.envelope.entity)  # type: ignore[arg-type]  # it has a number
    assert second.envelope.source_ref == str(customer)


async def test_a_deleted_customer_is_withdrawn_after_a_look_by_id(cell: SourceCell) -> None:
    tenant = await cell.declare("deleted")
    (customer,) = tenant.write({"customerNumber": 10001, "name": "Fjord AS"})
    await tenant.hear(1)

    cell.simulators.delete_customer(tenant.company, customer)
    heard = await tenant.hear(2)

    assert json.loads(heard[1].body) == {"customerNumber": 10001, "because": "deleted"}
    asked = [request.path for request in cell.simulators.requests()]
    assert any(path.endswith(f"/customer/{customer}") for path in asked)


async def test_a_row_missing_from_the_list_that_is_still_there_by_id_is_not_withdrawn(cell: SourceCell) -> None:
    tenant = await cell.declare("row-hidden")
    (customer, _) = tenant.write({"customerNumber": 10001, "name": "Fjord"}, {"customerNumber": 10002, "name": "Vik"})
    await tenant.hear(2)

    cell.simulators.add_fault(
        "hidden", system="tripletex", scope=str(tenant.company), kind="missing_rows", ids=[customer]
    )
    await tenant.polls(4)
    cell.simulators.remove_fault("hidden")

    assert len(await tenant.said()) == 2


async def test_a_renumbered_customer_leaves_its_old_number(cell: SourceCell) -> None:
    tenant = await cell.declare("renumbered")
    (customer,) = tenant.write({"customerNumber": 10001, "name": "Fjord AS"})
    await tenant.hear(1)

    tenant.write({"id": customer, "customerNumber": 10009})
    heard = await tenant.hear(3)

    assert {(h.envelope.entity, h.word) for h in heard[1:]} == {("10001", "withdrawn"), ("10009", "changed")}
    assert any(b'"renumbered"' in h.body for h in heard)


@pytest.mark.parametrize("holder_first", [True, False], ids=["leaver read first", "taker read first"])
async def test_a_number_that_wanders_to_another_customer_is_not_withdrawn(cell: SourceCell, holder_first: bool) -> None:
    tenant = await cell.declare(f"wandering-{str(holder_first).lower()}")
    one, two = tenant.write({"customerNumber": 10001, "name": "En"}, {"customerNumber": 10002, "name": "To"})
    await tenant.hear(2)

    leaver, taker = (one, two) if holder_first else (two, one)
    free = "10001" if holder_first else "10002"
    tenant.write({"id": leaver, "customerNumber": 10077}, {"id": taker, "customerNumber": int(free)})
    heard = (await tenant.hear(5))[2:]

    assert {(h.envelope.entity, h.word, h.envelope.source_ref) for h in heard} == {
        (free, "changed", str(taker)),
        ("10077", "changed", str(leaver)),
        ("10002" if holder_first else "10001", "withdrawn", str(taker)),
    }


async def test_a_number_used_twice_makes_the_second_wait_and_follow(cell: SourceCell) -> None:
    tenant = await cell.declare("used-twice")
    (holder,) = tenant.write({"customerNumber": 10001, "name": "Holder"})
    await tenant.hear(1)

    (waiter,) = tenant.write({"customerNumber": 10001, "name": "Waiter"})
    letter = (await tenant.hear(2))[1].envelope
    cell.simulators.delete_customer(tenant.company, holder)
    heard = await tenant.hear(3)

    assert (letter.entity, letter.type, letter.source_ref) == (None, EventType.CUSTOMER_UNREADABLE, str(waiter))
    assert (letter.fault_reason, letter.fault_field) == (Reason.NUMBER_HELD_BY_ANOTHER, "customerNumber")
    assert (heard[2].envelope.entity, heard[2].word) == ("10001", "changed")
    assert json.loads(heard[2].body)["name"] == "Waiter"


async def test_a_supplier_without_a_number_is_silent_until_it_gets_one_and_after_it_loses_it(cell: SourceCell) -> None:
    tenant = await cell.declare("numberless")
    (party,) = tenant.write({"customerNumber": 0, "name": "Leverandør AS"})
    await tenant.polls(2)
    assert await tenant.said() == []

    tenant.write({"id": party, "customerNumber": 10001})
    await tenant.hear(1)
    tenant.write({"id": party, "customerNumber": 0})
    heard = await tenant.hear(2)

    assert [h.word for h in heard] == ["changed", "withdrawn"]
    assert b'"number_removed"' in heard[1].body


async def test_an_unreadable_row_travels_raw_and_stops_no_other(cell: SourceCell) -> None:
    tenant = await cell.declare("unreadable")
    bad, _ = tenant.write({"customerNumber": 10001, "name": "Rar"}, {"customerNumber": 10002, "name": "Grei"})
    await tenant.hear(2)

    tenant.write({"id": bad, "invoicesDueIn": "fjorten"}, {"customerNumber": 10003, "name": "Ny"})
    await tenant.hear(4)
    await tenant.polls(2)
    heard = {h.envelope.entity: h for h in (await tenant.heard())[2:]}

    assert {number: h.word for number, h in heard.items()} == {"10001": "unreadable", "10003": "changed"}
    assert all(h.envelope.fault_field == "invoicesDueIn" for h in heard.values() if h.word == "unreadable")


async def test_content_above_the_limit_is_a_letter_that_names_the_field_and_neighbours_pass(cell: SourceCell) -> None:
    tenant = await cell.declare("too-large")

    tenant.write({"customerNumber": 10001, "name": "x" * 600_000}, {"customerNumber": 10002, "name": "Grei"})
    heard = {h.envelope.entity: h for h in await tenant.hear(2)}

    fat = next(h for h in heard.values() if h.word == "unreadable")
    assert fat.envelope.fault_reason is Reason.EVENT_TOO_LARGE
    assert fat.envelope.fault_field == "name"
    assert "524288" in (fat.envelope.fault_detail or "")
    assert len(fat.body) < 20_000


async def test_a_frozen_version_hides_no_change_and_touching_makes_none(cell: SourceCell) -> None:
    tenant = await cell.declare("frozen")
    (customer,) = tenant.write({"customerNumber": 10130, "name": "Fjord", "invoicesDueIn": 0})
    await tenant.hear(1)

    for days in (14, 0):
        seen = len(await tenant.heard())
        tenant.write({"id": customer, "invoicesDueIn": days, "freezeVersion": True})
        await tenant.hear(seen + 1)
    tenant.write({"id": customer, "touch": True})
    await tenant.polls(2)

    assert [json.loads(h.body).get("invoicesDueIn") for h in await tenant.heard()] == [0, 14, 0]


async def test_letters_composed_or_not_are_one_content_and_arrive_composed(cell: SourceCell) -> None:
    tenant = await cell.declare("composed")
    (customer,) = tenant.write({"customerNumber": 10680, "name": "Kárášjoga gávpi AS"})
    await tenant.hear(1)

    tenant.write({"id": customer, "name": unicodedata.normalize("NFD", "Kárášjoga gávpi AS") + " \t"})
    tenant.write({"customerNumber": 10681, "name": "\ufeffBjÃ¸rkÃ¥s RÃ¸r AS"})
    await tenant.hear(2)
    await tenant.polls(2)

    names = [json.loads(h.body)["name"] for h in await tenant.heard()]
    assert names == ["Kárášjoga gávpi AS", "BjÃ¸rkÃ¥s RÃ¸r AS"]


@pytest.mark.parametrize("organisation", ["NO 312 345 678 MVA", "312.345.678", "556012-5790", "987654321"])
async def test_an_organisation_number_travels_as_given(cell: SourceCell, organisation: str) -> None:
    tenant = await cell.declare(f"organisation-{organisation[:3].strip().lower()}-{len(organisation)}")
    tenant.write({"customerNumber": 10610, "name": "Fjord", "organizationNumber": organisation})

    (heard,) = await tenant.hear(1)

    assert json.loads(heard.body)["organizationNumber"] == organisation


@pytest.mark.parametrize("kind", ["charset_latin1", "invalid_utf8"])
async def test_letters_that_cannot_be_read_end_the_poll_and_are_never_replaced(cell: SourceCell, kind: str) -> None:
    tenant = await cell.declare(kind.replace("_", "-"))
    cell.simulators.add_fault(
        kind, system="tripletex", scope=str(tenant.company), kind=kind, times=1, path="/customer$"
    )
    tenant.write({"customerNumber": 10001, "name": "Blåbærsyltetøy AS"})

    await tenant.hear(1)
    await tenant.polls(2)

    assert [json.loads(h.body)["name"] for h in await tenant.heard()] == ["Blåbærsyltetøy AS"]
    assert cell.simulators.faults()[kind].hits == 1


@pytest.mark.parametrize("kind", ["null_fields", "extra_fields"])
async def test_null_and_unknown_fields_are_no_change_and_no_fault(cell: SourceCell, kind: str) -> None:
    tenant = await cell.declare(kind.replace("_", "-"))
    tenant.write({"customerNumber": 10011, "name": "Null Felt AS"})
    await tenant.hear(1)

    cell.simulators.add_fault(kind, system="tripletex", scope=str(tenant.company), kind=kind, path="/customer$")
    await tenant.polls(3)
    cell.simulators.remove_fault(kind)

    assert {word for _, word in await tenant.said()} == {"changed"}
    assert kind == "null_fields" or len(await tenant.said()) == 1


async def test_each_event_begins_a_trace_that_links_to_the_page_it_was_seen_on(
    cell: SourceCell, spans: InMemorySpanExporter
) -> None:
    tenant = await cell.declare("traced")
    tenant.write({"customerNumber": 10001, "name": "Fjord"})

    (heard,) = await tenant.hear(1)

    trace = trace_id_of(heard.envelope.traceparent)
    (root,) = [span for span in spans.get_finished_spans() if f"{span.context.trace_id:032x}" == trace]
    pages = {span.context.span_id for span in spans.get_finished_spans() if span.name == "poll customers page"}
    assert root.name == "create customer-changed"
    assert root.parent is None
    assert {link.context.span_id for link in root.links} <= pages
    assert len(root.links) == 1


async def test_revisions_of_a_tenant_rise_in_the_order_of_the_log(cell: SourceCell, poller: Poller) -> None:
    tenant = await cell.declare("ordered")
    (customer,) = tenant.write({"customerNumber": 10001, "name": "v0"})
    await tenant.hear(1)
    for version in range(1, 8):
        seen = len(await tenant.heard())
        tenant.write({"id": customer, "name": f"v{version}"})
        await tenant.hear(seen + 1)

    heard = await tenant.heard()

    assert [json.loads(h.body)["name"] for h in heard] == [f"v{i}" for i in range(8)]
    revisions = [h.envelope.version.revision for h in heard]
    assert revisions == sorted(set(revisions))
    assert len({h.envelope.traceparent for h in heard}) == 8
    assert all(reason is None for reason in poller.health.readiness().values())
