"""What people met when something broke at the wrong moment, through all processes and with two replicas of each."""

import json
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from bridge.contracts.identity import EntityNumber, Flow
from bridge.contracts.topics import TopicName
from bridge.durable.outbox import Outbox, OutboxRow
from bridge.messaging.producer import BatchProducer
from bridge.messaging.record import Acked, Outgoing
from bridge.testkit.customer_events import RawEvent, customer_envelope, customer_snapshot, raw_event, with_headers
from bridge.testkit.simulator_answers import as_object, as_rows
from bridge.testkit.system import System
from bridge.testkit.system_tenant import SystemTenant, customers

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROBE_SECONDS = 0.5
PROBES = 8
PAIR = ("poller", "poller-2", "publisher", "publisher-2")


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def running(system: System) -> AsyncIterator[None]:
    """Two replicas of poller and publisher, and a transformer, before each test."""
    for name in ("transformer", *PAIR):
        start(system, name)
    await system.ready()
    yield


def start(system: System, name: str) -> None:
    """Start a replica unless it lives."""
    if name not in system.services or not system.services[name].running:
        system.start(name.split("-")[0], name=name)


# A04 --------------------------------------------------------------------------------------------------------------


async def test_a_publisher_killed_between_the_term_and_its_answer_leaves_one_term_for_fifty_customers(
    system: System,
) -> None:
    tenant = await system.declare("term-killed")
    await system.leave("publisher-2")
    system.simulators.add_fault(
        "slow-term",
        system="oc2",
        kind="effect_after",
        scope=tenant.id,
        method="POST",
        path="payment-terms",
        seconds=0,
        answerSeconds=5,
        times=1,
    )
    tenant.write(*customers(1, first=10440, invoicesDueIn=45))

    async def term_is_there() -> bool:
        return len(system.simulators.ledger(tenant.id).terms) == 1

    await system.until(term_is_there, "the term to be there without an answer")
    system.kill("publisher")
    assert await tenant.states() == {"sending": 1}
    assert system.simulators.ledger(tenant.id).customers == {}

    tenant.write(*customers(49, first=10441, invoicesDueIn=45))
    start(system, "publisher")
    start(system, "publisher-2")
    await tenant.settled(confirmed=50)

    ledger = system.simulators.ledger(tenant.id)
    (term,) = ledger.terms
    assert (term["days"], ledger.term_creates) == (45, 1)
    assert {body["paymentTermId"] for body in ledger.customers.values()} == {term["id"]}
    assert all(write.content["paymentTermId"] == term["id"] for write in ledger.writes)


# A10 --------------------------------------------------------------------------------------------------------------


async def test_after_every_replica_was_killed_one_of_them_probes_and_only_what_a_person_closed_stays(
    system: System,
) -> None:
    tenant, by_hand = await system.declare("probed"), await system.declare("probed-by-hand")
    for each in (tenant, by_hand):
        each.write(*customers(3))
        await each.settled(confirmed=3)
    await system.shell.ok("gates", "close", "flow", f"{by_hand.id}/customers", "--who", "test", "--why", "a migration")
    system.simulators.add_fault("oc2", system="oc2", kind="html500", scope=tenant.id)
    tenant.edit(10001, 10002, 10003)
    await _closed(system, tenant, {"target_down"})

    async def one_is_held_back() -> bool:
        states = await by_hand.states()
        if states == {"confirmed": 3}:
            # A publisher sees a gate within a second; an edit that was quicker than that is followed by another.
            by_hand.edit(10001)
        return states == {"ready": 1, "confirmed": 2}

    await system.until(one_is_held_back, "an edit to wait behind the gate that a person closed")
    system.simulators.add_fault("source", system="tripletex", kind="html500", scope=str(tenant.company))
    await _closed(system, tenant, {"target_down", "source_down"})

    for name in PAIR:
        system.kill(name)
    await system.rows("UPDATE control.gate SET next_probe_at = NULL WHERE reason = 'source_down' RETURNING 1 AS n")
    for name in PAIR:
        start(system, name)
    begun = len(system.simulators.requests())
    for kind, scope in (("oc2", tenant.id), ("tripletex", str(tenant.company))):
        await _probed_at_intervals(system, kind, scope, since=begun)

    system.simulators.clear_faults()
    await tenant.settled(confirmed=3)
    await _closed(system, tenant, set())
    assert {number: body["name"] for number, body in system.simulators.ledger(tenant.id).customers.items()} == {
        number: f"Kunde {number} nr. 1" for number in (10001, 10002, 10003)
    }
    await _closed(system, by_hand, {"closed_by_operator"})
    assert (await by_hand.states())["ready"] == 1


