"""Topics of this test's own on the session's Kafka."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from bridge.contracts.topics import TopicName, TopicSpec
from bridge.devstack.endpoints import KafkaEndpoint
from bridge.messaging.admin import TopicAdmin
from bridge.runtime.settings import KafkaSettings

MakeTopic = Callable[[int], Awaitable[str]]


@pytest.fixture
def settings(kafka: KafkaEndpoint) -> KafkaSettings:
    """Settings for the session's Kafka."""
    return KafkaSettings(bootstrap_servers=kafka.bootstrap_servers, session_timeout_seconds=6)


@pytest.fixture
def make_topic(settings: KafkaSettings, topic_prefix: str) -> MakeTopic:
    """Make this test's topic with so many partitions, or give it more; return its name on the wire."""

    async def make(partitions: int) -> str:
        spec = TopicSpec(TopicName.CUSTOMER_CHANGED, partitions, timedelta(days=1), "test", "test")
        async with TopicAdmin(settings) as admin:
            await admin.apply([spec], prefix=topic_prefix, replication=1)
        return f"{topic_prefix}{TopicName.CUSTOMER_CHANGED}"

    return make
