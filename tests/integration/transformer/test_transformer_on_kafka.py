"""The transformer on a real Kafka: every record comes out once, whatever it holds and however often it is restarted."""

import asyncio
import json
import re
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bridge.contracts.envelope import EventType, Outcome
from bridge.contracts.events.customer import CustomerWanted
from bridge.contracts.events.invoice import InvoiceWanted, InvoiceWithdrawn
from bridge.contracts.events.unmappable import Unmappable
from bridge.contracts.headers import decode
from bridge.contracts.identity import EntityNumber, Flow
from bridge.contracts.reasons import Reason
from bridge.contracts.topics import TOPICS, TopicName, wire_name
from bridge.messaging.admin import TopicAdmin
from bridge.messaging.producer import BatchProducer
from bridge.messaging.record import Acked, Outgoing, Record
from bridge.runtime.errors import ConfigurationError
from bridge.runtime.settings import KafkaSettings, TelemetrySettings
from bridge.runtime.tracing import configure_tracing, flush_tracing, trace_id_of
from bridge.testkit.cell_log import CellLog
from bridge.testkit.customer_events import customer_changed, raw_event, with_headers
from bridge.testkit.invoice_events import invoice_envelope, invoice_generated
from bridge.testkit.waiting import eventually
from bridge.transformer.main import Transformer, compose_transformer
from bridge.transformer.settings import TransformerSettings


@asynccontextmanager
async def running(settings: TransformerSettings) -> AsyncIterator[Transformer]:
    """Run a transformer; on leaving it drains as it would on SIGTERM."""
    stop = asyncio.Event()
    async with compose_transformer(settings) as transformer, asyncio.TaskGroup() as group:
        for loop in transformer.loops:
            group.create_task(loop.run(stop))
        try:
            yield transformer
        finally:
            stop.set()


def _numbers(records: list[Record]) -> list[str | None]:
    return [decode(record.headers).entity for record in records]


async def _write_both(cell: CellLog, numbers: range) -> None:
    await cell.write([customer_changed(number) for number in numbers])
    await cell.write([invoice_generated(number) for number in numbers], to=TopicName.INVOICE_GENERATED)


async def test_every_record_comes_out_under_its_key_in_its_order(cell: CellLog, settings: TransformerSettings) -> None:
    events = [customer_changed(10_000 + n % 50, revision=n + 1) for n in range(400)]
    await cell.write(events)

    async with running(settings):
        mapped = await cell.mapped(400)

    assert sorted(record.key or b"" for record in mapped) == sorted(event.key or b"" for event in events)
    for number in range(10_000, 10_050):
        revisions = [decode(r.headers).version for r in mapped if decode(r.headers).entity == str(number)]
        assert revisions == sorted(revisions)
        assert len(revisions) == 8


async def test_poison_records_pass_on_as_letters_and_stop_nothing(cell: CellLog, settings: TransformerSettings) -> None:
    good = customer_changed(1)
    poison = [
        replace(good, value=b"\xff\x00 not JSON"),
        replace(good, headers=()),
        replace(good, headers=(("ce_id", b"\xff\xfe"),)),
        with_headers(good, {"ce_type": b"customer.changed.v99"}),
        customer_changed(1, name=""),
    ]
    await cell.write([*poison, good])

    async with running(settings):
        mapped = await cell.mapped(6)

    letters = [Unmappable.model_validate_json(r.value or b"") for r in mapped[:5]]
    assert [letter.reason for letter in letters] == [
        Reason.EVENT_UNREADABLE,
        Reason.EVENT_UNREADABLE,
        Reason.EVENT_UNREADABLE,
        Reason.UNKNOWN_SCHEMA,
        Reason.NAME_MISSING,
    ]
    assert [letter.raw for letter in letters] == [event.value for event in poison]
    assert [letter.raw_key for letter in letters] == [event.key for event in poison]
    assert [letter.headers for letter in letters] == [event.headers for event in poison]
    assert [letter.origin_offset for letter in letters] == [0, 1, 2, 3, 4]
    assert CustomerWanted.model_validate_json(mapped[5].value or b"").customer_number == 1


