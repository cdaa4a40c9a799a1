"""One suite for the publisher's memory: the real one in Postgres and its twin, which must keep the same promises."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from bridge.contracts.envelope import Outcome
from bridge.contracts.identity import (
    EntityNumber,
    EventId,
    Flow,
    Revision,
    Shard,
    SourceId,
    TenantId,
    Version,
    shard_of,
)
from bridge.contracts.reasons import Reason, Stage
from bridge.durable.database import Database
from bridge.durable.migrate import discover, migrate
from bridge.publisher.adapters.memory_deliveries import MemoryDeliveries
from bridge.publisher.adapters.postgres_deliveries import PostgresDeliveries, lease_name
from bridge.publisher.application.ports import ClaimAsk, DeliveryStore, Errand, Hold, StaleWriteError
from bridge.publisher.domain.delivery.model import (
    Confirmed,
    Delivery,
    EntityKey,
    Receipt,
    Refusal,
    Sent,
    State,
    Wanted,
)
from bridge.publisher.domain.journal import Letter, LetterClosing, LogEntry, Note, Origin, Parcel, SourceRow, Step
from bridge.runtime.settings import PostgresSettings
from bridge.tenancy.acts import ActStore

ACME, OTHER = TenantId("acme"), TenantId("other")
PAST = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Bench:
    """A store and the right to work on its shards."""

    store: DeliveryStore
    hold: Callable[[Shard, int], Awaitable[Hold]]


@pytest.fixture(params=["memory", "postgres"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """The same bench over each store."""
    async with AsyncExitStack() as stack:
        if request.param == "memory":
            yield memory_bench()
            return
        dsn: str = request.getfixturevalue("database")
        await migrate(SecretStr(dsn), discover())
        settings = PostgresSettings(dsn=SecretStr(dsn))
        yield postgres_bench(await stack.enter_async_context(Database(settings, application_name="test")))


def memory_bench() -> Bench:
    """The twin."""
    store = MemoryDeliveries(lambda: datetime.now(UTC))

    async def hold(shard: Shard, epoch: int) -> Hold:
        store.memory.epochs[shard] = epoch
        return Hold(shard, epoch, float("inf"))

    return Bench(store, hold)


def postgres_bench(db: Database) -> Bench:
    """The real one."""

    async def hold(shard: Shard, epoch: int) -> Hold:
        async with db.transaction() as tx:
            await tx.execute(
                "INSERT INTO publisher.lease (name, owner, epoch, expires_at) VALUES (%(n)s, %(o)s, %(e)s, 'infinity')"
                " ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch",
                {"n": lease_name(shard), "o": OWNER, "e": epoch},
            )
        return Hold(shard, epoch, float("inf"))

    return Bench(PostgresDeliveries(db, owner=OWNER, acts=ActStore(db)), hold)


def key(number: int, tenant: TenantId = ACME) -> EntityKey:
    """Return a customer's key."""
    return EntityKey(tenant, Flow.CUSTOMERS, EntityNumber(str(number)))


def parcel(
    number: int,
    *,
    tenant: TenantId = ACME,
    revision: int = 1,
    state: State = State.READY,
    due_at: datetime | None = PAST,
    epoch: int | None = None,
) -> Parcel:
    """Return a parcel with something in every column."""
    version = Version(Revision(revision))
    payload = f'{{"customerNumber": {number}}}'.encode()
    wanted = Wanted(
        version,
        revision,
        EventId(f"event-{number}-{revision}"),
        'hash with "quotes", commas and \\ backslashes',
        SourceId("90"),
        1,
        f"00-{'a' * 32}-{'b' * 16}-01",
        Outcome.MAPPED,
        payload,
        Refusal(Reason.NAME_MISSING, "name", "no name\x00"),
    )
    delivery = Delivery(
        key(number, tenant),
        wanted,
        state,
        due_at,
        attempt=2,
        unknown_rounds=1,
        reason=Reason.TARGET_REFUSED,
        failing_since=PAST,
        claim_epoch=epoch,
        sent=Sent(version, "hash", payload + b"\x00\xff", PAST),
        maybe_there=True,
        read_back=True,
        confirmed=Confirmed(version, PAST),
        remote_id="r1",
    )
    origin = Origin("customer-mapped", 3, 99, b"\x00key", (("ce_id", b"\xff\x00"), ("ce_id", b"twice")))
    return Parcel(delivery, origin, b"before")


