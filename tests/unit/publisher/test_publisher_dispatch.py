"""Dispatch over the in-memory twin: who is claimed, how it travels, what comes of it."""

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bridge.contracts.envelope import Outcome
from bridge.contracts.events.customer import CustomerWanted
from bridge.contracts.events.invoice import InvoiceWanted
from bridge.contracts.identity import (
    EntityNumber,
    EventId,
    Flow,
    Revision,
    Shard,
    SourceId,
    TenantId,
    Version,
    invoice_ref,
    shard_of,
)
from bridge.contracts.reasons import Reason
from bridge.publisher.adapters.memory_deliveries import MemoryDeliveries
from bridge.publisher.application.deliver_customers import DeliverCustomers
from bridge.publisher.application.deliver_invoices import DeliverInvoices
from bridge.publisher.application.dispatch import Dispatcher, Pace
from bridge.publisher.application.done import Backoff, Done
from bridge.publisher.application.gatekeeper import Gatekeeper
from bridge.publisher.application.in_flight import InFlight
from bridge.publisher.application.payment_terms import PaymentTerms
from bridge.publisher.application.ports import Hold
from bridge.publisher.application.takeover import Takeover
from bridge.publisher.application.target import Probe
from bridge.publisher.application.verdict import Claim, Declined, Result, Stored
from bridge.publisher.domain.delivery.model import Delivery, EntityKey, Policy, Refusal, State, Wanted
from bridge.publisher.domain.journal import Origin, Parcel, Step
from bridge.remote.errors import CredentialsRefusedError
from bridge.remote.gate import Close
from bridge.remote.outcome import NotSent, Refused, Unauthorized, Unknown
from bridge.remote.problem import FieldProblem
from bridge.runtime.errors import TargetUnavailableError
from bridge.tenancy.gates import BY_HAND, Gate, GateKey, System
from bridge.testkit.clock import ManualClock
from bridge.testkit.fake_books import FakeBooks, StoredAlthough
from bridge.testkit.fake_oc2 import FakeOc2
from bridge.testkit.waiting import eventually

ACME, OTHER = TenantId("acme"), TenantId("other")
SETTLE = timedelta(seconds=60)


@dataclass(slots=True)
class MemoryGates:
    """The stored gates without a table."""

    clock: ManualClock
    gates: dict[GateKey, Gate] = field(default_factory=dict)

    def closed(self, keys: Iterable[GateKey]) -> Sequence[Gate]:
        return [self.gates[key] for key in keys if key in self.gates]

    def host_of(self, tenant: TenantId, system: System) -> GateKey | None:
        return GateKey.host(f"{system}.example")

    async def close(self, key: GateKey, close: Close, *, probe_in: timedelta) -> None:
        if key in self.gates and self.gates[key].reason in BY_HAND:
            return
        now = self.clock.now()
        self.gates[key] = Gate(key, close.reason, close.why, now, None, now + probe_in, "publisher", False)

    async def half_open(self, key: GateKey, reason: Reason) -> None:
        gate = self.gates[key]
        self.gates[key] = Gate(key, gate.reason, gate.why, gate.since, None, None, gate.closed_by, True)

    async def open(self, key: GateKey) -> None:
        self.gates.pop(key, None)

    async def due_probes(self, tenants: Sequence[TenantId], *, every: timedelta) -> Sequence[Gate]:
        now = self.clock.now()
        return [
            gate
            for gate in self.gates.values()
            if not gate.half_open
            and gate.reason not in BY_HAND
            and gate.key.tenant in tenants
            and (gate.next_probe is None or gate.next_probe <= now)
        ]


class Standing:
    """Two tenants; `resting` are paused."""

    def __init__(self) -> None:
        self.resting: set[TenantId] = set()

    async def refresh(self) -> None:
        """Nothing to read."""

    def known(self, tenant: TenantId) -> bool:
        return True

    def removed(self, tenant: TenantId) -> bool:
        return False

    def served(self, tenant: TenantId) -> bool:
        return True

    def paused(self, tenant: TenantId) -> bool:
        return tenant in self.resting

    def floor_over(self, tenant: TenantId, invoice: int) -> datetime | None:
        return None


@dataclass(slots=True)
class OneHolder:
    """Holds every shard that was given to it."""

    store: MemoryDeliveries
    holds: dict[Shard, Hold] = field(default_factory=dict)

    def give(self, tenant: TenantId, epoch: int = 1, deadline: float = float("inf")) -> None:
        """Hold a tenant's shard under this epoch."""
        shard = shard_of(tenant)
        self.store.memory.epochs[shard] = epoch
        self.holds[shard] = Hold(shard, epoch, deadline)

    def current(self) -> Mapping[Shard, Hold]:
        return dict(self.holds)


