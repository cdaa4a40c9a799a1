"""Headers carry an envelope there and back, and say which header is wrong."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.contracts.envelope import Envelope, EventType, Outcome
from bridge.contracts.headers import MAX_HEADER_BYTES, Header, HeaderError, decode, encode
from bridge.contracts.identity import EntityNumber, EventId, Flow, Generation, Revision, SourceId, TenantId, Version

TEXT = st.text(min_size=1, max_size=200)
MOMENTS = st.integers(0, 2**42).map(lambda ms: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)) | (
    st.integers(0, 10**9).map(
        lambda s: datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=2))) + timedelta(seconds=s)
    )
)
ENVELOPES = st.builds(
    Envelope,
    event_id=st.uuids().map(lambda u: EventId(str(u))),
    type=st.sampled_from(EventType),
    tenant=st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True).map(TenantId),
    flow=st.sampled_from(Flow),
    entity=st.none() | st.integers(1, 10**12).map(lambda n: EntityNumber(str(n))),
    version=st.builds(Version, st.integers(0, 2**62).map(Revision), st.integers(0, 2**62).map(Generation)),
    change_no=st.integers(1, 10**9),
    source_hash=st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    source_ref=st.integers(1, 10**12).map(lambda n: SourceId(str(n))),
    time=MOMENTS,
    source_time=st.none() | MOMENTS,
    schema_version=st.integers(1, 99),
    traceparent=st.none() | st.from_regex(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", fullmatch=True),
    outcome=st.none() | st.sampled_from(Outcome),
    fault_field=st.none() | TEXT,
    fault_detail=st.none() | TEXT,
)


@given(ENVELOPES)
def test_an_envelope_comes_back_as_it_was(envelope: Envelope) -> None:
    assert decode(encode(envelope)) == envelope


@given(ENVELOPES, st.lists(st.tuples(TEXT.map(lambda t: f"x-{t}"), st.binary(max_size=20)), max_size=5))
def test_unknown_headers_are_ignored(envelope: Envelope, others: list[Header]) -> None:
    assert decode([*others, *encode(envelope), *others]) == envelope


@given(
    ENVELOPES, st.sampled_from(["ce_id", "ce_type", "ce_tenant", "ce_flow", "ce_revision", "ce_changeno", "ce_time"])
)
def test_a_missing_header_is_named(envelope: Envelope, missing: str) -> None:
    headers = [(name, value) for name, value in encode(envelope) if name != missing]

    with pytest.raises(HeaderError) as caught:
        decode(headers)

    assert caught.value.header == missing


@given(
    ENVELOPES,
    st.sampled_from(
        ["ce_type", "ce_flow", "ce_revision", "ce_generation", "ce_changeno", "ce_time", "ce_schemaversion"]
    ),
    st.sampled_from(
        [
            *[b"\xff\xfe", b"-1", b"1.5", "１".encode(), b"2026-11-25T10:00:00", b"nonsense"],
            *[b"9" * 5000, b"0001-01-01T00:00:00+01:00", b"9999-12-31T23:59:59-01:00"],
        ]
    ),
)
def test_a_header_that_does_not_parse_is_named(envelope: Envelope, broken: str, value: bytes) -> None:
    headers = [(name, value if name == broken else was) for name, was in encode(envelope)]

    with pytest.raises(HeaderError) as caught:
        decode(headers)

    assert caught.value.header == broken


@given(st.text(min_size=400, max_size=3000))
def test_long_free_text_is_cut_and_still_reads(detail: str) -> None:
    headers = dict(encode(envelope_with(detail)))

    assert len(headers["ce_faultdetail"]) <= MAX_HEADER_BYTES
    cut = decode(headers.items()).fault_detail or ""
    assert detail.startswith((cut, cut[:-1]))


def envelope_with(detail: str) -> Envelope:
    return Envelope(
        event_id=EventId("e"),
        type=EventType.CUSTOMER_UNREADABLE,
        tenant=TenantId("acme"),
        flow=Flow.CUSTOMERS,
        entity=None,
        version=Version(Revision(1)),
        change_no=1,
        source_hash="00",
        source_ref=SourceId("1"),
        time=datetime(2026, 3, 2, tzinfo=UTC),
        fault_detail=detail,
    )


def test_headers_of_a_stranger_make_a_header_error_and_nothing_else() -> None:
    with pytest.raises(HeaderError):
        decode([("kafka_internal", b"\x00\x01")])
