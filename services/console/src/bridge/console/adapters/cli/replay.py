"""`bridge replay`: the same records again, previewed first."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bridge.console.adapters.cli.frame import Answer, AsJson, DryRun, ForTenant, Who, Why, console, examples, run
from bridge.console.adapters.kafka_replay import KafkaReplayLog
from bridge.console.adapters.opening import NAME, open_database
from bridge.console.adapters.postgres_overview import PostgresOverview
from bridge.console.adapters.postgres_replay import PostgresReplays
from bridge.console.application import replay as use
from bridge.console.application.known import require_known
from bridge.console.domain.replay import Fate, Forecast
from bridge.console.settings import BrokerSettings
from bridge.contracts.identity import EntityNumber, TenantId
from bridge.contracts.topics import TopicName
from bridge.messaging.producer import BatchProducer
from bridge.messaging.reader import RangeReader
from bridge.runtime.errors import ConfigurationError
from bridge.runtime.settings import TelemetrySettings, load
from bridge.runtime.tracing import configure_tracing, flush_tracing

_FLUSH_SECONDS = 3.0
Moment = Annotated[str | None, typer.Option(metavar="TIME", help="ISO time, such as 2026-11-25T09:00+01:00.")]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "bridge replay --topic customer-mapped --since 2026-11-25 --tenant acme --dry-run --who anna --why K1",
            "bridge replay --topic customer-mapped --partition 3 --from-offset 100 --to-offset 200 --who anna --why K1",
            "bridge replay --resume 42 --who anna --why 'the broker is back'",
        )
    )(replay)


@dataclass(frozen=True, slots=True)
class _Order:
    """What the person asked for."""

    who: str
    why: str
    selection: use.Selection | None
    resume: int | None
    dry_run: bool
    rate: int
    as_json: bool


def replay(
    who: Who,
    why: Why,
    topic: Annotated[TopicName | None, typer.Option(help="The topic, by its name without the cell's prefix.")] = None,
    partition: Annotated[int | None, typer.Option(min=0, help="Only this partition.")] = None,
    from_offset: Annotated[int | None, typer.Option(min=0, help="First offset.")] = None,
    to_offset: Annotated[int | None, typer.Option(min=0, help="First offset no longer meant.")] = None,
    since: Moment = None,
    until: Moment = None,
    tenant: ForTenant = None,
    entity: Annotated[str | None, typer.Option(help="Only this number; needs --tenant.")] = None,
    rate: Annotated[int, typer.Option(min=1, max=100_000, help="Records a second.")] = use.RECORDS_PER_SECOND,
    resume: Annotated[int | None, typer.Option(help="Go on with this act instead.")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Send a range of records again to their topic's head; what is confirmed already stays untouched.

    The preview tells what will be a no-op and what will be taken in; the outcome is the same, however often it is run.
    """

    async def work() -> Answer:
        selection = None
        if resume is None:
            if topic is None:
                raise ConfigurationError("Name a --topic, or an act to go on with by --resume.")
            selection = use.Selection(
                topic=topic,
                partition=partition,
                from_offset=from_offset,
                to_offset=to_offset,
                since=_moment("--since", since),
                until=_moment("--until", until),
                tenant=TenantId(tenant) if tenant else None,
                entity=EntityNumber(entity) if entity else None,
            )
        return await _replay(_Order(who, why, selection, resume, dry_run, rate, as_json))

    run(work, as_json=as_json)


def _moment(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        # A time without a zone is this machine's.
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise ConfigurationError(f"{option} is no ISO time such as 2026-11-25T09:00+01:00: '{text}'.") from None


async def _replay(order: _Order) -> Answer:
    async with _opened() as (log, store, overview):
        act_id, progress = order.resume, use.Progress()
        if act_id is not None:
            whole, progress = await store.load(act_id)
            plan = use.rest_of(whole, progress)
        elif order.selection is not None:
            await require_known(overview, order.selection.tenant)
            plan = await use.plan(log, order.selection)
        else:
            raise ConfigurationError("Nothing to replay was named.")
        forecast = await use.preview(log, store, plan)
        if not order.as_json:
            _show_preview(console(), forecast, plan)
        if not order.dry_run:
            if act_id is None:
                act_id = await store.begin(plan, who=order.who, why=order.why)
            else:
                await store.resumed(act_id, who=order.who, why=order.why)
            progress = await use.carry_out(log, store, act_id, plan, progress, records_per_second=order.rate)
    return Answer(
        _document(order, plan, forecast, act_id, progress), lambda shown: _show(shown, order, act_id, progress)
    )


@asynccontextmanager
async def _opened() -> AsyncIterator[tuple[KafkaReplayLog, PostgresReplays, PostgresOverview]]:
    settings = load(BrokerSettings)
    provider = configure_tracing(NAME, TelemetrySettings())
    try:
        async with AsyncExitStack() as stack:
            db = await stack.enter_async_context(open_database())
            reader = await stack.enter_async_context(RangeReader(settings.kafka, client_id=NAME))
            producer = await stack.enter_async_context(BatchProducer(settings.kafka, NAME))
            log = KafkaReplayLog(reader, producer, topic_prefix=settings.kafka.topic_prefix)
            yield log, PostgresReplays(db), PostgresOverview(db)
    finally:
        flush_tracing(provider, limit_seconds=_FLUSH_SECONDS)


def _document(
    order: _Order, plan: use.Plan, forecast: Forecast, act_id: int | None, progress: use.Progress
) -> dict[str, object]:
    return {
        "dry_run": order.dry_run,
        "act": act_id,
        "spans": [
            {"topic": s.partition.topic, "partition": s.partition.partition, "start": s.start, "end": s.end}
            for s in plan.spans
        ],
        "preview": {
            "records": forecast.records,
            **{fate.value: forecast.total(fate) for fate in Fate},
            "by_tenant": {tenant: _of_tenant(forecast, tenant) for tenant in _tenants(forecast)},
        },
        "sent": progress.sent,
        "refused": progress.refused,
    }


def _tenants(forecast: Forecast) -> list[str]:
    return sorted({tenant for tenant, _ in forecast.counts})


def _of_tenant(forecast: Forecast, tenant: str) -> dict[str, int]:
    return {fate.value: forecast.counts[tenant, fate] for fate in Fate}


def _show_preview(shown: Console, forecast: Forecast, plan: use.Plan) -> None:
    table = Table("tenant", "no-ops", "taken in", "letters", "tenant removed")
    for tenant in _tenants(forecast):
        counts = _of_tenant(forecast, tenant)
        table.add_row(tenant or "(none)", *(str(counts[fate.value]) for fate in Fate))
    shown.print(f"{forecast.records} records in {len(plan.spans)} partitions; sent again they become:")
    shown.print(table)


def _show(shown: Console, order: _Order, act_id: int | None, progress: use.Progress) -> None:
    if order.dry_run:
        shown.print("Nothing was sent. Run it again without --dry-run to send them.")
    else:
        refused = f"; the broker refused {progress.refused}" if progress.refused else ""
        shown.print(f"Act {act_id}: {progress.sent} records were sent again{refused}.")