@dataclass(slots=True)
class Desk:
    """A dispatcher with everything around it in memory."""

    clock: ManualClock
    store: MemoryDeliveries
    holds: OneHolder
    standing: Standing
    gates: MemoryGates
    oc2: FakeOc2
    books: FakeBooks
    gatekeeper: Gatekeeper
    dispatcher: Dispatcher
    in_flight: InFlight

    async def turn(self) -> int:
        """Look once and see every call through."""
        async with asyncio.TaskGroup() as calls:
            return await self.dispatcher.look_once(calls)

    def put(self, *parcels: Parcel) -> None:
        """Store parcels."""
        self.store.memory.parcels.update({one.key: one for one in parcels})

    def state(self, number: int, tenant: TenantId = ACME) -> State:
        """Return a customer's state."""
        return self.store.memory.parcels[key(number, tenant)].delivery.state

    def steps(self, number: int) -> list[Step]:
        """Return a customer's journey."""
        return [entry.step for entry in self.store.memory.log if entry.key.entity == str(number)]


@pytest.fixture
def desk() -> Desk:
    """A desk that holds both tenants."""
    clock = ManualClock()
    store = MemoryDeliveries(clock.now)
    holds, standing, gates, oc2, in_flight = OneHolder(store), Standing(), MemoryGates(clock), FakeOc2(), InFlight()
    policy = Policy(settle=SETTLE)
    books = FakeBooks()
    probes: Mapping[System, Probe] = {System.OC2: lambda tenant, _: oc2.probe(tenant), System.TRIPLETEX: books.probe}
    gatekeeper = Gatekeeper(gates, probes, probe_every=timedelta(seconds=30), max_pause=timedelta(hours=1))
    terms = PaymentTerms(oc2, clock, settle=SETTLE)
    backoff = Backoff(timedelta(seconds=2), timedelta(minutes=5), random.Random(1))
    dispatcher = Dispatcher(
        store,
        holds,
        standing,
        gatekeeper,
        Takeover(store, in_flight, clock, policy=policy, owner="me", dead_letter_topic="dead", on_doubt=terms.rest),
        {Flow.CUSTOMERS: DeliverCustomers(oc2, terms, clock), Flow.INVOICES: DeliverInvoices(books, clock)},
        Done(store, policy=policy, backoff=backoff, owner="me", dead_letter_topic="dead"),
        in_flight,
        policy=policy,
        pace=Pace(),
        owner="me",
        dead_letter_topic="dead",
        wake=asyncio.Event(),
    )
    for tenant in (ACME, OTHER):
        holds.give(tenant)
    return Desk(clock, store, holds, standing, gates, oc2, books, gatekeeper, dispatcher, in_flight)


def key(number: int, tenant: TenantId = ACME) -> EntityKey:
    """Return a customer's key."""
    return EntityKey(tenant, Flow.CUSTOMERS, EntityNumber(str(number)))


def ready(number: int, tenant: TenantId = ACME, *, days: int | None = None, payload: bytes | None = None) -> Parcel:
    """Return a customer that is due."""
    wanted = CustomerWanted.model_validate(
        {"customerNumber": number, "name": "Kunde AS", "active": True, "currency": "NOK", "paymentTermDays": days}
    )
    body = payload or wanted.model_dump_json(by_alias=True, exclude_none=True).encode()
    content = Wanted(
        Version(Revision(1)), 1, EventId(f"e{number}"), "hash", SourceId("9"), 1, None, Outcome.MAPPED, body
    )
    due_at = datetime(2026, 1, 1, tzinfo=UTC)
    return Parcel(Delivery(key(number, tenant), content, State.READY, due_at), Origin("t", 0, number, b"k", ()))


async def test_a_tenants_due_rows_travel_as_one_list_and_are_confirmed(desk: Desk) -> None:
    desk.put(*(ready(number, days=14) for number in range(1, 31)))

    assert await desk.turn() == 30

    assert desk.oc2.calls == ["term_id", "create_term", "put_list"]
    assert {desk.state(number) for number in range(1, 31)} == {State.CONFIRMED}
    assert desk.steps(1) == [Step.CLAIMED, Step.CONFIRMED]
    assert len(desk.in_flight) == 0