def invoice(
    number: int,
    *,
    tenant: TenantId = ACME,
    receipt_due_at: datetime | None = PAST,
    order_due_at: datetime | None = PAST,
    out_epoch: int | None = None,
) -> Parcel:
    """Return an invoice's parcel with something in every column that customers have no use for."""
    base = parcel(number, tenant=tenant, state=State.CONFIRMED, due_at=None)
    delivery = replace(
        base.delivery,
        key=invoice_key(number, tenant),
        wanted=replace(base.delivery.wanted, payload=b'{"kid": "1234566", "orderNumber": "7001"}'),
        order_id="77",
        order_due_at=order_due_at,
        amount_note="rounding 0.01",
        diverged=True,
        receipt=Receipt('{"batch":88}', '{"batch":87}', receipt_due_at, '{"batch":86}', out_epoch, look=True),
    )
    return replace(base, delivery=delivery)


def invoice_key(number: int, tenant: TenantId = ACME) -> EntityKey:
    """Return an invoice's key."""
    return EntityKey(tenant, Flow.INVOICES, EntityNumber(str(number)))


def letter(
    number: int | None, *, dedupe_key: str | None = None, source_ref: str | None = None, revision: int = 1
) -> Letter:
    """Return a letter about a customer, or about none."""
    return Letter(
        tenant=ACME,
        flow=Flow.CUSTOMERS.value,
        entity=None if number is None else str(number),
        version=Version(Revision(revision)),
        event_id="event",
        stage=Stage.DELIVERY,
        reason=Reason.TARGET_REFUSED,
        field="name",
        error="refused",
        raw=b"\x00raw",
        origin=Origin("topic", 1, 2, b"k", (("h", b"\xff"),)),
        attempts=1,
        trace_id="a" * 32,
        dedupe_key=dedupe_key,
        source_ref=None if source_ref is None else SourceId(source_ref),
    )


async def test_every_column_comes_back_as_it_was_written(bench: Bench) -> None:
    async with bench.store.unit() as unit:
        await unit.add([parcel(1), parcel(2, due_at=None, state=State.CONFIRMED)])
    changed = parcel(2, revision=5, state=State.DEAD)
    async with bench.store.unit() as unit:
        await unit.change([changed])

    async with bench.store.unit() as unit:
        found = await unit.lock([key(2), key(1), key(3)])

    assert list(found) == [key(1), key(2)]
    for mine, expected in zip(found.values(), (parcel(1), changed), strict=True):
        assert replace(mine, delivery=plain(mine.delivery)) == replace(expected, delivery=plain(expected.delivery))


async def test_every_column_of_an_invoice_comes_back_as_it_was_written(bench: Bench) -> None:
    async with bench.store.unit() as unit:
        await unit.add([invoice(1), invoice(2, out_epoch=4, receipt_due_at=None)])
    changed = invoice(2, out_epoch=5, order_due_at=None)
    async with bench.store.unit() as unit:
        await unit.change([changed])

    async with bench.store.unit() as unit:
        found = await unit.lock([invoice_key(1), invoice_key(2), key(1)])

    assert list(found) == [invoice_key(1), invoice_key(2)]
    for mine, expected in zip(found.values(), (invoice(1), changed), strict=True):
        assert plain(mine.delivery) == plain(expected.delivery)


def errand_of(number: int, errand: Errand, due_at: datetime | None, tenant: TenantId = ACME) -> Parcel:
    """Return an invoice with one errand."""
    return invoice(
        number,
        tenant=tenant,
        receipt_due_at=due_at if errand is Errand.RECEIPT else None,
        order_due_at=due_at if errand is Errand.ORDER else None,
    )


