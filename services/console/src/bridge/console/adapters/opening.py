"""What a command needs, read from the environment and opened when it runs, never before.

Owns the step from settings to open connections, and the sentences for those that cannot be opened.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bridge.console.settings import BrokerSettings, StoreSettings
from bridge.durable.database import Database
from bridge.messaging.admin import TopicAdmin
from bridge.runtime.settings import load

NAME = "bridge"


@asynccontextmanager
async def open_database() -> AsyncIterator[Database]:
    """Open the cell's database.

    Raises:
        ConfigurationError: No address, or nothing answers there as it should.
    """
    async with Database(load(StoreSettings).postgres, application_name=NAME) as db:
        yield db


@asynccontextmanager
async def open_topics(settings: BrokerSettings) -> AsyncIterator[TopicAdmin]:
    """Open an admin client on the broker.

    Raises:
        BrokerUnavailableError: Nothing answers there.
    """
    async with TopicAdmin(settings.kafka, client_id=NAME) as admin:
        yield admin
