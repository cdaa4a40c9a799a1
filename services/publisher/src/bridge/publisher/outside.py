"""What the publisher is connected to: database, broker, both systems, the tenants."""

import os
import secrets
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bridge.contracts.topics import TopicName, wire_name
from bridge.durable.database import Database
from bridge.durable.migrate import discover, require_head
from bridge.messaging.admin import TopicAdmin
from bridge.messaging.consumer import BatchConsumer
from bridge.messaging.producer import BatchProducer
from bridge.oc2.client import Oc2Client
from bridge.publisher.adapters.kafka_source import KafkaSource, Revocations
from bridge.publisher.adapters.oc2_target import Oc2Target
from bridge.publisher.adapters.postgres_deliveries import SCHEMA, PostgresDeliveries
from bridge.publisher.adapters.postgres_marks import PostgresMarks
from bridge.publisher.adapters.tripletex_target import TripletexTarget
from bridge.publisher.application.ingest import check_positions
from bridge.publisher.application.watermark import check_start
from bridge.publisher.settings import HttpSettings, PublisherSettings
from bridge.remote.http import Timeouts
from bridge.remote.httpx_port import HttpxPort
from bridge.remote.observed_port import ObservedPort
from bridge.remote.pacing import PUBLISHER_SHARE
from bridge.runtime.clock import Clock
from bridge.runtime.errors import BrokerUnavailableError, ConfigurationError
from bridge.runtime.health import Health
from bridge.tenancy.acts import ActStore
from bridge.tenancy.directory import TenantDirectory
from bridge.tripletex.client import TripletexClient

NAME: Final = "publisher"
_MAPPED_TOPICS: Final = (TopicName.CUSTOMER_MAPPED, TopicName.INVOICE_MAPPED)


@dataclass(frozen=True, slots=True)
class Outside:
    """What the publisher is connected to; `owner` names this process in leases and logs."""

    db: Database
    producer: BatchProducer
    source: KafkaSource
    oc2: Oc2Target
    tripletex: TripletexTarget
    directory: TenantDirectory
    health: Health
    clock: Clock
    owner: str


async def connect(stack: AsyncExitStack, settings: PublisherSettings, clock: Clock, health: Health) -> Outside:
    """Connect everything, to be closed in reverse order with the stack.

    Raises:
        ConfigurationError: Database or broker cannot be used as they are; the sentence says why.
    """
    db = await stack.enter_async_context(Database(settings.postgres, application_name=NAME))
    await require_head(db, [each for each in discover() if each.schema in ("control", SCHEMA)])
    directory = TenantDirectory(db, beat=health.beat)
    await directory.refresh()
    http = await stack.enter_async_context(
        HttpxPort(
            clock,
            connections_per_host=settings.http.connections_per_host,
            allow_private_addresses=settings.http.allow_loopback,
        )
    )
    client = Oc2Client(ObservedPort(http, system="oc2"), timeouts=_timeouts(settings.http))
    tripletex = TripletexClient(
        ObservedPort(http, system="tripletex"),
        clock,
        share=PUBLISHER_SHARE,
        timeouts=_timeouts(settings.http),
        # Shorter than the time between two probes, which would otherwise find the refusal still fresh.
        refusal_pause=timedelta(seconds=settings.delivery.gate_probe_seconds / 2),
    )
    producer = BatchProducer(settings.kafka, NAME)
    revocations = Revocations()
    prefix = settings.kafka.topic_prefix
    consumer = BatchConsumer(
        settings.kafka,
        group=f"{prefix}{NAME}",
        topics=[wire_name(topic, prefix) for topic in _MAPPED_TOPICS],
        max_records=settings.ingest.batch,
        on_revoked=revocations.note,
        client_id=NAME,
    )
    try:
        await stack.enter_async_context(producer)
        await stack.enter_async_context(consumer)
    except BrokerUnavailableError as error:
        # A broker that cannot be reached at the start is a wrong configuration.
        raise ConfigurationError(str(error)) from error
    return Outside(
        db,
        producer,
        KafkaSource(consumer, revocations, wait_seconds=settings.ingest.wait_seconds),
        Oc2Target(client, directory),
        TripletexTarget(tripletex, directory, clock),
        directory,
        health,
        clock,
        f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
    )


async def check_ground(settings: PublisherSettings, outside: Outside) -> None:
    """Refuse to begin on a database that knows less than the broker says.

    Raises:
        ConfigurationError: It has gone back, or the broker cannot be asked.
    """
    try:
        async with TopicAdmin(settings.kafka, client_id=NAME) as admin:
            commits = await admin.group_commits(f"{settings.kafka.topic_prefix}{NAME}")
    except BrokerUnavailableError as error:
        raise ConfigurationError(str(error)) from error
    store = PostgresDeliveries(outside.db, owner=outside.owner, acts=ActStore(outside.db))
    await check_positions(store, {(one.topic, one.partition): commit.offset for one, commit in commits.items()})
    await check_start(PostgresMarks(outside.db), [commit.note for commit in commits.values()])


def _timeouts(http: HttpSettings) -> Timeouts:
    return Timeouts(
        connect=http.connect_seconds,
        write=http.read_seconds,
        read=http.read_seconds,
        pool=http.connect_seconds,
        total=http.total_seconds,
    )
