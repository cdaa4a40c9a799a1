"""The poller's composition root: the only module that knows every part."""

import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NoReturn, TypeVar

from opentelemetry.sdk.trace.export import SpanExporter

from bridge.contracts.identity import SHARDS, Flow, TenantId
from bridge.durable.database import Database
from bridge.durable.lease import LeaseKeeper
from bridge.durable.migrate import discover, require_head
from bridge.durable.outbox import Outbox
from bridge.durable.relay import RELAY_LEASE, Relay
from bridge.messaging.producer import BatchProducer
from bridge.messaging.record import Outgoing
from bridge.oc2.client import Oc2Client
from bridge.poller.adapters.announcer import Announcer
from bridge.poller.adapters.oc2_source import Oc2Source
from bridge.poller.adapters.postgres_acts import PostgresActs
from bridge.poller.adapters.postgres_memory import PostgresMemory
from bridge.poller.adapters.roster import DirectoryRoster, shard_lease
from bridge.poller.adapters.tenants import DirectoryAccess, DirectoryGates, DirectoryOc2Access
from bridge.poller.adapters.tripletex_source import TripletexSource
from bridge.poller.application.observe import Observer
from bridge.poller.application.poll_batches import BatchPoll, BatchRules
from bridge.poller.application.poll_customers import CustomerPoll, PollRules
from bridge.poller.application.ports import Charge, Checkable, CustomerSource, InvoiceSource
from bridge.poller.application.probes import Prober
from bridge.poller.application.readiness import Readiness
from bridge.poller.application.rounds import Rounds
from bridge.poller.application.steps import InProgress, Poll
from bridge.poller.application.sweep import Sweep, SweepRules
from bridge.poller.application.turns import FlowRules, Turns
from bridge.poller.application.upkeep import Chore
from bridge.poller.domain.customers import CustomerRules
from bridge.poller.domain.invoices import InvoiceRules
from bridge.poller.domain.schedule import Slots
from bridge.poller.settings import HttpSettings, PollerSettings
from bridge.remote.http import Timeouts
from bridge.remote.httpx_port import HttpxPort
from bridge.remote.observed_port import ObservedPort
from bridge.remote.pacing import POLLER_SHARE
from bridge.runtime.checkpoints import Checkpoints, no_checkpoints
from bridge.runtime.clock import Clock, SystemClock
from bridge.runtime.errors import BrokerUnavailableError, ConfigurationError, TransientError
from bridge.runtime.health import Health
from bridge.runtime.health_server import HealthServer
from bridge.runtime.lifecycle import Loop, run_main, serve
from bridge.runtime.logging import configure_logging, get_logger
from bridge.runtime.settings import load
from bridge.runtime.tracing import configure_tracing, flush_tracing
from bridge.tenancy.directory import TenantDirectory
from bridge.tripletex.client import TripletexClient

NAME: Final = "poller"
SCHEMA: Final = "poller"
_CHORE_SECONDS: Final = 0.5
_DEPTH_SECONDS: Final = 2.0
_FLUSH_SECONDS: Final = 3.0
_SLACK_SECONDS: Final = 30.0

log = get_logger(__name__)

_Reading = TypeVar("_Reading", bound=InProgress)


@dataclass(frozen=True, slots=True)
class Poller:
    """The parts that run, and where the process answers its probes."""

    loops: Sequence[Loop]
    health: Health
    port: int
    owner: str


@dataclass(frozen=True, slots=True)
class _Outside:
    """What the poller is connected to."""

    db: Database
    producer: BatchProducer
    customers: CustomerSource
    invoices: InvoiceSource
    directory: TenantDirectory
    health: Health
    clock: Clock
    owner: str
    memory: PostgresMemory
    checkpoints: Checkpoints


@dataclass(frozen=True, slots=True)
class _FlowParts:
    """What one flow runs: its rounds, and its probes behind closed gates."""

    rounds: Rounds
    prober: Prober


@asynccontextmanager
async def compose_poller(
    settings: PollerSettings,
    *,
    checkpoints: Checkpoints = no_checkpoints,
    clock: Clock | None = None,
) -> AsyncIterator[Poller]:
    """Connect and build everything; close it in reverse order. The leases are given back at the very end.

    Raises:
        ConfigurationError: Database or broker cannot be used as they are; the sentence says why.
    """
    clock = clock or SystemClock()
    health = Health(clock)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(HealthServer(health, settings.health))
        db = await stack.enter_async_context(Database(settings.postgres, application_name=NAME))
        await require_head(db, [each for each in discover() if each.schema in ("control", SCHEMA)])
        producer = await _connect(stack, BatchProducer(settings.kafka, NAME))
        port = await stack.enter_async_context(HttpxPort(clock, allow_private_addresses=settings.http.allow_loopback))
        directory = TenantDirectory(db, beat=health.beat)
        outside = _Outside(
            db=db,
            producer=producer,
            customers=_customers(settings, port, clock, directory),
            invoices=_invoices(settings, port, directory),
            directory=directory,
            health=health,
            clock=clock,
            owner=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
            memory=PostgresMemory(db, Announcer(Outbox(SCHEMA), topic_prefix=settings.kafka.topic_prefix)),
            checkpoints=checkpoints,
        )
        keeper = _keeper(settings, outside)
        stack.push_async_callback(_release, keeper)
        yield Poller(_loops(settings, outside, keeper), health, server.port, outside.owner)