async def test_what_was_ever_in_doubt_travels_alone_once_it_has_settled(desk: Desk) -> None:
    desk.put(*(ready(number) for number in range(1, 4)))
    desk.oc2.plan("put_list", Unknown("silence"))

    await desk.turn()
    assert {desk.state(number) for number in range(1, 4)} == {State.IN_DOUBT}
    desk.clock.advance(59)
    assert await desk.turn() == 0
    desk.clock.advance(2)
    assert await desk.turn() == 3

    assert desk.oc2.calls == ["put_list", "put_one", "put_one", "put_one"]
    assert {desk.state(number) for number in range(1, 4)} == {State.CONFIRMED}


async def test_a_list_that_is_turned_away_as_such_makes_no_dead_letter(desk: Desk) -> None:
    desk.put(ready(1), ready(2))
    desk.oc2.plan("put_list", Refused(Reason.TARGET_REFUSED, 413, detail="too large"))

    await desk.turn()

    assert desk.oc2.calls == ["put_list", "put_one", "put_one"]
    assert not desk.store.memory.letters


async def test_a_refusal_opens_a_letter_with_all_fields_and_its_copy_goes_out(desk: Desk) -> None:
    desk.put(ready(1))
    fields = (FieldProblem("email1", "no mail"), FieldProblem("phone1", "too long"))
    desk.oc2.plan("put_one", Refused(Reason.TARGET_REFUSED, 422, fields=fields))

    await desk.turn()

    assert desk.state(1) is State.DEAD
    letter = desk.store.memory.letters[1].letter
    assert (letter.field, letter.error) == ("email1, phone1", "email1: no mail; phone1: too long")
    assert [record.topic for record in desk.store.memory.outbox] == ["dead"]


async def test_a_body_that_breaks_its_promise_stops_that_customer_alone(desk: Desk) -> None:
    desk.put(ready(1, payload=b'{"customerNumber": "x"}'), ready(2), ready(3))

    await desk.turn()

    assert desk.state(1) is State.DEAD
    assert desk.store.memory.letters[1].letter.reason is Reason.EVENT_UNREADABLE
    assert {desk.state(2), desk.state(3)} == {State.CONFIRMED}


async def test_an_error_that_nobody_foresaw_in_one_tenants_call_leaves_the_others_alone(desk: Desk) -> None:
    desk.put(ready(1), ready(2), ready(1, OTHER))
    desk.oc2.plan("put_list", ZeroDivisionError("a bug"))

    await desk.turn()

    assert {desk.state(1), desk.state(2)} == {State.IN_DOUBT}
    assert desk.state(1, OTHER) is State.CONFIRMED
    desk.clock.advance(61)
    await desk.turn()
    assert {desk.state(1), desk.state(2)} == {State.CONFIRMED}


async def test_nothing_is_sent_once_the_lease_has_run_out(desk: Desk) -> None:
    desk.put(ready(1))
    desk.holds.give(ACME, deadline=desk.clock.boot() - 1)

    await desk.turn()

    assert desk.oc2.calls == []
    assert desk.state(1) is State.READY


async def test_a_takeover_puts_what_was_out_in_doubt_and_looks_before_it_sends(desk: Desk) -> None:
    desk.put(ready(1), ready(2))
    desk.oc2.held_up = asyncio.Event()
    async with asyncio.TaskGroup() as calls:
        await desk.dispatcher.look_once(calls)
        await eventually(lambda: desk.oc2.calls)
        desk.holds.give(ACME, epoch=2)
        await desk.dispatcher.look_once(calls)
        assert {desk.state(1), desk.state(2)} == {State.IN_DOUBT}
        desk.oc2.held_up.set()
    assert {desk.state(1), desk.state(2)} == {State.IN_DOUBT}

    desk.clock.advance(61)
    assert await desk.turn() == 2

    assert desk.oc2.calls == ["put_list", "held", "held"]
    assert desk.steps(1)[-1] is Step.READ_BACK
    assert {desk.state(1), desk.state(2)} == {State.CONFIRMED}


async def test_a_claim_that_is_committed_long_after_its_answer_was_given_up_is_found(desk: Desk) -> None:
    await desk.turn()
    late = ready(1)
    delivery = replace(late.delivery, state=State.SENDING, due_at=None, claim_epoch=1, attempt=1, maybe_there=True)
    desk.put(replace(late, delivery=delivery))

    desk.clock.advance(11)
    await desk.turn()

    assert desk.state(1) is State.CONFIRMED
    assert desk.oc2.calls == ["put_one"]


