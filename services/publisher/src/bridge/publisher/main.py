"""The publisher's composition root: with `outside` the only module that knows every part."""

import asyncio
import random
from collections.abc import AsyncIterator, Container, MutableSet, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NoReturn

from opentelemetry.sdk.trace.export import SpanExporter

from bridge.contracts.identity import Flow
from bridge.contracts.topics import TopicName, wire_name
from bridge.durable.lease import LeaseKeeper
from bridge.durable.outbox import Outbox
from bridge.durable.relay import RELAY_LEASE, Relay
from bridge.messaging.record import Outgoing
from bridge.publisher.adapters.postgres_deliveries import SCHEMA, PostgresDeliveries
from bridge.publisher.adapters.postgres_marks import PostgresMarks
from bridge.publisher.adapters.tenancy import SHARD_LEASES, DirectoryStanding, LeasedShards, StoredGates
from bridge.publisher.application.acts import Acts
from bridge.publisher.application.census import forget_census, show_census
from bridge.publisher.application.chore import Chore
from bridge.publisher.application.deliver_customers import DeliverCustomers
from bridge.publisher.application.deliver_invoices import DeliverInvoices
from bridge.publisher.application.dispatch import Dispatcher, Pace
from bridge.publisher.application.done import Backoff, Done
from bridge.publisher.application.errands import ErrandLoop
from bridge.publisher.application.gatekeeper import Gatekeeper
from bridge.publisher.application.in_flight import InFlight
from bridge.publisher.application.ingest import Ingest
from bridge.publisher.application.ingest_loop import IngestLoop
from bridge.publisher.application.orders import Orders
from bridge.publisher.application.payment_terms import PaymentTerms
from bridge.publisher.application.readiness import Readiness
from bridge.publisher.application.receipts import Receipts
from bridge.publisher.application.takeover import Takeover
from bridge.publisher.application.watermark import Watermark
from bridge.publisher.domain.delivery.model import EntityKey, Policy
from bridge.publisher.outside import NAME, Outside, check_ground, connect
from bridge.publisher.settings import DeliverySettings, PublisherSettings
from bridge.runtime.checkpoints import Checkpoints, no_checkpoints
from bridge.runtime.clock import Clock, SystemClock
from bridge.runtime.errors import TransientError
from bridge.runtime.health import Health
from bridge.runtime.health_server import HealthServer
from bridge.runtime.lifecycle import Loop, run_main, serve
from bridge.runtime.logging import configure_logging, get_logger
from bridge.runtime.settings import load
from bridge.runtime.tracing import configure_tracing, flush_tracing
from bridge.tenancy.acts import ActStore
from bridge.tenancy.gates import System

_PROBE_LOOK_SECONDS: Final = 0.5
_CENSUS_SECONDS: Final = 10.0
_FLUSH_SECONDS: Final = 3.0
_SLACK_SECONDS: Final = 30.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Publisher:
    """The parts that run, and where the process answers its probes."""

    loops: Sequence[Loop]
    health: Health
    port: int
    owner: str


@dataclass(frozen=True, slots=True)
class _Rules:
    """What the parts share."""

    policy: Policy
    dead_letter_topic: str
    checkpoints: Checkpoints


@asynccontextmanager
async def compose_publisher(
    settings: PublisherSettings,
    *,
    checkpoints: Checkpoints = no_checkpoints,
    unsafe_settle: timedelta | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Publisher]:
    """Connect and build everything; close it in reverse order. The leases are given back at the very end.

    Args:
        unsafe_settle: Tests only: a settle time that the settings would refuse, to show what it protects from.

    Raises:
        ConfigurationError: Database or broker cannot be used as they are; the sentence says why.
    """
    clock = clock or SystemClock()
    health = Health(clock)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(HealthServer(health, settings.health))
        outside = await connect(stack, settings, clock, health)
        await check_ground(settings, outside)
        keeper = LeaseKeeper(
            outside.db,
            schema=SCHEMA,
            owner=outside.owner,
            ttl_seconds=settings.lease.ttl_seconds,
            margin_seconds=settings.lease.margin_seconds,
            clock=clock,
            wanted=[RELAY_LEASE, *SHARD_LEASES],
            beat=health.beat,
        )
        stack.push_async_callback(_release, keeper)
        settle = unsafe_settle if unsafe_settle is not None else timedelta(seconds=settings.delivery.settle_seconds)
        rules = _Rules(
            Policy(settle=settle, unknown_rounds_limit=settings.delivery.unknown_rounds),
            wire_name(TopicName.DEAD_LETTER, settings.kafka.topic_prefix),
            checkpoints,
        )
        yield Publisher(_loops(settings, outside, keeper, rules), health, server.port, outside.owner)