async def _closed(system: System, tenant: SystemTenant, reasons: set[str]) -> None:
    async def reached() -> bool:
        rows = await system.rows("SELECT reason FROM control.gate WHERE tenant = %(t)s", t=tenant.id)
        return {row.text("reason") for row in rows} == reasons

    await system.until(reached, f"the gates of {tenant.id} to be {reasons or 'open'}")


async def _probed_at_intervals(system: System, kind: str, scope: str, *, since: int) -> None:
    """Wait for probes by whichever replica: together they are no more than one an interval."""

    def times() -> list[float]:
        calls = system.simulators.requests(since=since)
        return [call.at for call in calls if call.system == kind and call.scope == scope and call.status == 500]

    async def enough() -> bool:
        return len(times()) >= PROBES

    await system.until(enough, f"{PROBES} probes of {scope}")
    at = times()
    # Two replicas on their own would take half of this time; one call may be on its way for a while.
    assert at[-1] - at[0] > 0.7 * PROBE_SECONDS * (len(at) - 1), at


# K17 --------------------------------------------------------------------------------------------------------------


def _rows(system: System, events: Sequence[tuple[int, RawEvent]], *, topic: str) -> list[OutboxRow]:
    tenant = system.tenants["by-hand-rows"].id
    return [
        OutboxRow(
            id=0,
            topic=topic,
            key=event.key or b"",
            value=event.value or b"",
            headers=event.headers,
            tenant=tenant,
            flow=Flow.CUSTOMERS,
            entity=EntityNumber(str(number)),
        )
        for number, event in events
    ]