async def test_a_restart_goes_on_where_it_stopped_in_both_flows(cell: CellLog, settings: TransformerSettings) -> None:
    await _write_both(cell, range(1, 51))
    async with running(settings):
        await cell.mapped(100)
    await _write_both(cell, range(51, 101))

    async with running(settings):
        await cell.mapped(200)
    # The transformer has left, so that nothing more can come.
    everything = await cell.all_mapped()

    assert sorted((decode(r.headers).flow, int(decode(r.headers).entity or 0)) for r in everything) == [
        (flow, number) for flow in Flow for number in range(1, 101)
    ]


async def test_records_written_before_the_first_start_are_not_skipped(
    cell: CellLog, settings: TransformerSettings
) -> None:
    await cell.write([customer_changed(n) for n in range(1, 21)])

    async with running(settings):
        await cell.write([customer_changed(n) for n in range(21, 41)])
        mapped = await cell.mapped(40)

    assert {int(number or 0) for number in _numbers(mapped)} == set(range(1, 41))


async def test_records_of_partitions_that_are_added_meanwhile_are_not_skipped(
    cell: CellLog, kafka_settings: KafkaSettings, settings: TransformerSettings
) -> None:
    async with running(settings):
        await cell.write([customer_changed(n) for n in range(1, 101)])
        await cell.mapped(100)
        async with TopicAdmin(kafka_settings) as admin:
            specs = [replace(spec, partitions=8) for spec in TOPICS if spec.name is TopicName.CUSTOMER_CHANGED]
            await admin.apply(specs, prefix=kafka_settings.topic_prefix, replication=1)
        async with BatchProducer(kafka_settings, "knows-the-new-partitions") as producer:
            topic = wire_name(TopicName.CUSTOMER_CHANGED, kafka_settings.topic_prefix)
            events = [customer_changed(n) for n in range(101, 201)]
            sent = await producer.send(
                [Outgoing(topic, event.key, event.value or b"", event.headers) for event in events],
                deadline_seconds=20,
            )
        mapped = await cell.mapped(200)

    assert {result.partition for result in sent if isinstance(result, Acked)} > {0, 1, 2, 3}
    assert {int(number or 0) for number in _numbers(mapped)} == set(range(1, 201))


async def test_two_replicas_share_the_partitions_and_lose_nothing_when_one_leaves(
    cell: CellLog, settings: TransformerSettings
) -> None:
    async with running(settings):
        await cell.write([customer_changed(n) for n in range(1, 101)])
        async with running(settings):
            await cell.write([customer_changed(n) for n in range(101, 201)])
            await cell.mapped(150)
        await cell.write([customer_changed(n) for n in range(201, 301)])
        mapped = await cell.mapped(300)

        async def all_seen() -> bool:
            return {int(number or 0) for number in _numbers(await cell.mapped(len(mapped)))} == set(range(1, 301))

        await eventually(all_seen)


async def test_the_trace_goes_on_in_the_mapped_record(cell: CellLog, settings: TransformerSettings) -> None:
    spans = InMemorySpanExporter()
    provider = configure_tracing("transformer", TelemetrySettings(), exporter=spans)
    event = customer_changed(7)
    source = dict(event.headers)["traceparent"].decode()
    await cell.write([event])

    async with running(settings):
        (mapped,) = await cell.mapped(1)
    flush_tracing(provider, limit_seconds=5)

    passed_on = decode(mapped.headers).traceparent or ""
    assert trace_id_of(passed_on) == trace_id_of(source)
    assert passed_on != source
    (process,) = [span for span in spans.get_finished_spans() if span.name == "process customer-changed"]
    assert process.parent is not None
    assert f"{process.parent.span_id:016x}" == source.split("-")[2]
    assert process.context is not None
    assert f"{process.context.span_id:016x}" == passed_on.split("-")[2]
    (send,) = [span for span in spans.get_finished_spans() if span.name == "send customer-mapped"]
    assert [link.context.span_id for link in send.links] == [process.context.span_id]


