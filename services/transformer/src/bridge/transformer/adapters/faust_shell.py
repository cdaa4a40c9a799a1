"""Faust as the shell around the mapping: the only module that knows Faust.

It hands out raw bytes in order and commits what it is told to; nothing else of Faust is used, since faust-streaming
0.15 loses messages where it decodes, acknowledges or publishes by itself (`tests/failure/faust_losses`).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

import faust

from bridge.contracts.topics import wire_name
from bridge.messaging.connection import METADATA_MAX_AGE_MS, connection_options, translated
from bridge.runtime.errors import BrokerUnavailableError
from bridge.runtime.settings import KafkaSettings
from bridge.transformer.adapters.consumed import source_record
from bridge.transformer.application.record import SourceRecord
from bridge.transformer.application.route import ROUTES

_PAUSE_SECONDS: Final = 0.002
"""A batch ends when nothing comes for this long, or after `_GATHER_SECONDS`: large under load, one record when idle."""
_GATHER_SECONDS: Final = 0.1
_STOP_SECONDS: Final = 5.0


class _App(faust.App):
    def _create_directories(self) -> None:
        """Write nothing to disk: there are no tables."""


class FaustShell:
    """A `RecordSource` over Faust's consumer. Async context manager; leaves the group when it closes."""

    def __init__(self, settings: KafkaSettings, *, group: str, max_records: int) -> None:
        self._settings = settings
        self._app = _app(settings, f"{settings.topic_prefix}{group}")
        self._routes = {wire_name(route.source, settings.topic_prefix): route for route in ROUTES}
        self._max_records = max_records
        self._held: list[Any] = []
        topic = self._app.topic(
            *self._routes, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        )
        stream: Any = topic.stream()  # its declared type lacks `noack`
        self._events: AsyncIterator[Any] = aiter(stream.noack().events())

    async def __aenter__(self) -> Self:
        # Asked for before the app starts, so that the topic is in the very first subscription.
        self._next = asyncio.ensure_future(anext(self._events))
        await asyncio.sleep(0)
        with translated("starting Faust", self._settings):
            await self._app.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._next.cancel()
        await asyncio.gather(self._next, return_exceptions=True)
        # Faust's stop would wait for ever for what was never acknowledged; only what was is committed.
        self._app.consumer.unacked.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await self._app.stop()

    async def next_batch(self, wait_seconds: float) -> Sequence[SourceRecord]:
        """See `RecordSource.next_batch`."""
        loop = asyncio.get_running_loop()
        batch: list[Any] = []
        pause, end = wait_seconds, loop.time() + wait_seconds
        while len(batch) < self._max_records and loop.time() < end:
            done, _ = await asyncio.wait({self._next}, timeout=pause)
            if self._app.should_stop:
                cause = self._app.crash_reason
                raise BrokerUnavailableError(f"Faust has stopped reading: {cause!r}.") from cause
            if not done:
                break
            if not batch:
                pause, end = _PAUSE_SECONDS, loop.time() + _GATHER_SECONDS
            batch.append(self._next.result().message)
            self._next = asyncio.ensure_future(anext(self._events))
        self._held.extend(batch)
        return [source_record(message, self._routes[message.topic]) for message in batch]

    async def acknowledge(self) -> None:
        """See `RecordSource.acknowledge`."""
        for message in self._held:
            message.ack(self._app.consumer)
        self._held.clear()
        await self._app.consumer.commit()

    async def lag(self) -> Mapping[tuple[str, int], int] | None:
        """See `RecordSource.lag`."""
        consumer = self._app.consumer
        if self._app.rebalancing or not self._app.consumer_generation_id:
            return None
        with translated("asking for the lag", self._settings):  # a rebalance may take a partition meanwhile
            ends = await consumer.highwaters(*consumer.assignment())
            return {(tp.topic, tp.partition): end - (await consumer.position(tp) or 0) for tp, end in ends.items()}


def _app(settings: KafkaSettings, group: str) -> faust.App:
    return _App(
        group,
        broker=[f"kafka://{server.strip()}" for server in settings.bootstrap_servers.split(",")],
        broker_credentials=_credentials(settings),
        # Faust refuses a session that outlasts a request.
        broker_request_timeout=max(settings.request_timeout_seconds, settings.session_timeout_seconds),
        broker_session_timeout=settings.session_timeout_seconds,
        broker_heartbeat_interval=settings.session_timeout_seconds / 3,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=METADATA_MAX_AGE_MS,
        stream_wait_empty=True,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        store="memory://",
    )


def _credentials(settings: KafkaSettings) -> faust.SASLCredentials | faust.SSLCredentials | None:
    tls = connection_options(settings, client_id="").get("ssl_context")
    if settings.security_protocol.startswith("SASL") and settings.sasl_password is not None:
        return faust.SASLCredentials(
            username=settings.sasl_username,
            password=settings.sasl_password.get_secret_value(),
            ssl_context=tls,
            mechanism=settings.sasl_mechanism,
        )
    return faust.SSLCredentials(tls) if tls is not None else None