@pytest.mark.parametrize("errand", list(Errand))
async def test_due_errands_are_taken_oldest_first_up_to_each_tenants_limit(bench: Bench, errand: Errand) -> None:
    holds = {tenant: await bench.hold(shard_of(tenant), 3) for tenant in (ACME, OTHER)}
    later, ahead = PAST + timedelta(hours=1), datetime.now(UTC) + timedelta(days=1)
    due = [(1, later), (2, PAST), (3, ahead), (4, None), (5, later + timedelta(hours=1))]
    async with bench.store.unit() as unit:
        await unit.add([errand_of(number, errand, at) for number, at in due])
        await unit.add([errand_of(1, errand, PAST, OTHER), parcel(6)])

    heads = {head.tenant: head for head in await bench.store.errand_heads(errand)}
    async with bench.store.unit() as unit:
        asks = [ClaimAsk(holds[ACME], ACME, Flow.INVOICES, 2), ClaimAsk(holds[OTHER], OTHER, Flow.INVOICES, 5)]
        found = await unit.lock_errands(errand, asks)
        old = replace(holds[ACME], epoch=2)
        assert not await unit.lock_errands(errand, [ClaimAsk(old, ACME, Flow.INVOICES, 2)])

    assert [one.key for one in found] == [invoice_key(2), invoice_key(1), invoice_key(1, OTHER)]
    assert {head.flow for head in heads.values()} == {Flow.INVOICES}
    assert set(heads) == {ACME, OTHER}
    assert abs(heads[ACME].overdue - (datetime.now(UTC) - PAST)) < timedelta(seconds=30)


async def test_deliveries_and_receipts_that_are_out_are_found_by_the_shards_current_owner_alone(
    bench: Bench,
) -> None:
    old = await bench.hold(shard_of(ACME), 3)
    new = await bench.hold(shard_of(ACME), 4)
    async with bench.store.unit() as unit:
        sending = parcel(3, state=State.SENDING, due_at=None, epoch=3)
        await unit.add([invoice(1), invoice(2, out_epoch=3, receipt_due_at=None), sending])

    async with bench.store.unit() as unit:
        assert not await unit.lock_out([old])
        assert [one.key for one in await unit.lock_out([new])] == [key(3), invoice_key(2)]


def plain(delivery: Delivery) -> Delivery:
    """A NUL cannot be stored in text; that it is replaced is not what is compared here."""
    return replace(delivery, wanted=replace(delivery.wanted, refusal=None))


async def test_keys_that_people_search_by_are_stored_and_no_length_of_one_costs_the_row_k15(
    request: pytest.FixtureRequest,
) -> None:
    dsn: str = request.getfixturevalue("database")
    await migrate(SecretStr(dsn), discover())
    long = invoice(2)
    payload = f'{{"kid": "1", "orderNumber": "{"7" * 12_000}"}}'.encode()
    long = replace(long, delivery=replace(long.delivery, wanted=replace(long.delivery.wanted, payload=payload)))
    async with Database(PostgresSettings(dsn=SecretStr(dsn)), application_name="test") as db:
        bench = postgres_bench(db)
        async with bench.store.unit() as unit:
            await unit.add([invoice(1), long, parcel(3)])
        async with db.transaction() as tx:
            rows = await tx.all("SELECT kid, order_number FROM publisher.delivery ORDER BY entity")

    found = [(row.text_or_none("kid"), row.text_or_none("order_number")) for row in rows]
    assert found == [("1234566", "7001"), ("1", None), (None, None)]


async def test_a_unit_that_fails_leaves_nothing_behind(bench: Bench) -> None:
    async def fail() -> None:
        async with bench.store.unit() as unit:
            await unit.add([parcel(1)])
            await unit.mark_ingested({("t", 0): 5})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()

    async with bench.store.unit() as unit:
        assert not await unit.lock([key(1)])
        assert not await unit.ingested()


async def test_adding_what_is_there_is_stale_and_writes_nothing(bench: Bench) -> None:
    async with bench.store.unit() as unit:
        await unit.add([parcel(1)])

    with pytest.raises(StaleWriteError):
        async with bench.store.unit() as unit:
            await unit.add([parcel(2), parcel(1)])

    async with bench.store.unit() as unit:
        assert list(await unit.lock([key(1), key(2)])) == [key(1)]


async def test_a_version_never_goes_back(bench: Bench) -> None:
    async with bench.store.unit() as unit:
        await unit.add([parcel(1, revision=5)])

    with pytest.raises(StaleWriteError):
        async with bench.store.unit() as unit:
            await unit.change([parcel(1, revision=4)])


