"""The order behind a confirmed invoice, over the in-memory twin: read once, closed if open, retried with patience."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from bridge.contracts.envelope import Outcome as MappingOutcome
from bridge.contracts.identity import (
    EntityNumber,
    EventId,
    Flow,
    Revision,
    Shard,
    TenantId,
    Version,
    invoice_ref,
    shard_of,
)
from bridge.contracts.reasons import Reason
from bridge.publisher.adapters.memory_deliveries import MemoryDeliveries
from bridge.publisher.application.orders import AT_ONCE, Orders
from bridge.publisher.application.ports import ClaimAsk, Hold
from bridge.publisher.domain.delivery.model import Confirmed, Delivery, EntityKey, Policy, State, Wanted
from bridge.publisher.domain.journal import Origin, Parcel, Step
from bridge.remote.errors import CredentialsRefusedError
from bridge.remote.http import HttpAnswer
from bridge.remote.outcome import Applied, NotSent, Outcome, Refused, Unknown
from bridge.runtime.errors import TargetUnavailableError
from bridge.testkit.clock import ManualClock
from bridge.tripletex.orders import FoundOrder

ACME = TenantId("acme")


def key(number: int) -> EntityKey:
    """Return an invoice's key."""
    return EntityKey(ACME, Flow.INVOICES, EntityNumber(str(number)))


def invoice(number: int, clock: ManualClock, *, order_id: str | None = None) -> Parcel:
    """Return a confirmed invoice whose order is due to be looked at."""
    version, now = Version(Revision(1)), clock.now()
    ref = invoice_ref(88, number)
    wanted = Wanted(version, 1, EventId("e"), "hash", ref, 1, None, MappingOutcome.MAPPED, b"{}")
    delivery = Delivery(
        key(number),
        wanted,
        State.CONFIRMED,
        None,
        confirmed=Confirmed(version, now),
        order_id=order_id or str(number),
        order_due_at=now,
    )
    return Parcel(delivery, Origin("invoice-mapped", 0, number, b"k", ()))


@dataclass(slots=True)
class FakeOrders:
    """Tripletex's orders by id; `answers` are what closing one ends as, `errors` what reading one raises."""

    orders: dict[int, FoundOrder] = field(default_factory=dict)
    answers: dict[int, Outcome] = field(default_factory=dict)
    errors: dict[int, Exception] = field(default_factory=dict)
    read: list[int] = field(default_factory=list)
    closed: list[tuple[int, int]] = field(default_factory=list)
    meanwhile: Callable[[], Awaitable[None]] | None = None

    def has(self, order_id: int, *, closed: bool = False) -> None:
        """Put an order there."""
        self.orders[order_id] = FoundOrder(order_id, 3, "7001", None, None, 1, 1, closed, (True,))

    async def order_state(self, tenant: TenantId, order_id: int) -> FoundOrder | None:
        self.read.append(order_id)
        if self.meanwhile is not None:
            await self.meanwhile()
        if order_id in self.errors:
            raise self.errors[order_id]
        return self.orders.get(order_id)

    async def close_order(self, tenant: TenantId, order: FoundOrder, *, not_after: float) -> Outcome:
        if order.id in self.answers:
            return self.answers[order.id]
        self.closed.append((order.id, order.version))
        self.orders[order.id] = replace(order, is_closed=True)
        return Applied(HttpAnswer(200, {}, b""))


@dataclass(slots=True)
class Gate:
    """The gates of the tenant's invoices."""

    limit: int | None = None

    def at_once(self, tenant: TenantId, flow: Flow) -> int | None:
        return self.limit


@dataclass(slots=True)
class OneHolder:
    """Holds the tenant's shard."""

    hold: Hold

    def current(self) -> Mapping[Shard, Hold]:
        return {self.hold.shard: self.hold}


@dataclass(slots=True)
class Desk:
    """The errand with everything around it in memory."""

    clock: ManualClock
    store: MemoryDeliveries
    target: FakeOrders
    gate: Gate
    hold: Hold
    orders: Orders

    async def put(self, *parcels: Parcel) -> None:
        """Store rows."""
        async with self.store.unit() as unit:
            await unit.add(list(parcels))

    async def turn(self, *, calls: int = AT_ONCE) -> int:
        """Run one turn of at most so many orders before the process leaves."""
        left = iter([True] * calls)
        ask = ClaimAsk(self.hold, ACME, Flow.INVOICES, AT_ONCE)
        return await self.orders.turn(ask, go_on=lambda: next(left, False))

    def delivery(self, number: int) -> Delivery:
        """Return a stored delivery."""
        return self.store.memory.parcels[key(number)].delivery

    def outcomes(self) -> list[str | None]:
        """Return what the import log says of orders."""
        return [one.outcome for one in self.store.memory.log if one.step is Step.ORDER]


