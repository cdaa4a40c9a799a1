"""The transformer's composition root: the only module that knows every part."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, NoReturn

from opentelemetry.sdk.trace.export import SpanExporter

from bridge.contracts.topics import wire_name
from bridge.messaging.admin import TopicAdmin
from bridge.messaging.producer import BatchProducer
from bridge.runtime.checkpoints import Checkpoints, no_checkpoints
from bridge.runtime.clock import Clock, SystemClock
from bridge.runtime.errors import BrokerUnavailableError, ConfigurationError
from bridge.runtime.health import Health
from bridge.runtime.health_server import HealthServer
from bridge.runtime.lifecycle import Loop, run_main, serve
from bridge.runtime.logging import configure_logging
from bridge.runtime.settings import KafkaSettings, load
from bridge.runtime.tracing import configure_tracing, flush_tracing
from bridge.transformer.adapters.faust_shell import FaustShell
from bridge.transformer.adapters.mapped_topic import MappedTopic
from bridge.transformer.application.lag_watch import LagWatch
from bridge.transformer.application.progress import Progress
from bridge.transformer.application.route import ROUTES
from bridge.transformer.application.transform import Transform
from bridge.transformer.settings import TransformerSettings

NAME: Final = "transformer"
_FLUSH_SECONDS: Final = 3.0
_SLACK_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Transformer:
    """The parts that run, and where the process answers its probes."""

    loops: Sequence[Loop]
    health: Health
    port: int


@asynccontextmanager
async def compose_transformer(
    settings: TransformerSettings,
    *,
    checkpoints: Checkpoints = no_checkpoints,
    clock: Clock | None = None,
) -> AsyncIterator[Transformer]:
    """Connect and build everything; close it in reverse order.

    Raises:
        ConfigurationError: The broker cannot be reached or lacks a topic; the sentence says which.
    """
    clock = clock or SystemClock()
    health = Health(clock)
    progress = Progress(clock, limit_seconds=settings.mapping.stuck_seconds)
    health.set_check("progress", progress.problem)
    await _require_topics(settings.kafka)
    async with (
        HealthServer(health, settings.health) as server,
        BatchProducer(settings.kafka, NAME) as producer,
        FaustShell(settings.kafka, group=NAME, max_records=settings.mapping.max_records) as shell,
    ):
        sink = MappedTopic(
            producer,
            topic_prefix=settings.kafka.topic_prefix,
            deadline_seconds=settings.mapping.send_deadline_seconds,
        )
        transform = Transform(shell, sink, progress=progress, health=health, checkpoints=checkpoints)
        lag = LagWatch(
            shell,
            group=f"{settings.kafka.topic_prefix}{NAME}",
            progress=progress,
            health=health,
            interval_seconds=settings.mapping.lag_interval_seconds,
        )
        health.expect(transform.name, within_seconds=settings.mapping.send_deadline_seconds + _SLACK_SECONDS)
        health.expect(lag.name, within_seconds=settings.mapping.lag_interval_seconds * 3 + _SLACK_SECONDS)
        yield Transformer(loops=(transform, lag), health=health, port=server.port)


async def run_transformer(
    settings: TransformerSettings,
    *,
    checkpoints: Checkpoints = no_checkpoints,
    exporter: SpanExporter | None = None,
) -> int:
    """Run until SIGTERM or a failure; return the process's exit code."""
    configure_logging(NAME, settings.telemetry.log_level)
    provider = configure_tracing(NAME, settings.telemetry, exporter=exporter)
    try:
        async with compose_transformer(settings, checkpoints=checkpoints) as transformer:
            return await serve(
                NAME,
                transformer.loops,
                drain_seconds=settings.lifecycle.drain_seconds,
                health=transformer.health,
            )
    finally:
        flush_tracing(provider, limit_seconds=_FLUSH_SECONDS)


def main() -> NoReturn:
    """Run the process from its environment."""
    run_main(lambda: run_transformer(load(TransformerSettings)))


async def _require_topics(kafka: KafkaSettings) -> None:
    # Without its topics the consumer would idle in silence: clients never create them.
    needed = {wire_name(name, kafka.topic_prefix) for route in ROUTES for name in (route.source, route.target)}
    try:
        async with TopicAdmin(kafka, client_id=NAME) as admin:
            found = {state.topic for state in await admin.describe(sorted(needed))}
    except BrokerUnavailableError as cause:
        raise ConfigurationError(str(cause)) from cause
    if missing := sorted(needed - found):
        raise ConfigurationError(f"Kafka lacks the topics {', '.join(missing)}; run 'bridge topics apply' first.")