def _customers(settings: PollerSettings, port: HttpxPort, clock: Clock, directory: TenantDirectory) -> CustomerSource:
    client = TripletexClient(
        ObservedPort(port, system="tripletex"),
        clock,
        share=POLLER_SHARE,
        timeouts=_timeouts(settings.http),
        # Shorter than the time between two probes, which would otherwise find the refusal still fresh.
        refusal_pause=timedelta(seconds=settings.poll.gate_probe_seconds / 2),
    )
    return TripletexSource(client, DirectoryAccess(directory))


def _invoices(settings: PollerSettings, port: HttpxPort, directory: TenantDirectory) -> InvoiceSource:
    client = Oc2Client(ObservedPort(port, system="oc2"), timeouts=_timeouts(settings.http))
    return Oc2Source(client, DirectoryOc2Access(directory))


def _keeper(settings: PollerSettings, outside: _Outside) -> LeaseKeeper:
    return LeaseKeeper(
        outside.db,
        schema=SCHEMA,
        owner=outside.owner,
        ttl_seconds=settings.lease.ttl_seconds,
        margin_seconds=settings.lease.margin_seconds,
        clock=outside.clock,
        wanted=[RELAY_LEASE, *(shard_lease(shard) for shard in range(SHARDS))],
        beat=outside.health.beat,
    )


def _loops(settings: PollerSettings, outside: _Outside, keeper: LeaseKeeper) -> Sequence[Loop]:
    health = outside.health
    outbox = Outbox(SCHEMA)
    flows = (_customer_flow(settings, outside, keeper), _invoice_flow(settings, outside, keeper))
    relay = Relay(
        outside.db,
        outbox,
        outside.producer,
        lambda topic, key, value, headers: Outgoing(topic, key, value, tuple(headers)),
        keeper,
        clock=outside.clock,
        batch=settings.relay.batch,
        deadline_seconds=settings.relay.deadline_seconds,
        idle_seconds=settings.relay.idle_seconds,
        checkpoints=outside.checkpoints,
        beat=health.beat,
    )
    acts = PostgresActs(outside.db, outbox=outbox)
    readiness = Readiness(oldest_limit_seconds=settings.relay.oldest_seconds, stuck_seconds=settings.poll.stuck_seconds)

    async def apply_acts() -> None:
        while (tenant := await acts.apply_next(_held(flows))) is not None:
            for flow in flows:
                flow.rounds.poll_anew(tenant)

    async def measure() -> None:
        readiness.oldest_seconds = (await relay.depth()).oldest_seconds

    health.set_check("leases", lambda: readiness.leases(len(keeper.held)))
    health.set_check("polls", lambda: readiness.polls(max(flow.rounds.overdue_seconds() for flow in flows)))
    health.set_check("outbox", readiness.outbox)
    loops: list[Loop] = [
        keeper,
        outside.directory,
        *(flow.rounds for flow in flows),
        relay,
        *(Chore(f"probes of {flow.rounds.flow}", _probing(flow), _CHORE_SECONDS, health.beat) for flow in flows),
        Chore("acts", apply_acts, _CHORE_SECONDS, health.beat),
        Chore("depth", measure, _DEPTH_SECONDS, health.beat),
    ]
    limit = settings.http.total_seconds + settings.lease.ttl_seconds + settings.relay.deadline_seconds + _SLACK_SECONDS
    for loop in loops:
        health.expect(loop.name, within_seconds=limit)
    return loops


def _held(flows: Sequence[_FlowParts]) -> Mapping[TenantId, Sequence[Charge]]:
    """Return the tenants in our charge with their flows."""
    held: dict[TenantId, list[Charge]] = {}
    for flow in flows:
        for tenant, charge in flow.rounds.roster.charges().items():
            held.setdefault(tenant, []).append(charge)
    return held


def _probing(flow: _FlowParts) -> Callable[[], Awaitable[None]]:
    async def probe() -> None:
        await flow.prober.probe_due(list(flow.rounds.roster.charges()))

    return probe