async def run_publisher(
    settings: PublisherSettings,
    *,
    checkpoints: Checkpoints = no_checkpoints,
    unsafe_settle: timedelta | None = None,
    exporter: SpanExporter | None = None,
) -> int:
    """Run until SIGTERM or a failure; return the process's exit code."""
    configure_logging(NAME, settings.telemetry.log_level)
    provider = configure_tracing(NAME, settings.telemetry, exporter=exporter)
    try:
        async with compose_publisher(settings, checkpoints=checkpoints, unsafe_settle=unsafe_settle) as publisher:
            drain = settings.lifecycle.drain_seconds
            return await serve(NAME, publisher.loops, drain_seconds=drain, health=publisher.health)
    finally:
        flush_tracing(provider, limit_seconds=_FLUSH_SECONDS)


def main() -> NoReturn:
    """Run the process from its environment."""
    run_main(lambda: run_publisher(load(PublisherSettings)))


def _loops(settings: PublisherSettings, outside: Outside, keeper: LeaseKeeper, rules: _Rules) -> Sequence[Loop]:
    store = PostgresDeliveries(outside.db, owner=outside.owner, acts=ActStore(outside.db))
    holds, standing = LeasedShards(keeper), DirectoryStanding(outside.directory)
    wake = asyncio.Event()
    telling: set[EntityKey] = set()
    gatekeeper = Gatekeeper(
        StoredGates(outside.db, outside.directory),
        {System.OC2: lambda tenant, _: outside.oc2.probe(tenant), System.TRIPLETEX: outside.tripletex.probe},
        probe_every=timedelta(seconds=settings.delivery.gate_probe_seconds),
        max_pause=timedelta(seconds=settings.http.max_pause_seconds),
    )
    dispatcher = _dispatcher(settings, outside, rules, store, holds, gatekeeper, wake, telling)
    ingest = Ingest(store, standing, policy=rules.policy, dead_letter_topic=rules.dead_letter_topic, on_work=wake.set)
    taking_in = IngestLoop(
        outside.source, ingest, outside.clock, checkpoints=rules.checkpoints, beat=outside.health.beat
    )
    acts = Acts(
        store,
        holds,
        policy=rules.policy,
        dead_letter_topic=rules.dead_letter_topic,
        look_every_seconds=settings.delivery.acts_every_seconds,
        on_work=wake.set,
        letter_rounds=settings.delivery.letter_rounds,
        beat=outside.health.beat,
    )

    async def probe() -> None:
        shards = holds.current().keys()
        await gatekeeper.probe(
            [t.id for t in outside.directory.tenants.values() if t.shard in shards and not t.removed]
        )

    async def take_census() -> None:
        # Only one process shows it, or sums over replicas would count everything twice.
        if keeper.lease(RELAY_LEASE) is not None:
            show_census(await store.census(), outside.directory.gates.values())
        else:
            forget_census()

    loops: list[Loop] = [
        keeper,
        outside.directory,
        taking_in,
        dispatcher,
        acts,
        *_errands(settings, outside, rules, store, holds, gatekeeper, telling),
        _relay(settings, outside, keeper, rules),
        Chore("probes", probe, _PROBE_LOOK_SECONDS, outside.health.beat),
        Chore("census", take_census, _CENSUS_SECONDS, outside.health.beat),
        Watermark(PostgresMarks(outside.db), outside.source, beat=outside.health.beat),
    ]
    _watch(settings, outside.health, loops, keeper, taking_in, dispatcher)
    return loops


