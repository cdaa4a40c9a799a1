"""Topics applied from their declarations on a real broker."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.contracts.topics import TOPICS, TopicName, TopicSpec, wire_name
from bridge.messaging.admin import ChangeKind, TopicAdmin
from bridge.runtime.errors import ConfigurationError
from bridge.runtime.settings import KafkaSettings
from bridge.testkit.waiting import eventually

SPEC = TopicSpec(TopicName.CUSTOMER_MAPPED, 3, timedelta(days=7), "transformer", "publisher")


async def test_applying_twice_changes_nothing_the_second_time(settings: KafkaSettings, topic_prefix: str) -> None:
    async with TopicAdmin(settings) as admin:
        first = await admin.apply(TOPICS, prefix=topic_prefix, replication=1)
        second = await admin.apply(TOPICS, prefix=topic_prefix, replication=1)
        states = await admin.describe([wire_name(spec.name, topic_prefix) for spec in TOPICS])

    assert [(change.kind, change.topic) for change in first] == [
        (ChangeKind.CREATE, wire_name(spec.name, topic_prefix)) for spec in TOPICS
    ]
    assert second == []
    by_name = {state.topic: state for state in states}
    for spec in TOPICS:
        state = by_name[wire_name(spec.name, topic_prefix)]
        assert state.partitions == spec.partitions
        assert state.settings["retention.ms"] == str(int(spec.retention.total_seconds() * 1000))
        assert state.settings["cleanup.policy"] == "delete"


async def test_a_dry_run_says_what_would_be_made_and_makes_nothing(settings: KafkaSettings, topic_prefix: str) -> None:
    async with TopicAdmin(settings) as admin:
        preview = await admin.apply([SPEC], prefix=topic_prefix, replication=1, dry_run=True)
        there = await admin.describe([wire_name(SPEC.name, topic_prefix)])
        done = await admin.apply([SPEC], prefix=topic_prefix, replication=1)

    assert there == []
    assert preview == done


async def test_partitions_are_added_and_retention_is_moved(settings: KafkaSettings, topic_prefix: str) -> None:
    topic = wire_name(SPEC.name, topic_prefix)
    wider = replace(SPEC, partitions=5, retention=timedelta(days=9))
    async with TopicAdmin(settings) as admin:
        await admin.apply([SPEC], prefix=topic_prefix, replication=1)

        preview = await admin.apply([wider], prefix=topic_prefix, replication=1, dry_run=True)
        before = await admin.describe([topic])
        done = await admin.apply([wider], prefix=topic_prefix, replication=1)
        after = await admin.describe([topic])

    assert preview == done
    assert [change.kind for change in done] == [ChangeKind.ADD_PARTITIONS, ChangeKind.ALTER]
    assert [(s.partitions, s.settings["retention.ms"]) for s in before] == [(3, str(7 * 86_400_000))]
    assert [(s.partitions, s.settings["retention.ms"]) for s in after] == [(5, str(9 * 86_400_000))]


async def test_partitions_are_never_taken_away(settings: KafkaSettings, topic_prefix: str) -> None:
    async with TopicAdmin(settings) as admin:
        await admin.apply([SPEC], prefix=topic_prefix, replication=1)

        changes = await admin.apply([replace(SPEC, partitions=1)], prefix=topic_prefix, replication=1)
        states = await admin.describe([wire_name(SPEC.name, topic_prefix)])

    assert changes == []
    assert [state.partitions for state in states] == [3]


async def test_what_others_set_on_a_topic_survives_a_change_of_ours(settings: KafkaSettings, topic_prefix: str) -> None:
    topic = wire_name(SPEC.name, topic_prefix)
    async with TopicAdmin(settings) as admin:
        await admin.apply([SPEC], prefix=topic_prefix, replication=1)
        state = (await admin.describe([topic]))[0]
        await admin._alter(state, {**state.settings, "segment.ms": "7200000"}, dry_run=False)
        await eventually(lambda: _sets(admin, topic, "segment.ms"), what="the broker to show what others set")

        await admin.apply([replace(SPEC, retention=timedelta(days=8))], prefix=topic_prefix, replication=1)
        after = (await admin.describe([topic]))[0]

    assert after.settings["segment.ms"] == "7200000"
    assert after.settings["retention.ms"] == str(8 * 86_400_000)


async def _sets(admin: TopicAdmin, topic: str, setting: str) -> bool:
    return setting in (await admin.describe([topic]))[0].settings


async def test_a_replication_that_the_broker_cannot_give_is_one_sentence(
    settings: KafkaSettings, topic_prefix: str
) -> None:
    async with TopicAdmin(settings) as admin:
        with pytest.raises(ConfigurationError, match="Kafka refuses to create the topic"):
            await admin.apply([SPEC], prefix=topic_prefix, replication=3, dry_run=True)