async def test_an_answer_to_an_older_epochs_claim_says_nothing_about_the_new_owners(desk: Desk) -> None:
    desk.put(ready(1))
    desk.oc2.held_up = asyncio.Event()
    async with asyncio.TaskGroup() as calls:
        await desk.dispatcher.look_once(calls)
        await eventually(lambda: desk.oc2.calls)
        out = desk.store.memory.parcels[key(1)]
        desk.put(replace(out, delivery=replace(out.delivery, claim_epoch=2)))
        desk.oc2.held_up.set()

    assert desk.state(1) is State.SENDING


async def test_a_failed_look_after_a_takeover_sends_nothing_and_keeps_the_doubt(desk: Desk) -> None:
    desk.put(ready(1))
    desk.oc2.held_up = asyncio.Event()
    async with asyncio.TaskGroup() as calls:
        await desk.dispatcher.look_once(calls)
        await eventually(lambda: desk.oc2.calls)
        desk.holds.give(ACME, epoch=2)
        await desk.dispatcher.look_once(calls)
        desk.oc2.held_up.set()
    desk.clock.advance(61)
    desk.oc2.plan("held", TargetUnavailableError("down"))

    await desk.turn()

    assert desk.state(1) is State.IN_DOUBT
    assert desk.oc2.calls.count("put_one") == 1


async def test_two_failing_entities_close_the_gate_and_a_probe_lets_one_row_through(desk: Desk) -> None:
    desk.put(*(ready(number) for number in range(1, 6)))
    desk.oc2.plan("put_list", NotSent(None, "no connection"))
    await desk.turn()
    assert not desk.gates.gates
    desk.clock.advance(10)
    desk.oc2.plan("put_list", NotSent(None, "no connection"))
    desk.put(ready(9))
    desk.store.memory.parcels.pop(key(1))

    await desk.turn()

    gate = desk.gates.gates[GateKey.system(ACME, System.OC2)]
    assert gate.reason is Reason.TARGET_DOWN
    desk.clock.advance(31)
    assert await desk.turn() == 0

    await desk.gatekeeper.probe([ACME])
    desk.oc2.script.clear()
    assert await desk.turn() == 1
    assert not desk.gates.gates
    assert await desk.turn() == 4
    assert not desk.store.memory.letters


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(Unauthorized(), Reason.CREDENTIALS_REFUSED, id="401"),
        pytest.param(Refused(Reason.RIGHTS_MISSING, 403), Reason.RIGHTS_MISSING, id="403"),
        pytest.param(CredentialsRefusedError("no"), Reason.CREDENTIALS_REFUSED, id="the key cannot be read"),
    ],
)
async def test_a_missing_right_closes_that_tenants_gate_and_kills_nothing(
    desk: Desk, answer: Unauthorized | Refused | CredentialsRefusedError, reason: Reason
) -> None:
    desk.put(ready(1))
    desk.oc2.plan("put_one", answer)

    await desk.turn()

    assert desk.state(1) is State.READY
    assert [gate.reason for gate in desk.gates.gates.values()] == [reason]
    desk.put(ready(1, OTHER))
    await desk.turn()
    assert desk.state(1, OTHER) is State.CONFIRMED


async def test_a_pause_asked_for_is_capped_and_nothing_goes_before_it_ends(desk: Desk) -> None:
    desk.put(ready(1))
    desk.oc2.plan("put_one", NotSent(timedelta(hours=12), "429", Reason.RATE_LIMITED))

    await desk.turn()

    gate = desk.gates.gates[GateKey.system(ACME, System.OC2)]
    assert gate.next_probe == desk.clock.now() + timedelta(hours=1)
    desk.clock.advance(3599)
    await desk.gatekeeper.probe([ACME])
    assert "probe" not in desk.oc2.calls


async def test_an_operators_gate_stays_closed_whatever_is_probed(desk: Desk) -> None:
    gate_key = GateKey.flow(ACME, Flow.CUSTOMERS)
    now = desk.clock.now()
    desk.gates.gates[gate_key] = Gate(
        gate_key, Reason.CLOSED_BY_OPERATOR, "audit", now, None, None, "operator:kari", False
    )
    desk.put(ready(1))

    await desk.gatekeeper.probe([ACME])

    assert await desk.turn() == 0
    assert gate_key in desk.gates.gates


async def test_a_paused_tenant_has_only_its_doubts_resolved(desk: Desk) -> None:
    desk.put(ready(1))
    desk.oc2.plan("put_one", Unknown("silence"))
    await desk.turn()
    desk.standing.resting.add(ACME)
    desk.put(ready(2))
    desk.clock.advance(61)

    await desk.turn()

    assert desk.state(1) is State.CONFIRMED
    assert desk.state(2) is State.READY