async def test_outbox_rows_that_can_never_complete_are_set_aside_or_letters_and_hold_up_no_other_entity(
    system: System,
) -> None:
    tenant = await system.declare("by-hand-rows")
    topic, missing = system.topic(TopicName.CUSTOMER_CHANGED), system.topic(TopicName.CUSTOMER_CHANGED) + "-gone"
    good = [*range(20_000, 21_000)]
    async with system.owner.transaction() as tx:
        outbox = Outbox("poller")
        ids = await outbox.reserve(tx, 1006)

        def event(number: int, row_id: int, body: bytes | None = None) -> tuple[int, RawEvent]:
            envelope = customer_envelope(number, revision=1 << 40 | row_id, tenant=tenant.id)
            right = customer_snapshot(number).model_dump_json(by_alias=True, exclude_none=True).encode()
            return number, raw_event(envelope, right if body is None else body)

        strange = with_headers(event(10_002, ids[2])[1], {"ce_schemaversion": b"99"})
        rows = [
            *_rows(system, [event(10_001, ids[0])], topic=missing),
            *_rows(system, [event(10_003, ids[1], b'{"customerNumber": 10003, "na'), (10_002, strange)], topic=topic),
            *_rows(system, [event(n, i) for n, i in zip(good, ids[3:], strict=False)], topic=topic),
            *_rows(system, [event(10_001, row_id) for row_id in ids[1003:]], topic=topic),
        ]
        await outbox.append(tx, [_numbered(row, row_id) for row, row_id in zip(rows, ids, strict=True)])

    await tenant.settled(confirmed=1000, dead=2)
    assert set(system.simulators.ledger(tenant.id).customers) == set(good)
    letters = await system.rows(
        "SELECT entity, reason FROM publisher.dead_letter WHERE tenant = %(t)s ORDER BY entity", t=tenant.id
    )
    assert [(row.text("entity"), row.text("reason")) for row in letters] == [
        ("10002", "unknown_schema"),
        ("10003", "event_unreadable"),
    ]
    await system.until(lambda: _set_aside(system), "the refused row to be set aside")
    assert await _left(system, tenant) == [ids[0], *ids[1003:]]

    listed = await system.shell.ok("outbox", "list", "--tenant", tenant.id, "--json")
    (row,) = as_rows(as_object(json.loads(listed.out))["rows"])
    assert (row["row_id"], row["entity"], row["behind"]) == (ids[0], "10001", 3)
    await system.shell.ok("outbox", "discard", str(ids[0]), "--who", "anna", "--why", "written by hand")
    await tenant.settled(confirmed=1001, dead=2)
    assert await _left(system, tenant) == []
    audited = (
        "SELECT count(*) AS n FROM control.audit WHERE verb = 'outbox_discard' AND who = 'anna' AND tenant = %(t)s"
    )
    assert await system.number(audited, t=tenant.id) == 1
    again = await system.shell.run("outbox", "retry", str(ids[0]), "--who", "anna", "--why", "too late")
    assert (again.code, "bridge outbox list" in again.sentence) == (1, True)


def _numbered(row: OutboxRow, row_id: int) -> OutboxRow:
    return OutboxRow(row_id, row.topic, row.key, row.value, row.headers, row.tenant, row.flow, row.entity)


async def _set_aside(system: System) -> bool:
    document = await system.shell.json("status")
    return '"set_aside": 1' in str(document).replace("'", '"')


async def _left(system: System, tenant: SystemTenant) -> list[int]:
    rows = await system.rows("SELECT id FROM poller.outbox WHERE tenant = %(t)s ORDER BY id", t=tenant.id)
    return [row.number("id") for row in rows]


# K15 --------------------------------------------------------------------------------------------------------------


async def test_keys_and_names_too_long_for_any_index_are_letters_that_can_be_listed_and_neighbours_pass(
    system: System,
) -> None:
    tenant = await system.declare("too-long")
    topic, long_key = system.topic(TopicName.CUSTOMER_CHANGED), b"k" * 9_000
    broken = raw_event(customer_envelope(10_001, tenant=tenant.id), b'{"customerNumber": 10001, "na')
    strange = with_headers(broken, {"ce_entity": b"7" * 12_000})
    right = customer_snapshot(10_002).model_dump_json(by_alias=True, exclude_none=True).encode()
    good = raw_event(customer_envelope(10_002, tenant=tenant.id), right)
    async with BatchProducer(system.kafka, "test") as producer:
        sent = await producer.send(
            [
                Outgoing(topic, long_key, broken.value or b"", broken.headers),
                Outgoing(topic, long_key, strange.value or b"", strange.headers),
                Outgoing(topic, long_key, right, good.headers),
            ],
            deadline_seconds=20,
        )
    assert all(isinstance(each, Acked) for each in sent)

    async def stored() -> bool:
        return await system.number("SELECT count(*) AS n FROM publisher.dead_letter WHERE length(raw_key) >= 4096") == 2

    await tenant.settled(confirmed=1, dead=1)
    await system.until(stored, "both letters to be stored")
    listed = await system.shell.ok("dead-letters", "list", "--json")
    assert listed.out.count("event_unreadable") >= 2
    searched = await system.shell.run("where", "customer", "7" * 10_000, "--tenant", tenant.id)
    assert searched.code != 0
    assert searched.sentence.startswith("A number has at most 64 characters, this one has 10000")
