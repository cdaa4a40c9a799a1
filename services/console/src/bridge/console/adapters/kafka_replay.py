"""A topic's records, read without a group and published again at the head.

Owns the form of a record that is sent again: key, value and headers as they were, a new trace that links to the old
one, and where it first was.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Final

from bridge.console.application.replay import Selection, Span
from bridge.contracts.envelope import Envelope
from bridge.contracts.headers import FIRST_PLACE, FIRST_TIME, TRACEPARENT, Header, HeaderError, decode, place
from bridge.contracts.topics import wire_name
from bridge.messaging.producer import BatchProducer
from bridge.messaging.reader import RangeReader
from bridge.messaging.record import Outgoing, Record, TopicPartition, Unsent
from bridge.runtime import semconv
from bridge.runtime.errors import BrokerUnavailableError, ConfigurationError
from bridge.runtime.tracing import SpanKind, start_root_span, traceparent_of

REPLAY_ACT: Final = "bridge_replayact"
_SEND_SECONDS: Final = 30.0


class KafkaReplayLog:
    """See `application.replay.ReplayLog`."""

    def __init__(self, reader: RangeReader, producer: BatchProducer, *, topic_prefix: str) -> None:
        self._reader = reader
        self._producer = producer
        self._prefix = topic_prefix

    async def spans(self, selection: Selection) -> list[Span]:
        """Return the selection as offsets that the log holds now; empty spans are left out."""
        topic = wire_name(selection.topic, self._prefix)
        begins, ends = await self._reader.beginnings(topic), await self._reader.ends(topic)
        starts = await self._reader.at_time(topic, selection.since) if selection.since else begins
        stops = await self._reader.at_time(topic, selection.until) if selection.until else ends
        asked = TopicPartition(topic, selection.partition) if selection.partition is not None else None
        if asked is not None and asked not in ends:
            raise ConfigurationError(f"The topic {topic} has no partition {asked.partition}; it has {len(ends)}.")
        found: list[Span] = []
        for partition in [asked] if asked is not None else sorted(ends):
            start = starts[partition] if selection.from_offset is None else selection.from_offset
            stop = stops[partition] if selection.to_offset is None else selection.to_offset
            span = Span(partition, max(start, begins[partition]), min(stop, ends[partition]))
            if span.start < span.end:
                found.append(span)
        return found

    def read(self, span: Span) -> AsyncIterator[list[Record]]:
        """Yield a span's records in order."""
        return self._reader.read(span.partition, start=span.start, end=span.end)

    async def send_again(self, records: Sequence[Record], *, act_id: int) -> int:
        """Publish the records to their topic's head and return how many the broker refused for themselves."""
        results = await self._producer.send(
            [again(record, act_id) for record in records], deadline_seconds=_SEND_SECONDS
        )
        unsent = [result for result in results if isinstance(result, Unsent)]
        lost = next((result for result in unsent if not result.record_is_guilty), None)
        if lost is not None:
            raise BrokerUnavailableError(f"Kafka did not acknowledge a record ({lost.error}).")
        return len(unsent)


def again(record: Record, act_id: int) -> Outgoing:
    """Return a record as it is sent again; one whose headers cannot be read goes out exactly as it came.

    Its dead letter is found again by the bytes of the headers, so not one of them may change.
    """
    try:
        envelope = decode(record.headers)
    except HeaderError:
        headers = record.headers
    else:
        headers = _with(record.headers, _new_headers(record, envelope, act_id))
    return Outgoing(record.topic, record.key, record.value or b"", headers)


def _new_headers(record: Record, envelope: Envelope, act_id: int) -> dict[str, bytes]:
    known = {name for name, _ in record.headers}
    first = {
        FIRST_PLACE: place(record.topic, record.partition, record.offset),
        FIRST_TIME: datetime.fromtimestamp(record.timestamp_ms / 1000, UTC).isoformat(timespec="milliseconds").encode(),
    }
    new = {name: value for name, value in first.items() if name not in known}
    attributes: dict[str, str | int] = {
        semconv.MESSAGING_SYSTEM: semconv.KAFKA,
        semconv.MESSAGING_DESTINATION_NAME: record.topic,
        semconv.TENANT: envelope.tenant,
        semconv.FLOW: envelope.flow.value,
        semconv.ENTITY: envelope.entity or "",
        semconv.EVENT_ID: envelope.event_id,
        semconv.ACT: act_id,
    }
    links = [envelope.traceparent] if envelope.traceparent else []
    with start_root_span("act replay", kind=SpanKind.PRODUCER, links=links, attributes=attributes) as span:
        return {**new, REPLAY_ACT: str(act_id).encode(), TRACEPARENT: traceparent_of(span).encode()}


def _with(headers: tuple[Header, ...], new: dict[str, bytes]) -> tuple[Header, ...]:
    kept = tuple((name, new.get(name, value)) for name, value in headers)
    names = {name for name, _ in kept}
    return (*kept, *((name, value) for name, value in new.items() if name not in names))