async def test_a_customer_whose_term_vanished_is_sent_again_with_a_fresh_look(desk: Desk) -> None:
    desk.put(ready(1, days=14))
    desk.oc2.plan("put_one", Refused(Reason.TARGET_REFUSED, 422, fields=(FieldProblem("paymentTermId", "unknown"),)))

    await desk.turn()
    assert desk.state(1) is State.READY
    desk.clock.advance(10)
    await desk.turn()

    assert desk.state(1) is State.CONFIRMED
    assert desk.oc2.calls.count("term_id") == 2


async def test_a_tenant_gets_no_more_than_its_share_while_its_calls_hang(desk: Desk) -> None:
    desk.put(*(ready(number) for number in range(1, 1001)), *(ready(number, OTHER) for number in range(1, 11)))
    desk.oc2.held_up = asyncio.Event()
    async with asyncio.TaskGroup() as calls:
        assert await desk.dispatcher.look_once(calls) == 410
        assert await desk.dispatcher.look_once(calls) == 0
        assert desk.in_flight.of(ACME, Flow.CUSTOMERS) == 400
        desk.oc2.held_up.set()

    assert await desk.turn() == 400


async def test_many_tenants_that_hang_with_full_hands_keep_no_other_tenant_waiting(desk: Desk) -> None:
    hanging = [TenantId(f"hangs-{number}") for number in range(10)]
    for tenant in hanging:
        desk.holds.give(tenant)
        desk.put(*(ready(number, tenant) for number in range(1, 501)))
    desk.oc2.held_up = asyncio.Event()
    async with asyncio.TaskGroup() as calls:
        assert await desk.dispatcher.look_once(calls) == 4000
        desk.put(*(ready(number, OTHER) for number in range(1, 6)))
        assert await desk.dispatcher.look_once(calls) == 5
        assert await desk.dispatcher.look_once(calls) == 0
        desk.oc2.held_up.set()


@pytest.mark.parametrize(
    ("probe", "state"),
    [
        pytest.param(None, State.CONFIRMED, id="the target answers"),
        pytest.param(TargetUnavailableError("404 to everything"), State.READY, id="a gateway without routes"),
    ],
)
async def test_a_withdrawn_customer_counts_as_not_there_only_if_the_target_is(
    desk: Desk, probe: Exception | None, state: State
) -> None:
    gone = ready(1, payload=b'{"customerNumber": 1, "because": "deleted"}')
    wanted = replace(gone.delivery.wanted, outcome=Outcome.WITHDRAWN)
    desk.put(replace(gone, delivery=replace(gone.delivery, wanted=wanted)))
    desk.oc2.plan("probe", probe)

    await desk.turn()

    assert desk.state(1) is state
    assert desk.oc2.calls == ["held", "probe"]


def refused_alike(*numbers: int) -> list[Result]:
    """Return results of customers that were refused alike."""
    hold = Hold(shard_of(ACME), 1, float("inf"))
    verdict = Declined(Refusal(Reason.TARGET_REFUSED, "name", "no"), "status 422, fields name")
    return [Result(Claim(ready(number), hold, ()), verdict) for number in numbers]


async def test_twenty_refusals_alike_close_the_flow_until_a_person_opens_it(desk: Desk) -> None:
    await desk.gatekeeper.note(ACME, Flow.CUSTOMERS, refused_alike(*range(1, 20)))
    assert not desk.gates.gates

    await desk.gatekeeper.note(ACME, Flow.CUSTOMERS, refused_alike(20))

    gate = desk.gates.gates[GateKey.flow(ACME, Flow.CUSTOMERS)]
    assert gate.reason is Reason.REFUSED_ALIKE
    assert desk.gatekeeper.at_once(ACME, Flow.CUSTOMERS) == 0
    assert desk.gatekeeper.at_once(OTHER, Flow.CUSTOMERS) is None


async def test_refusals_beside_a_success_in_one_list_close_nothing(desk: Desk) -> None:
    results = refused_alike(*range(1, 40))
    results.append(Result(results[0].claim, Stored("created")))

    await desk.gatekeeper.note(ACME, Flow.CUSTOMERS, results)

    assert not desk.gates.gates


def invoice_key(number: int, tenant: TenantId = ACME) -> EntityKey:
    """Return an invoice's key."""
    return EntityKey(tenant, Flow.INVOICES, EntityNumber(str(number)))


