"""A producer that is given up while it connects leaves no connection behind."""

import asyncio
from contextlib import suppress

from bridge.messaging.producer import BatchProducer
from bridge.runtime.settings import KafkaSettings


class AnswersOnce:
    """A door to a real broker that answers every client's first request and is silent from then on."""

    def __init__(self, broker: str) -> None:
        self._host, _, self._port = broker.partition(":")
        self.fell_silent = asyncio.Event()
        self.client_left = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_broker, to_broker = await asyncio.open_connection(self._host, int(self._port))
        to_broker.write(await reader.read(65536))
        writer.write(await from_broker.read(65536))
        await reader.read(65536)
        self.fell_silent.set()
        while await reader.read(65536):
            pass
        self.client_left.set()
        for each in (to_broker, writer):
            each.close()
            with suppress(ConnectionError):
                await each.wait_closed()


async def test_a_start_that_is_given_up_while_the_broker_is_silent_closes_its_connection(
    settings: KafkaSettings,
) -> None:
    door = AnswersOnce(settings.bootstrap_servers)
    async with await asyncio.start_server(door.serve, "127.0.0.1", 0) as server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        through_the_door = KafkaSettings(bootstrap_servers=address, request_timeout_seconds=1)
        async with asyncio.TaskGroup() as group:
            starting = group.create_task(BatchProducer(through_the_door, "test").__aenter__())
            await door.fell_silent.wait()
            starting.cancel()

        async with asyncio.timeout(30):
            await door.client_left.wait()