async def test_due_rows_are_taken_oldest_first_up_to_each_tenants_limit(bench: Bench) -> None:
    holds = {tenant: await bench.hold(shard_of(tenant), 3) for tenant in (ACME, OTHER)}
    later = PAST + timedelta(hours=1)
    async with bench.store.unit() as unit:
        await unit.add(
            [
                parcel(1, due_at=later),
                parcel(2),
                parcel(3, due_at=datetime.now(UTC) + timedelta(days=1)),
                parcel(4, state=State.CONFIRMED, due_at=None),
                parcel(5, state=State.IN_DOUBT, due_at=later + timedelta(hours=1)),
                parcel(1, tenant=OTHER),
            ]
        )

    async with bench.store.unit() as unit:
        due = await unit.lock_due(
            [
                ClaimAsk(holds[ACME], ACME, Flow.CUSTOMERS, 2),
                ClaimAsk(holds[OTHER], OTHER, Flow.CUSTOMERS, 5),
            ]
        )
        doubts = await unit.lock_due([ClaimAsk(holds[ACME], ACME, Flow.CUSTOMERS, 9, doubts_only=True)])

    assert [one.key for one in due] == [key(2), key(1), key(1, OTHER)]
    assert [one.key for one in doubts] == [key(5)]


async def test_a_hold_under_an_older_epoch_yields_nothing(bench: Bench) -> None:
    old = await bench.hold(shard_of(ACME), 3)
    new = await bench.hold(shard_of(ACME), 4)
    async with bench.store.unit() as unit:
        await unit.add([parcel(1), parcel(2, state=State.SENDING, due_at=None, epoch=3)])

    async with bench.store.unit() as unit:
        assert not await unit.lock_due([ClaimAsk(old, ACME, Flow.CUSTOMERS, 9)])
        assert not await unit.lock_out([old])
        assert [one.key for one in await unit.lock_out([new])] == [key(2)]


async def test_heads_name_the_oldest_waiting_row_of_each_tenant(bench: Bench) -> None:
    ahead = datetime.now(UTC) + timedelta(days=1)
    async with bench.store.unit() as unit:
        await unit.add(
            [
                parcel(1, due_at=PAST + timedelta(days=1)),
                parcel(2),
                parcel(3, state=State.CONFIRMED, due_at=None),
                parcel(1, tenant=OTHER, due_at=ahead),
            ]
        )

    heads = {head.tenant: head for head in await bench.store.waiting_heads()}

    assert set(heads) == {ACME, OTHER}
    assert abs(heads[ACME].overdue - (datetime.now(UTC) - PAST)) < timedelta(seconds=30)
    assert heads[OTHER].overdue < timedelta(0)


async def test_an_entity_has_one_open_letter_and_retries_are_counted(bench: Bench) -> None:
    async with bench.store.unit() as unit:
        first = (await unit.open_letters([letter(1)]))[0]
        await unit.close_letter(first.letter_id, closed_as="retried", closed_by="kari", closed_why="mended")
    async with bench.store.unit() as unit:
        second = (await unit.open_letters([letter(1)]))[0]
        found = await unit.open_letter_of(key(1))

    assert (first.rounds, second.rounds) == (0, 1)
    assert found is not None
    assert (found.letter_id, found.letter.raw, found.letter.origin) == (second.letter_id, b"\x00raw", letter(1).origin)

    async with bench.store.unit() as unit:
        await unit.close_letters([LetterClosing(key(1), "superseded"), LetterClosing(key(2), "superseded")])
        assert await unit.open_letter_of(key(1)) is None
        closed = await unit.letter(second.letter_id)
        assert closed is not None
        assert closed.closed


async def test_a_letter_without_identity_is_known_again_and_reopens_only_after_a_retry(bench: Bench) -> None:
    strange = replace(letter(None, dedupe_key="bytes:1"), event_id=None)
    async with bench.store.unit() as unit:
        first = (await unit.open_letters([strange]))[0]
        assert not await unit.open_letters([strange])
        await unit.close_letter(first.letter_id, closed_as="retried", closed_by="kari", closed_why="mended")

        again = await unit.open_letters([strange])
        assert [(one.letter_id, one.rounds) for one in again] == [(first.letter_id, 1)]

        await unit.close_letter(first.letter_id, closed_as="discarded", closed_by="kari", closed_why="gone")
        assert not await unit.open_letters([strange])


