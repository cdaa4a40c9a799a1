"""What a record is taken for, from its headers alone."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.contracts.envelope import Envelope, EventType, Outcome
from bridge.contracts.headers import encode
from bridge.contracts.identity import EntityNumber, EventId, Flow, Generation, Revision, SourceId, TenantId, Version
from bridge.contracts.reasons import Reason, Stage
from bridge.publisher.application.acts import resend
from bridge.publisher.application.arrival import Arrival, Incoming, read_record
from bridge.publisher.domain.content import changed_fields, notes, plain
from bridge.publisher.domain.journal import Letter, Note, Origin

TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


def record(changes: dict[str, bytes | None] | None = None, value: bytes = b"{}") -> Incoming:
    """Return a mapped customer's record with some headers changed or left out."""
    envelope = Envelope(
        event_id=EventId("7c1f"),
        type=EventType.CUSTOMER_MAPPED,
        tenant=TenantId("acme"),
        flow=Flow.CUSTOMERS,
        entity=EntityNumber("10042"),
        version=Version(Revision(77)),
        change_no=3,
        source_hash="ab" * 32,
        source_ref=SourceId("9"),
        time=datetime(2026, 11, 25, tzinfo=UTC),
        outcome=Outcome.MAPPED,
        traceparent=TRACE,
    )
    headers = {**dict(encode(envelope)), **(changes or {})}
    kept = tuple((name, text) for name, text in headers.items() if text is not None)
    return Incoming(Origin("customer-mapped", 1, 5, b"acme:10042", kept), value)


def test_a_good_record_is_wanted_content_without_a_look_into_its_body() -> None:
    found = read_record(record(value=b"not even JSON"))

    assert isinstance(found, Arrival)
    assert found.key.entity == "10042"
    assert (found.wanted.version, found.wanted.change_no, found.wanted.traceparent) == (Version(Revision(77)), 3, TRACE)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        pytest.param("ce_entity", b"7" * 12_000, id="an entity no index can hold"),
        pytest.param("ce_entity", b"7\x00", id="an entity with a NUL"),
        pytest.param("ce_tenant", b"Not A Tenant", id="no tenant id"),
        pytest.param("ce_revision", b"9" * 30, id="a revision above bigint"),
        pytest.param("ce_schemaversion", b"9" * 12, id="a schema version above integer"),
        pytest.param("ce_id", b"x" * 9_000, id="an endless id"),
        pytest.param("ce_outcome", None, id="no outcome"),
        pytest.param("ce_type", b"invoice.mapped.v1", id="another flow's event"),
        pytest.param("ce_sourcehash", None, id="no hash"),
    ],
)
def test_what_the_tables_cannot_hold_is_refused_for_that_record_alone(header: str, value: bytes | None) -> None:
    found = read_record(record({header: value}))

    assert isinstance(found, Letter)
    assert (found.reason, found.stage, found.field) == (Reason.EVENT_UNREADABLE, Stage.INGEST, header)
    assert found.entity is None
    assert found.raw == b"{}"


def test_a_newer_schema_waits_as_a_dead_letter_of_its_entity() -> None:
    found = read_record(record({"ce_schemaversion": b"2"}))

    assert isinstance(found, Arrival)
    assert found.wanted.refusal is not None
    assert found.wanted.refusal.reason is Reason.UNKNOWN_SCHEMA
    assert not found.wanted.sendable


def test_an_unmappable_record_without_its_account_says_so() -> None:
    found = read_record(record({"ce_outcome": b"unmappable", "ce_type": b"customer.unmappable.v1"}))

    assert isinstance(found, Arrival)
    assert found.wanted.refusal is not None
    assert found.wanted.refusal.reason is Reason.EVENT_UNREADABLE


def test_a_malformed_trace_is_dropped_and_nothing_else() -> None:
    found = read_record(record({"traceparent": b"nonsense"}))

    assert isinstance(found, Arrival)
    assert found.wanted.traceparent is None


def test_the_same_unreadable_bytes_have_the_same_key_wherever_they_lie() -> None:
    here = read_record(record({"ce_type": None}))
    there = read_record(Incoming(Origin("t", 9, 9, b"acme:10042", record({"ce_type": None}).origin.headers), b"{}"))
    other = read_record(record({"ce_type": None}, value=b"{ }"))

    assert isinstance(here, Letter)
    assert isinstance(there, Letter)
    assert isinstance(other, Letter)
    assert here.dedupe_key == there.dedupe_key != other.dedupe_key


@given(st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=60)), max_size=12), st.binary(max_size=60))
def test_any_headers_at_all_give_an_arrival_or_a_letter(headers: list[tuple[str, bytes]], value: bytes) -> None:
    found = read_record(Incoming(Origin("t", 0, 0, None, tuple(headers)), value))

    assert isinstance(found, Arrival | Letter)


def test_a_resent_record_keeps_key_times_and_source_and_gets_a_new_identity() -> None:
    found = read_record(record({"ce_entity": None}))
    assert isinstance(found, Letter)

    again = resend(found, Generation(12))

    before, after = dict(found.origin.headers), dict(again.headers)
    assert again.key == found.origin.key
    assert {name for name in before if before[name] != after[name]} == {"ce_id", "ce_generation", "traceparent"}
    assert after["ce_generation"] == b"12"


def test_changed_fields_are_named_with_their_path_and_notes_are_no_content() -> None:
    before = b'{"name":"A","invoiceAddress":{"city":"Oslo"},"phone1":null,"notes":[]}'
    after = b'{"name":"A","invoiceAddress":{"city":"Bergen"},"email1":"x@y.no","notes":[{"field":"name"}]}'

    assert changed_fields(before, after) == ("email1", "invoiceAddress.city")
    assert changed_fields(after, after) == ()
    assert changed_fields(None, b'{"name":"A"}') == ("name",)


def test_notes_are_read_and_made_storable() -> None:
    payload = rb'{"notes":[{"field":"name","rule":"cut","was":"a\u0000b\ud800","now":null}]}'

    assert notes(payload) == (Note("name", "cut", "a�b�", None),)
    assert notes(b"no JSON") == ()


@given(st.text(st.characters(codec=None)))
def test_plain_text_is_always_storable(text: str) -> None:
    stored = plain(text)

    assert "\x00" not in stored
    assert stored.encode().decode() == stored
    assert len(stored) == len(text)