def invoice(number: int, tenant: TenantId = ACME, *, revision: int = 1, **fields: object) -> Parcel:
    """Return an invoice that is due."""
    values: dict[str, object] = {
        "invoiceNumber": number,
        "invoiceDate": "2026-11-10",
        "dueDate": "2026-11-24",
        "orderNumber": f"5{number}",
        "orderDate": "2026-11-03",
        "customerNumber": 10002,
        "currency": "NOK",
        "deliveryDate": "2026-11-05",
        "lines": [{"description": "Frakt", "unitPrice": "1250.00", "quantity": "1", "vatCode": "3"}],
        **fields,
    }
    body = InvoiceWanted.model_validate(values).model_dump_json(by_alias=True, exclude_none=True).encode()
    version, ref = Version(Revision(revision)), invoice_ref(88, number)
    content = Wanted(
        version, 1, EventId(f"i{number}-{revision}"), f"hash-{revision}", ref, 1, None, Outcome.MAPPED, body
    )
    due_at = datetime(2026, 1, 1, tzinfo=UTC)
    return Parcel(Delivery(invoice_key(number, tenant), content, State.READY, due_at), Origin("t", 0, number, b"k", ()))


def of(desk: Desk, number: int, tenant: TenantId = ACME) -> Delivery:
    """Return an invoice's delivery."""
    return desk.store.memory.parcels[invoice_key(number, tenant)].delivery


async def test_invoices_and_customers_of_one_tenant_travel_side_by_side(desk: Desk) -> None:
    desk.put(*(ready(number) for number in range(1, 1001)), *(invoice(number) for number in range(1, 101)))
    desk.oc2.held_up = asyncio.Event()

    async with asyncio.TaskGroup() as calls:
        assert await desk.dispatcher.look_once(calls) == 400 + 80
        await eventually(lambda: len(desk.books.invoices) == 80)
        assert await desk.dispatcher.look_once(calls) == 20
        await eventually(lambda: len(desk.books.invoices) == 100)
        assert desk.in_flight.of(ACME, Flow.CUSTOMERS) == 400
        desk.oc2.held_up.set()

    assert {of(desk, number).state for number in range(1, 101)} == {State.CONFIRMED}
    assert [one.number for one in desk.books.invoices] == list(range(1, 101))


async def test_a_confirmed_invoice_keeps_what_tripletex_told(desk: Desk) -> None:
    desk.put(invoice(1))

    await desk.turn()

    row = of(desk, 1)
    assert (row.state, row.remote_id, row.order_id, row.diverged) == (State.CONFIRMED, "9000", "7000", False)
    assert row.order_due_at == desk.clock.now()
    assert row.receipt.wanted is not None
    entry = next(one for one in desk.store.memory.log if one.step is Step.CONFIRMED)
    assert entry.outcome == "new order"


async def test_a_lost_answer_rests_then_is_looked_up_and_adopted_without_a_second_request(desk: Desk) -> None:
    desk.put(invoice(1))
    desk.books.plan("create_invoice", StoredAlthough(Unknown("reset")))

    await desk.turn()
    assert of(desk, 1).state is State.IN_DOUBT
    desk.clock.advance(59)
    assert await desk.turn() == 0
    desk.clock.advance(2)
    assert await desk.turn() == 1

    assert (of(desk, 1).state, of(desk, 1).remote_id) == (State.CONFIRMED, "9000")
    assert len(desk.books.requests) == 1
    steps = [entry.step for entry in desk.store.memory.log]
    assert steps == [Step.CLAIMED, Step.UNKNOWN, Step.CLAIMED, Step.READ_BACK]


async def test_a_correction_while_the_answer_is_awaited_is_a_letter_and_no_second_invoice(desk: Desk) -> None:
    desk.put(invoice(1))
    desk.books.plan("create_invoice", StoredAlthough(Unknown("reset")))
    await desk.turn()
    doubtful = desk.store.memory.parcels[invoice_key(1)]
    newer = invoice(1, revision=2, dueDate="2026-12-24").delivery.wanted
    desk.put(replace(doubtful, delivery=replace(doubtful.delivery, wanted=newer)))

    desk.clock.advance(61)
    await desk.turn()

    assert (of(desk, 1).state, of(desk, 1).reason) == (State.CONFIRMED, Reason.INVOICE_CHANGED_AFTER_TRANSFER)
    assert len(desk.books.requests) == 1
    found = next(one for one in desk.store.memory.log if one.step is Step.READ_BACK)
    assert (found.version, found.changed_fields) == (Version(Revision(1)), ())


