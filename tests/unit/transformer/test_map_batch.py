"""One record in, one record out, whatever the record holds."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from bridge.contracts.envelope import Envelope, EventType, Outcome
from bridge.contracts.events.customer import CustomerSnapshot, CustomerWanted, CustomerWithdrawn
from bridge.contracts.events.unmappable import Unmappable
from bridge.contracts.headers import decode, encode
from bridge.contracts.identity import Flow
from bridge.contracts.reasons import Reason
from bridge.contracts.topics import MAX_EVENT_BYTES
from bridge.testkit.customer_events import customer_envelope, raw_event, with_headers
from bridge.transformer.application.contents import CONTENTS
from bridge.transformer.application.map_batch import map_batch, map_record
from bridge.transformer.application.record import MappedRecord, SourceRecord
from bridge.transformer.application.route import CUSTOMERS
from bridge.transformer.application.salvage import NO_TENANT
from bridge.transformer.domain.mapping.customer import map_customer
from bridge.transformer.domain.unmapped import Unmapped

BROKER_LIMIT = 1024 * 1024
ENVELOPE = customer_envelope()
BODY = b'{"customerNumber":20417,"name":"Nordlys Verksted AS","isInactive":false,"currencyCode":"NOK"}'


def source_record(
    *,
    envelope: Envelope = ENVELOPE,
    body: bytes | None = BODY,
    headers: Mapping[str, bytes | None] | None = None,
) -> SourceRecord:
    event = with_headers(raw_event(envelope, body), headers or {})
    return SourceRecord(
        route=CUSTOMERS,
        topic="cell.customer-changed",
        partition=4,
        offset=1234,
        timestamp_ms=1_795_000_000_000,
        key=event.key,
        value=event.value,
        headers=event.headers,
    )


def _letter(mapped: MappedRecord) -> Unmappable:
    assert mapped.envelope.outcome is Outcome.UNMAPPABLE
    assert mapped.envelope.type is EventType.CUSTOMER_UNMAPPABLE
    return Unmappable.model_validate_json(mapped.value)


def test_a_mapped_record_keeps_identity_order_lineage_and_key() -> None:
    record = source_record()

    mapped = map_record(record)

    assert mapped.key == record.key
    assert mapped.envelope == replace(ENVELOPE, type=EventType.CUSTOMER_MAPPED, outcome=Outcome.MAPPED)
    assert CustomerWanted.model_validate_json(mapped.value).name == "Nordlys Verksted AS"


def test_the_outgoing_headers_read_back_as_the_same_envelope() -> None:
    mapped = map_record(source_record())

    assert decode(encode(mapped.envelope)) == mapped.envelope


def test_a_withdrawal_passes_with_its_body_as_it_was() -> None:
    body = b'{"customerNumber":20417,"because":"renumbered"}'
    record = source_record(envelope=replace(ENVELOPE, type=EventType.CUSTOMER_WITHDRAWN), body=body)

    mapped = map_record(record)

    assert (mapped.envelope.type, mapped.envelope.outcome) == (EventType.CUSTOMER_WITHDRAWN, Outcome.WITHDRAWN)
    assert CustomerWithdrawn.model_validate_json(mapped.value) == CustomerWithdrawn.model_validate_json(body)


def test_a_letter_holds_the_record_whole_and_says_where_it_lies() -> None:
    record = source_record(body=b'{"customerNumber":20417,"isInactive":false}')

    letter = _letter(map_record(record))

    assert (letter.reason, letter.field) == (Reason.NAME_MISSING, "name")
    assert (letter.raw, letter.raw_key, letter.headers) == (record.value, record.key, record.headers)
    assert (letter.origin_topic, letter.origin_partition, letter.origin_offset) == ("cell.customer-changed", 4, 1234)


def test_an_unmappable_record_keeps_identity_and_source_time() -> None:
    mapped = map_record(source_record(body=b'{"customerNumber":20417,"isInactive":false}'))

    assert replace(
        mapped.envelope, type=ENVELOPE.type, outcome=None, fault_reason=None, fault_field=None, fault_detail=None
    ) == ENVELOPE  # fmt: skip
    assert (mapped.envelope.fault_reason, mapped.envelope.fault_field) == (Reason.NAME_MISSING, "name")


@pytest.mark.parametrize("reason", [None, Reason.NUMBER_HELD_BY_ANOTHER])
def test_a_row_the_poller_could_not_read_keeps_the_pollers_reason(reason: Reason | None) -> None:
    envelope = replace(
        ENVELOPE,
        entity=None,
        type=EventType.CUSTOMER_UNREADABLE,
        fault_reason=reason,
        fault_field="customerNumber",
        fault_detail="customerNumber is null",
    )

    mapped = map_record(source_record(envelope=envelope, body=b'{"id": 1}'))

    letter = _letter(mapped)
    assert letter.reason is (reason or Reason.SOURCE_ROW_UNREADABLE)
    assert (letter.field, letter.detail) == ("customerNumber", "customerNumber is null")
    assert mapped.envelope.entity is None


@pytest.mark.parametrize(
    ("record", "reason", "field"),
    [
        (source_record(body=None), Reason.EVENT_UNREADABLE, None),
        (source_record(body=b"\xff\xfe"), Reason.EVENT_UNREADABLE, None),
        (source_record(body=b"[]"), Reason.EVENT_UNREADABLE, None),
        (source_record(body=BODY.replace(b"false", b'"no"')), Reason.EVENT_UNREADABLE, "isInactive"),
        (source_record(body=BODY.replace(b'"name"', b'"nome"')), Reason.EVENT_UNREADABLE, "nome"),
        (source_record(body=BODY.replace(b"20417", b"20418")), Reason.EVENT_UNREADABLE, "customerNumber"),
        (source_record(body=b"[" * 100_000), Reason.EVENT_UNREADABLE, None),
        (source_record(body=b" " * (MAX_EVENT_BYTES + 1)), Reason.EVENT_TOO_LARGE, None),
        (source_record(headers={"ce_schemaversion": b"2"}), Reason.UNKNOWN_SCHEMA, "ce_schemaversion"),
        (source_record(headers={"ce_type": b"customer.changed.v9"}), Reason.UNKNOWN_SCHEMA, "ce_type"),
        (source_record(headers={"ce_type": b"invoice.generated.v1"}), Reason.EVENT_UNREADABLE, "ce_type"),
        (source_record(headers={"ce_flow": b"invoices"}), Reason.EVENT_UNREADABLE, "ce_type"),
        (source_record(headers={"ce_sourcehash": None}), Reason.EVENT_UNREADABLE, "ce_sourcehash"),
    ],
    ids=[
        "no body",
        "not UTF-8",
        "a list",
        "a wrong type",
        "an unknown field",
        "another customer",
        "deeply nested",
        "too large",
        "schema version",
        "unknown type",
        "another flow's type",
        "another flow",
        "a header is missing",
    ],
)
def test_a_record_that_cannot_be_read_becomes_a_letter_about_its_entity(
    record: SourceRecord, reason: Reason, field: str | None
) -> None:
    mapped = map_record(record)

    letter = _letter(mapped)
    assert (letter.reason, letter.field) == (reason, field)
    assert mapped.key == record.key
    assert (mapped.envelope.tenant, mapped.envelope.flow) == (ENVELOPE.tenant, Flow.CUSTOMERS)
    assert (mapped.envelope.entity, mapped.envelope.version) == (ENVELOPE.entity, ENVELOPE.version)
    assert decode(encode(mapped.envelope)) == mapped.envelope


@pytest.mark.parametrize(
    "record",
    [
        source_record(headers={"ce_revision": None}),
        source_record(headers={"ce_entity": None}),
        source_record(headers={"ce_changeno": None}),
        source_record(headers={"ce_revision": b"9" * 6000}),
        source_record(headers={"ce_revision": str(2**63).encode()}),
        source_record(headers={"ce_generation": b"-1"}),
        source_record(headers={"ce_entity": b"007"}),
        source_record(headers={"ce_entity": b"\xff\x00"}),
        source_record(headers={"ce_tenant": b"Not A Tenant"}),
        source_record(headers={"ce_tenant": None}),
    ],
    ids=["no revision", "no entity", "no change number", "thousands of digits", "too large", "negative", "padded",
         "bytes", "bad tenant", "no tenant"],
)  # fmt: skip
def test_a_change_without_a_readable_place_is_a_letter_about_no_entity(record: SourceRecord) -> None:
    mapped = map_record(record) if b"9" * 6000 not in dict(record.headers).values() else map_batch([record])[0]

    assert _letter(mapped).raw == record.value
    assert mapped.envelope.entity is None
    assert decode(encode(mapped.envelope)) == mapped.envelope


@pytest.mark.parametrize(
    "record", [source_record(headers={"ce_tenant": None}), source_record(headers={"ce_tenant": b"A/B"})]
)
def test_a_record_without_a_tenant_belongs_to_no_tenant_that_can_exist(record: SourceRecord) -> None:
    assert map_record(record).envelope.tenant == NO_TENANT


def test_a_record_without_headers_gets_the_same_event_id_each_time_it_is_read() -> None:
    record = replace(source_record(), headers=())

    first, again, other = map_record(record), map_record(record), map_record(replace(record, offset=1235))

    assert first == again
    assert first.envelope.event_id != other.envelope.event_id


def test_a_letter_about_the_largest_record_still_fits_into_one_record() -> None:
    record = source_record(body=b"x" * (BROKER_LIMIT - 1), headers={f"x-{n}": b"y" * 60_000 for n in range(10)})

    mapped = map_record(record)

    assert _letter(mapped).reason is Reason.EVENT_TOO_LARGE
    assert len(mapped.value) < BROKER_LIMIT - 64 * 1024


def test_a_message_about_a_bad_body_does_not_repeat_the_body() -> None:
    letter = _letter(map_record(source_record(body=BODY.replace(b"false", b'"hush-hush"'))))

    assert "hush" not in letter.detail


def test_one_guilty_record_is_unexpected_and_its_neighbours_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails_on_one(snapshot: CustomerSnapshot) -> CustomerWanted | Unmapped:
        if snapshot.name == "Guilty AS":
            raise ZeroDivisionError("a value nobody should see")
        return map_customer(snapshot)

    monkeypatch.setitem(CONTENTS, Flow.CUSTOMERS, replace(CONTENTS[Flow.CUSTOMERS], to_wanted=fails_on_one))
    guilty = source_record(body=BODY.replace(b"Nordlys Verksted AS", b"Guilty AS"))

    before, middle, after = map_batch([source_record(), guilty, source_record()])

    assert before.envelope.outcome is after.envelope.outcome is Outcome.MAPPED
    letter = _letter(middle)
    assert letter.reason is Reason.UNEXPECTED
    assert letter.detail == "ZeroDivisionError while mapping."
    assert middle.envelope.entity == ENVELOPE.entity


def test_a_mapping_that_fails_on_known_good_content_blames_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: CustomerSnapshot) -> CustomerWanted:
        raise ZeroDivisionError

    monkeypatch.setitem(CONTENTS, Flow.CUSTOMERS, replace(CONTENTS[Flow.CUSTOMERS], to_wanted=broken))

    with pytest.raises(ZeroDivisionError):
        map_batch([source_record()])


@pytest.mark.parametrize("body", [BODY, b"no json"], ids=["mapped", "unmappable"])
def test_each_output_says_where_its_input_lay(body: bytes) -> None:
    (mapped,) = map_batch([source_record(body=body)])

    assert decode(encode(mapped.envelope)).mapped_from == "cell.customer-changed-4@1234"
