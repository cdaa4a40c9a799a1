"""The relay with the real producer on real Kafka: what was committed is on the topic, in order per key."""

from datetime import timedelta

import pytest

from bridge.contracts.identity import EntityNumber, Flow, TenantId, partition_key
from bridge.contracts.topics import TopicName, TopicSpec
from bridge.devstack.endpoints import KafkaEndpoint
from bridge.durable.database import Database
from bridge.durable.lease import LeaseKeeper
from bridge.durable.outbox import Outbox, OutboxRow
from bridge.durable.relay import MAX_ATTEMPTS, Relay
from bridge.messaging.admin import TopicAdmin
from bridge.messaging.producer import BatchProducer
from bridge.messaging.reader import RangeReader
from bridge.messaging.record import Outgoing, Record
from bridge.runtime.clock import SystemClock
from bridge.runtime.settings import KafkaSettings

ACME = TenantId("acme")
OUTBOX = Outbox("poller")


@pytest.fixture
def kafka_settings(kafka: KafkaEndpoint) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)


@pytest.fixture
async def topic(kafka_settings: KafkaSettings, topic_prefix: str) -> str:
    spec = TopicSpec(TopicName.CUSTOMER_CHANGED, 3, timedelta(days=1), "test", "test")
    async with TopicAdmin(kafka_settings) as admin:
        await admin.apply([spec], prefix=topic_prefix, replication=1)
    return f"{topic_prefix}{TopicName.CUSTOMER_CHANGED}"


def _row(row_id: int, number: int, topic: str) -> OutboxRow:
    entity = EntityNumber(str(number))
    return OutboxRow(
        id=row_id,
        topic=topic,
        key=partition_key(ACME, entity),
        value=str(row_id).encode(),
        headers=(("ce_id", f"event-{row_id}".encode()),),
        tenant=ACME,
        flow=Flow.CUSTOMERS,
        entity=entity,
    )


async def _read(settings: KafkaSettings, topic: str) -> list[Record]:
    found: list[Record] = []
    async with RangeReader(settings) as reader:
        for partition, end in (await reader.ends(topic)).items():
            async for batch in reader.read(partition, start=0, end=end):
                found.extend(batch)
    return found


async def test_what_was_committed_is_on_the_topic_in_order_and_a_refused_row_holds_up_its_entity_alone(
    db: Database, kafka_settings: KafkaSettings, topic: str
) -> None:
    keeper = LeaseKeeper(
        db, schema="poller", owner="a", ttl_seconds=60, margin_seconds=5, clock=SystemClock(), wanted=("relay",)
    )
    await keeper.turn()
    rows = [_row(number, number % 40, topic) for number in range(1, 401)]
    bad, behind = _row(401, 999, f"{topic}-not-there"), _row(402, 999, topic)
    async with db.transaction() as tx:
        await OUTBOX.append(tx, [*rows, bad, behind])

    async with BatchProducer(kafka_settings, "relay-test") as producer:
        relay = Relay(
            db, OUTBOX, producer, Outgoing, keeper, clock=SystemClock(), batch=1000, refusal_pause=timedelta(0)
        )
        for _ in range(MAX_ATTEMPTS):
            await relay.relay_once()
        depth = await relay.depth()

    records = await _read(kafka_settings, topic)
    assert sorted(int(record.value or b"") for record in records) == list(range(1, 401))
    for key in {record.key for record in records}:
        ids = [int(record.value or b"") for record in records if record.key == key]
        assert ids == sorted(ids)
    assert records[0].headers[0][0] == "ce_id"
    assert (depth.waiting, depth.set_aside) == (1, 1)
