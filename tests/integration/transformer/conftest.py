"""One cell on the session's Kafka for each test of the transformer."""

from collections.abc import AsyncIterator

import pytest

from bridge.devstack.endpoints import KafkaEndpoint
from bridge.runtime.settings import KafkaSettings
from bridge.testkit.cell_log import CellLog, open_cell
from bridge.transformer.settings import MappingSettings, TransformerSettings


@pytest.fixture
def kafka_settings(kafka: KafkaEndpoint, topic_prefix: str) -> KafkaSettings:
    """How to reach this test's cell."""
    return KafkaSettings(bootstrap_servers=kafka.bootstrap_servers, topic_prefix=topic_prefix)


@pytest.fixture
def settings(kafka_settings: KafkaSettings) -> TransformerSettings:
    """A transformer of this test's cell that looks often and gives up soon."""
    mapping = MappingSettings(lag_interval_seconds=0.2, stuck_seconds=2, send_deadline_seconds=15)
    return TransformerSettings(kafka=kafka_settings, mapping=mapping)


@pytest.fixture
async def cell(kafka_settings: KafkaSettings) -> AsyncIterator[CellLog]:
    """The cell's topics with 4 partitions each, empty."""
    async with open_cell(kafka_settings) as log:
        yield log