async def test_an_order_left_without_its_invoice_is_taken_up_by_the_next_request(desk: Desk) -> None:
    desk.put(invoice(1))
    desk.books.plan("create_invoice", StoredAlthough(Unknown("html"), order_alone=True))

    await desk.turn()
    desk.clock.advance(61)
    await desk.turn()
    assert (of(desk, 1).state, of(desk, 1).order_id) == (State.READY, "7000")
    await desk.turn()

    assert of(desk, 1).state is State.CONFIRMED
    assert len(desk.books.orders) == len(desk.books.invoices) == 1


async def test_t08_an_invoice_that_alone_always_fails_ends_as_a_letter_while_the_others_pass(desk: Desk) -> None:
    desk.put(invoice(1))
    desk.books.always[1] = Unknown("status 500")
    number = 1
    while of(desk, 1).state is not State.DEAD:
        number += 1
        assert number < 20
        desk.put(invoice(number))
        await desk.turn()
        desk.clock.advance(61)

    assert of(desk, 1).reason is Reason.TARGET_FAILS_ON_THIS
    assert len([one for one in desk.books.requests if one.number == 1]) == 5
    assert desk.books.calls.count("find_invoices") == 4
    assert not desk.gates.gates
    assert {of(desk, other).state for other in range(2, number + 1)} == {State.CONFIRMED}


async def test_another_amount_is_confirmed_marked_and_a_letter(desk: Desk) -> None:
    desk.put(invoice(1))
    other = FakeBooks()
    async for _ in DeliverInvoices(other, desk.clock).send([as_claim(invoice(1))], deadline=lambda: float("inf")):
        pass
    desk.books.plan("create_invoice", replace(other.invoices[0], net=Decimal(0), gross=Decimal(0)))

    await desk.turn()

    row = of(desk, 1)
    assert (row.state, row.diverged, row.reason) == (State.CONFIRMED, True, Reason.AMOUNT_DIFFERS)
    assert row.amount_note == "net 0.00 and 0.00 with VAT instead of net 1250.00 and 1562.50 with VAT"
    assert [kept.letter.reason for kept in desk.store.memory.letters.values()] == [Reason.AMOUNT_DIFFERS]
    assert await desk.turn() == 0


def as_claim(parcel: Parcel) -> Claim:
    """Return a parcel in our hands."""
    return Claim(parcel, Hold(shard_of(ACME), 1, float("inf")), ())


async def test_a_company_without_bank_account_waits_and_flows_by_itself_once_it_is_mended(desk: Desk) -> None:
    desk.put(*(invoice(number) for number in range(1, 6)), ready(1), invoice(1, OTHER))
    desk.books.ready = False
    desk.books.plan("create_invoice", *[Refused(Reason.TARGET_REFUSED, 422)] * 2)

    await desk.turn()

    assert {gate.reason for gate in desk.gates.gates.values()} == {Reason.BANK_ACCOUNT_MISSING}
    assert desk.gates.gates.keys() == {GateKey.flow(ACME, Flow.INVOICES), GateKey.flow(OTHER, Flow.INVOICES)}
    assert desk.state(1) is State.CONFIRMED
    assert len(desk.books.requests) == 2
    assert not desk.store.memory.letters

    desk.books.ready = True
    desk.clock.advance(31)
    await desk.gatekeeper.probe([ACME, OTHER])
    assert await desk.turn() == 2
    assert not desk.gates.gates
    assert await desk.turn() == 4
    assert {of(desk, number).state for number in range(1, 6)} == {State.CONFIRMED}


async def test_one_invoice_whose_department_cannot_be_read_does_not_keep_its_group_waiting_for_ever(
    desk: Desk,
) -> None:
    desk.put(*(invoice(number) for number in range(1, 6)), invoice(6, departmentNumber="4/4"))
    desk.books.plan("departments", *[TargetUnavailableError("the answer breaks its contract")] * 20)

    for _ in range(8):
        await desk.turn()
        desk.clock.advance(301)

    assert {of(desk, number).state for number in range(1, 6)} == {State.CONFIRMED}
    assert of(desk, 6).state is State.READY