async def test_both_flows_come_out_on_their_own_topics_each_invoice_in_its_order(
    cell: CellLog, settings: TransformerSettings
) -> None:
    withdrawn = replace(invoice_envelope(10_001, revision=4), type=EventType.INVOICE_WITHDRAWN)
    body = b'{"batchNumber":88,"invoiceNumber":10001,"because":"taken_back"}'
    invoices = [
        *(invoice_generated(10_000 + n % 10, revision=n // 10 + 1) for n in range(30)),
        invoice_generated(10_000, revision=4, kid="602240"),
        raw_event(withdrawn, body),
    ]
    await cell.write([customer_changed(10_000 + n % 10, revision=n + 1) for n in range(30)])
    await cell.write(invoices, to=TopicName.INVOICE_GENERATED)

    async with running(settings):
        mapped = await cell.mapped(62)

    prefix = settings.kafka.topic_prefix
    by_topic = {topic: [r for r in mapped if r.topic == topic] for topic in {r.topic for r in mapped}}
    assert {topic: len(records) for topic, records in by_topic.items()} == {
        f"{prefix}customer-mapped": 30,
        f"{prefix}invoice-mapped": 32,
    }
    out = by_topic[f"{prefix}invoice-mapped"]
    assert {decode(r.headers).flow for r in out} == {Flow.INVOICES}
    assert sorted(r.key or b"" for r in out) == sorted(event.key or b"" for event in invoices)
    for number in range(10_000, 10_010):
        revisions = [decode(r.headers).version for r in out if decode(r.headers).entity == str(number)]
        assert revisions == sorted(revisions)
    last = {decode(r.headers).entity: r for r in out}
    refused, taken_back, sent = (last[EntityNumber(str(number))] for number in (10_000, 10_001, 10_002))
    assert Unmappable.model_validate_json(refused.value or b"").reason is Reason.INVALID_KID
    assert decode(taken_back.headers).outcome is Outcome.WITHDRAWN
    assert InvoiceWithdrawn.model_validate_json(taken_back.value or b"").batch_number == 88
    assert InvoiceWanted.model_validate_json(sent.value or b"").invoice_number == 10_002


async def test_a_mapped_invoice_says_where_it_came_from_and_goes_on_in_its_trace(
    cell: CellLog, settings: TransformerSettings
) -> None:
    event = invoice_generated(10_472)
    source = decode(event.headers)
    await cell.write([event], to=TopicName.INVOICE_GENERATED)

    async with running(settings):
        (mapped,) = await cell.mapped(1)

    envelope = decode(mapped.headers)
    origin = rf"{re.escape(settings.kafka.topic_prefix)}invoice-generated-\d@0"
    assert re.fullmatch(origin, envelope.mapped_from or "")
    assert trace_id_of(envelope.traceparent) == trace_id_of(source.traceparent)
    assert envelope.traceparent != source.traceparent
    assert (envelope.event_id, envelope.version, envelope.change_no) == (
        source.event_id,
        source.version,
        source.change_no,
    )
    assert (envelope.source_ref, envelope.source_hash) == ("88/10472", source.source_hash)


async def test_it_is_ready_when_it_has_its_partitions_and_alive_all_along(
    cell: CellLog, settings: TransformerSettings
) -> None:
    async with running(settings) as transformer:

        async def ready() -> bool:
            return not any(transformer.health.readiness().values())

        await eventually(ready)
        body = await asyncio.to_thread(_get, f"http://127.0.0.1:{transformer.port}/livez")

        assert json.loads(body)["alive"] is True


async def test_a_missing_topic_stops_the_start_in_one_sentence(
    kafka_settings: KafkaSettings, settings: TransformerSettings
) -> None:
    with pytest.raises(ConfigurationError, match=r"lacks the topics .*customer-changed.*bridge topics apply"):
        async with compose_transformer(settings):
            pass


async def test_an_unreachable_broker_stops_the_start_in_one_sentence(settings: TransformerSettings) -> None:
    nowhere = KafkaSettings(bootstrap_servers="127.0.0.1:1", request_timeout_seconds=1)

    with pytest.raises(ConfigurationError, match=r"127\.0\.0\.1:1 cannot be reached"):
        async with compose_transformer(settings.model_copy(update={"kafka": nowhere})):
            pass


async def test_outcomes_are_in_the_headers(cell: CellLog, settings: TransformerSettings) -> None:
    await cell.write([customer_changed(3), customer_changed(3, name=" ")])

    async with running(settings):
        mapped = await cell.mapped(2)

    assert [decode(record.headers).outcome for record in mapped] == [Outcome.MAPPED, Outcome.UNMAPPABLE]


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return bytes(answer.read())