def _dispatcher(
    settings: PublisherSettings,
    outside: Outside,
    rules: _Rules,
    store: PostgresDeliveries,
    holds: LeasedShards,
    gatekeeper: Gatekeeper,
    wake: asyncio.Event,
    telling: Container[EntityKey],
) -> Dispatcher:
    in_flight = InFlight()
    terms = PaymentTerms(outside.oc2, outside.clock, settle=rules.policy.settle)
    return Dispatcher(
        store,
        holds,
        DirectoryStanding(outside.directory),
        gatekeeper,
        Takeover(
            store,
            in_flight,
            outside.clock,
            policy=rules.policy,
            owner=outside.owner,
            dead_letter_topic=rules.dead_letter_topic,
            on_doubt=terms.rest,
            telling=telling,
        ),
        {
            Flow.CUSTOMERS: DeliverCustomers(outside.oc2, terms, outside.clock, list_size=settings.delivery.list_size),
            Flow.INVOICES: DeliverInvoices(
                outside.tripletex, outside.clock, group_size=settings.delivery.invoice_group
            ),
        },
        Done(
            store,
            policy=rules.policy,
            backoff=_backoff(settings.delivery),
            owner=outside.owner,
            dead_letter_topic=rules.dead_letter_topic,
        ),
        in_flight,
        policy=rules.policy,
        pace=_pace(settings.delivery),
        owner=outside.owner,
        dead_letter_topic=rules.dead_letter_topic,
        wake=wake,
        checkpoints=rules.checkpoints,
        beat=outside.health.beat,
    )


def _errands(
    settings: PublisherSettings,
    outside: Outside,
    rules: _Rules,
    store: PostgresDeliveries,
    holds: LeasedShards,
    gatekeeper: Gatekeeper,
    telling: MutableSet[EntityKey],
) -> Sequence[ErrandLoop]:
    standing = DirectoryStanding(outside.directory)
    receipts = Receipts(
        store,
        outside.oc2,
        holds,
        gatekeeper,
        standing,
        outside.clock,
        policy=rules.policy,
        backoff=_backoff(settings.delivery),
        owner=outside.owner,
        in_hand=telling,
        checkpoints=rules.checkpoints,
    )
    orders = Orders(store, outside.tripletex, holds, gatekeeper, policy=rules.policy, owner=outside.owner)
    return [
        ErrandLoop(
            store,
            holds,
            standing,
            work,
            look_every_seconds=settings.delivery.errands_every_seconds,
            beat=outside.health.beat,
        )
        for work in (receipts, orders)
    ]


def _relay(settings: PublisherSettings, outside: Outside, keeper: LeaseKeeper, rules: _Rules) -> Relay[Outgoing]:
    return Relay(
        outside.db,
        Outbox(SCHEMA),
        outside.producer,
        lambda topic, key, value, headers: Outgoing(topic, key, value, tuple(headers)),
        keeper,
        clock=outside.clock,
        batch=settings.relay.batch,
        deadline_seconds=settings.relay.deadline_seconds,
        idle_seconds=settings.relay.idle_seconds,
        checkpoints=rules.checkpoints,
        beat=outside.health.beat,
    )


def _watch(
    settings: PublisherSettings,
    health: Health,
    loops: Sequence[Loop],
    keeper: LeaseKeeper,
    taking_in: IngestLoop,
    dispatcher: Dispatcher,
) -> None:
    readiness = Readiness(settings.ingest.stuck_seconds, settings.delivery.oldest_due_seconds)
    health.set_check("leases", lambda: readiness.leases(len(keeper.held)))
    health.set_check("ingest", lambda: readiness.ingest(taking_in.stuck_seconds()))
    health.set_check("dispatch", lambda: readiness.dispatch(dispatcher.oldest_open))
    limit = settings.http.total_seconds + settings.lease.ttl_seconds + settings.relay.deadline_seconds + _SLACK_SECONDS
    for loop in loops:
        health.expect(loop.name, within_seconds=limit)


def _backoff(delivery: DeliverySettings) -> Backoff:
    base, cap = timedelta(seconds=delivery.backoff_seconds), timedelta(seconds=delivery.backoff_cap_seconds)
    # Chance spreads retries; nothing secret hangs on it.
    return Backoff(base, cap, random.Random())  # noqa: S311


def _pace(delivery: DeliverySettings) -> Pace:
    return Pace(
        rows=delivery.rows,
        rows_per_tenant=delivery.rows_per_tenant,
        calls_per_tenant=delivery.calls_per_tenant,
        look_every_seconds=delivery.look_every_seconds,
    )


async def _release(keeper: LeaseKeeper) -> None:
    """Give the leases back, so that others need not wait for them to run out; a courtesy, not a duty."""
    try:
        await keeper.release_all()
    except TransientError as error:
        log.warning("The leases could not be given back; they run out by themselves.", error=str(error))