async def test_a_probe_that_gets_no_answer_keeps_no_other_tenants_gate_closed(desk: Desk) -> None:
    for tenant in (ACME, OTHER):
        await desk.gates.close(
            GateKey.flow(tenant, Flow.INVOICES), Close(Reason.TARGET_DOWN, ""), probe_in=timedelta(0)
        )
    answered = asyncio.Event()

    async def probe(tenant: TenantId, reason: Reason) -> None:
        if tenant == ACME:
            await answered.wait()

    keeper = Gatekeeper(
        desk.gates, {System.TRIPLETEX: probe}, probe_every=timedelta(seconds=30), max_pause=timedelta(hours=1)
    )
    async with asyncio.TaskGroup() as probes:
        probes.create_task(keeper.probe([ACME, OTHER]))
        await eventually(lambda: desk.gates.gates[GateKey.flow(OTHER, Flow.INVOICES)].half_open)
        assert not desk.gates.gates[GateKey.flow(ACME, Flow.INVOICES)].half_open
        answered.set()


async def test_refused_credentials_close_tripletex_and_its_probe_opens_it_outright(desk: Desk) -> None:
    desk.put(invoice(1), invoice(2))
    desk.books.plan("customers", CredentialsRefusedError("401"))

    await desk.turn()

    (gate,) = desk.gates.gates.values()
    assert (gate.key, gate.reason) == (GateKey.system(ACME, System.TRIPLETEX), Reason.CREDENTIALS_REFUSED)
    assert {of(desk, 1).state, of(desk, 2).state} == {State.READY}
    assert not desk.store.memory.letters
    desk.clock.advance(31)
    assert await desk.turn() == 0

    await desk.gatekeeper.probe([ACME])

    assert not desk.gates.gates
    assert await desk.turn() == 2


async def test_two_invoices_that_fail_close_their_flow_and_the_rest_of_the_group_is_not_sent(desk: Desk) -> None:
    desk.put(*(invoice(number) for number in range(1, 20)), ready(1))
    desk.books.plan("create_invoice", *[Unknown("status 502")] * 20)

    await desk.turn()

    assert [gate.reason for gate in desk.gates.gates.values()] == [Reason.TARGET_DOWN]
    assert desk.gates.gates.keys() == {GateKey.flow(ACME, Flow.INVOICES)}
    assert len(desk.books.requests) == 2
    assert [of(desk, number).state for number in range(1, 20)].count(State.READY) == 17
    assert desk.state(1) is State.CONFIRMED


async def test_t19_twenty_invoices_refused_alike_stop_the_flow_and_make_no_more_letters(desk: Desk) -> None:
    desk.put(*(invoice(number) for number in range(1, 101)))
    field = FieldProblem("orders.orderLines.vatType.name", "Kan ikke være null.")
    desk.books.plan("create_invoice", *[Refused(Reason.TARGET_REFUSED, 422, 18000, (field,))] * 100)

    await desk.turn()

    gate = desk.gates.gates[GateKey.flow(ACME, Flow.INVOICES)]
    assert gate.reason is Reason.REFUSED_ALIKE
    assert "orders.orderLines.vatType.name" in gate.why
    assert 20 <= len(desk.store.memory.letters) < 30
    desk.gates.gates.clear()
    desk.books.script.clear()
    desk.clock.advance(10)
    while await desk.turn():
        pass
    assert len(desk.books.invoices) == 100 - len(desk.store.memory.letters)


async def test_t20_invoices_that_miss_the_same_department_close_no_gate(desk: Desk) -> None:
    desk.put(*(invoice(number, departmentNumber="44") for number in range(1, 301)), invoice(999))

    while await desk.turn():
        pass

    assert not desk.gates.gates
    assert len(desk.store.memory.letters) == 300
    assert of(desk, 999).state is State.CONFIRMED


async def test_a_pause_asked_for_holds_for_tripletex_as_a_whole(desk: Desk) -> None:
    desk.put(invoice(1))
    desk.books.plan("create_invoice", NotSent(timedelta(hours=12), "429", Reason.RATE_LIMITED))

    await desk.turn()

    gate = desk.gates.gates[GateKey.system(ACME, System.TRIPLETEX)]
    assert (gate.reason, gate.next_probe) == (Reason.RATE_LIMITED, desk.clock.now() + timedelta(hours=1))
    assert of(desk, 1).state is State.READY


async def test_a_process_that_leaves_lets_the_rest_of_a_group_go(desk: Desk) -> None:
    desk.put(*(invoice(number) for number in range(1, 20)))
    desk.books.held_up, stop = asyncio.Event(), asyncio.Event()

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(desk.dispatcher.run(stop))
        await eventually(lambda: desk.books.requests)
        stop.set()
        await asyncio.wait([running], timeout=0.1)
        desk.books.held_up.set()

    states = [of(desk, number).state for number in range(1, 20)]
    assert (states.count(State.CONFIRMED), states.count(State.READY)) == (1, 18)