@pytest.fixture
def desk() -> Desk:
    clock, target, gate = ManualClock(), FakeOrders(), Gate()
    store, hold = MemoryDeliveries(clock.now), Hold(shard_of(ACME), 1, float("inf"))
    store.memory.epochs[hold.shard] = 1
    orders = Orders(store, target, OneHolder(hold), gate, policy=Policy(settle=timedelta(seconds=60)), owner="me")
    return Desk(clock, store, target, gate, hold, orders)


async def test_an_open_order_is_closed_with_the_version_that_was_read_and_never_looked_at_again(desk: Desk) -> None:
    desk.target.has(1)
    desk.target.has(2, closed=True)
    await desk.put(invoice(1, desk.clock), invoice(2, desk.clock), invoice(3, desk.clock))

    assert await desk.turn() == 3
    assert await desk.turn() == 0

    assert desk.target.closed == [(1, 3)]
    assert desk.outcomes() == ["closed", "closed already", "gone"]
    assert [desk.delivery(number).order_due_at for number in (1, 2, 3)] == [None] * 3
    assert desk.delivery(1).state is State.CONFIRMED


async def test_an_id_that_is_no_number_is_no_order(desk: Desk) -> None:
    await desk.put(invoice(1, desk.clock, order_id="abc"))

    await desk.turn()

    assert (desk.target.read, desk.outcomes()) == ([], ["gone"])


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(NotSent(None, "503"), id="not-sent"),
        pytest.param(Unknown("no answer"), id="no-answer"),
        pytest.param(TargetUnavailableError("down"), id="down"),
        pytest.param(CredentialsRefusedError("no"), id="credentials"),
    ],
)
async def test_a_target_that_cannot_be_used_is_asked_once_a_turn_and_with_growing_pauses(
    desk: Desk, failure: Outcome | Exception
) -> None:
    for number in (1, 2):
        desk.target.has(number)
        if isinstance(failure, Exception):
            desk.target.errors[number] = failure
        else:
            desk.target.answers[number] = failure
    await desk.put(invoice(1, desk.clock), invoice(2, desk.clock))

    assert await desk.turn() == 1

    due = []
    for _ in range(3):
        await desk.turn()
        at = desk.delivery(1).order_due_at
        assert at is not None
        due.append((at - desk.clock.now()).total_seconds())
        desk.clock.advance(due[-1])
        await desk.turn()
    assert due == [2, 2, 4]

    desk.target.answers.clear()
    desk.target.errors.clear()
    desk.clock.advance(86_400)
    await desk.turn()
    assert sorted(desk.target.closed) == [(1, 3), (2, 3)]


async def test_an_order_that_tripletex_will_not_close_keeps_no_other_open_and_is_tried_less_and_less(
    desk: Desk,
) -> None:
    for number in (1, 2):
        desk.target.has(number)
    desk.target.answers[1] = Refused(Reason.TARGET_REFUSED, 422, detail="not this one")
    await desk.put(invoice(1, desk.clock), invoice(2, desk.clock))

    assert await desk.turn() == 2
    desk.clock.advance(timedelta(days=9).total_seconds())
    await desk.turn()

    assert desk.outcomes() == ["refused", "closed", "refused"]
    assert desk.delivery(1).order_due_at == desk.clock.now() + timedelta(days=1)


async def test_what_changed_while_the_order_was_read_is_left_as_it_is(desk: Desk) -> None:
    desk.target.has(1)
    await desk.put(invoice(1, desk.clock))
    moved = invoice(1, desk.clock, order_id="77")

    async def meanwhile() -> None:
        async with desk.store.unit() as unit:
            await unit.lock([key(1)])
            await unit.change([moved])

    desk.target.meanwhile = meanwhile
    await desk.turn()

    assert desk.delivery(1) == moved.delivery


async def test_a_process_that_leaves_begins_no_other_order(desk: Desk) -> None:
    await desk.put(invoice(1, desk.clock), invoice(2, desk.clock))

    assert await desk.turn(calls=1) == 1

    assert desk.target.read == [1]
    assert desk.delivery(2).order_due_at == desk.clock.now()


@pytest.mark.parametrize(("limit", "room"), [(None, AT_ONCE), (1, 0), (0, 0)])
def test_orders_wait_behind_the_gates_of_invoices(desk: Desk, limit: int | None, room: int) -> None:
    desk.gate.limit = limit

    assert desk.orders.room(ACME) == room