def _customer_flow(settings: PollerSettings, outside: _Outside, keeper: LeaseKeeper) -> _FlowParts:
    gates = _gates(settings, outside, Flow.CUSTOMERS)
    observer = Observer(outside.memory, CustomerRules(), outside.customers, checkpoints=outside.checkpoints)
    sweep = Sweep(
        memory=outside.memory,
        source=outside.customers,
        observer=observer,
        gates=gates,
        rules=SweepRules(settings.poll.missing_floor, settings.poll.missing_share),
    )
    poll = CustomerPoll(
        memory=outside.memory,
        source=outside.customers,
        observer=observer,
        sweep=sweep,
        clock=outside.clock,
        rules=PollRules(
            page_rows=settings.poll.page_rows,
            crawl_every=timedelta(seconds=settings.poll.crawl_every_seconds),
            probe_every=timedelta(seconds=settings.poll.filter_probe_seconds),
        ),
    )
    return _flow(settings, outside, keeper, gates, poll, outside.customers)


def _invoice_flow(settings: PollerSettings, outside: _Outside, keeper: LeaseKeeper) -> _FlowParts:
    gates = _gates(settings, outside, Flow.INVOICES)
    poll = BatchPoll(
        memory=outside.memory,
        source=outside.invoices,
        observer=Observer(outside.memory, InvoiceRules(), None, checkpoints=outside.checkpoints),
        clock=outside.clock,
        rules=BatchRules(
            page_rows=settings.poll.batch_page_rows,
            settle=timedelta(seconds=settings.poll.batch_settle_seconds),
            reread_every=timedelta(seconds=settings.poll.batch_reread_seconds),
        ),
    )
    return _flow(settings, outside, keeper, gates, poll, outside.invoices)


def _gates(settings: PollerSettings, outside: _Outside, flow: Flow) -> DirectoryGates:
    every = timedelta(seconds=settings.poll.gate_probe_seconds)
    return DirectoryGates(outside.db, outside.directory, flow=flow, probe_every=every)


def _flow(
    settings: PollerSettings,
    outside: _Outside,
    keeper: LeaseKeeper,
    gates: DirectoryGates,
    poll: Poll[_Reading],
    source: Checkable,
) -> _FlowParts:
    """Put a flow together; each has slots of its own, so that a slow OC2 delays no reading of Tripletex."""
    limits = FlowRules(settings.poll.outbox_rate, settings.poll.outbox_burst)
    rounds = Rounds(
        roster=DirectoryRoster(outside.directory, keeper, flow=gates.flow),
        turns=Turns(poll, outside.memory, gates, outside.clock, limits),
        memory=outside.memory,
        gates=gates,
        clock=outside.clock,
        slots=Slots(settings.poll.tenants_at_once),
        flow=gates.flow,
        slow_seconds=settings.poll.slow_seconds,
        beat=outside.health.beat,
        name=f"polls of {gates.flow}",
    )
    return _FlowParts(rounds, Prober(source=source, gates=gates, flow=gates.flow))


async def run_poller(
    settings: PollerSettings,
    *,
    checkpoints: Checkpoints = no_checkpoints,
    exporter: SpanExporter | None = None,
) -> int:
    """Run until SIGTERM or a failure; return the process's exit code."""
    configure_logging(NAME, settings.telemetry.log_level)
    provider = configure_tracing(NAME, settings.telemetry, exporter=exporter)
    try:
        async with compose_poller(settings, checkpoints=checkpoints) as poller:
            return await serve(NAME, poller.loops, drain_seconds=settings.lifecycle.drain_seconds, health=poller.health)
    finally:
        flush_tracing(provider, limit_seconds=_FLUSH_SECONDS)


def main() -> NoReturn:
    """Run the process from its environment."""
    run_main(lambda: run_poller(load(PollerSettings)))


def _timeouts(http: HttpSettings) -> Timeouts:
    return Timeouts(
        connect=http.connect_seconds,
        write=http.read_seconds,
        read=http.read_seconds,
        pool=http.connect_seconds,
        total=http.total_seconds,
    )


async def _connect(stack: AsyncExitStack, producer: BatchProducer) -> BatchProducer:
    """Enter the producer; a broker that cannot be reached at the start is a wrong configuration."""
    try:
        return await stack.enter_async_context(producer)
    except BrokerUnavailableError as error:
        raise ConfigurationError(str(error)) from error


async def _release(keeper: LeaseKeeper) -> None:
    """Give the leases back, so that others need not wait for them to run out; a courtesy, not a duty."""
    try:
        await keeper.release_all()
    except TransientError as error:
        log.warning("The leases could not be given back; they run out by themselves.", error=str(error))