async def test_a_letter_that_was_retried_under_a_new_identity_is_not_reopened_by_a_replay_of_the_old(
    bench: Bench,
) -> None:
    async with bench.store.unit() as unit:
        first = (await unit.open_letters([letter(None, dedupe_key="event:1")]))[0]
        await unit.close_letter(first.letter_id, closed_as="retried", closed_by="kari", closed_why="mended")

        assert not await unit.open_letters([letter(None, dedupe_key="event:1")])

        stored = await unit.letter(first.letter_id)
        assert stored is not None
        assert stored.closed


@pytest.mark.parametrize(
    ("revision", "outcome", "closed"),
    [
        pytest.param(9, Outcome.MAPPED, True, id="newer-content"),
        pytest.param(9, Outcome.UNMAPPABLE, True, id="newer-content-that-stops-later"),
        pytest.param(3, Outcome.MAPPED, False, id="older-content"),
        pytest.param(9, Outcome.WITHDRAWN, False, id="a-number-given-up"),
    ],
)
async def test_a_letter_about_no_entity_ends_when_its_source_row_has_a_newer_content(
    bench: Bench, revision: int, outcome: Outcome, closed: bool
) -> None:
    said = parcel(1, revision=revision)
    said = replace(said, delivery=replace(said.delivery, wanted=replace(said.delivery.wanted, outcome=outcome)))
    async with bench.store.unit() as unit:
        mine = (await unit.open_letters([letter(None, dedupe_key="mine", source_ref="90", revision=5)]))[0]
        other = (await unit.open_letters([letter(None, dedupe_key="other", source_ref="91", revision=5)]))[0]
        await unit.add([said])

        await unit.close_loose_letters({SourceRow(ACME, Flow.CUSTOMERS.value, SourceId("90"))})

        found = [await unit.letter(one.letter_id) for one in (mine, other)]
    assert [one.closed for one in found if one is not None] == [closed, False]


async def test_the_next_letter_of_a_source_row_ends_the_one_before(bench: Bench) -> None:
    async with bench.store.unit() as unit:
        first = (await unit.open_letters([letter(None, dedupe_key="1", source_ref="90", revision=5)]))[0]
        second = (await unit.open_letters([letter(None, dedupe_key="2", source_ref="90", revision=6)]))[0]

        await unit.close_loose_letters({SourceRow(ACME, Flow.CUSTOMERS.value, SourceId("90"))})

        found = [await unit.letter(one.letter_id) for one in (first, second)]
    assert [one.closed for one in found if one is not None] == [True, False]


async def test_an_ingested_offset_never_goes_back(bench: Bench) -> None:
    async with bench.store.unit() as unit:
        await unit.mark_ingested({("t", 0): 9, ("t", 1): 4})
    async with bench.store.unit() as unit:
        await unit.mark_ingested({("t", 0): 5, ("t", 1): 6})

    async with bench.store.unit() as unit:
        assert await unit.ingested() == {("t", 0): 9, ("t", 1): 6}


async def test_others_confirmed_sees_other_entities_of_the_same_tenant_since_then(bench: Bench) -> None:
    async with bench.store.unit() as unit:
        await unit.add([parcel(1), parcel(2, tenant=OTHER)])

        assert not await unit.others_confirmed(key(1), PAST - timedelta(seconds=1))
        await unit.add([parcel(3)])
        assert await unit.others_confirmed(key(1), PAST - timedelta(seconds=1))
        assert not await unit.others_confirmed(key(1), PAST)


async def test_log_rows_of_any_shape_are_taken(bench: Bench) -> None:
    entries = [
        LogEntry(key(1), Version(Revision(1)), Step.INGESTED),
        LogEntry(
            key(1),
            Version(Revision(1)),
            Step.CONFIRMED,
            before=State.SENDING,
            after=State.CONFIRMED,
            changed_fields=("name", "invoiceAddress.city"),
            notes=(Note("name", "cut", "lang", "kort"),),
            detail="with\x00NUL",
            origin=parcel(1).origin,
        ),
    ]
    async with bench.store.unit() as unit:
        await unit.log(entries)
