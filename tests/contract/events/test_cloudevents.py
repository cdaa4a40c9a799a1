"""Our headers, read by the CloudEvents project's own reader: binary mode over Kafka, version 1.0."""

from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event

from bridge.contracts.envelope import Envelope, EventType, Outcome
from bridge.contracts.headers import decode, encode
from bridge.contracts.identity import EntityNumber, Flow, Revision, SourceId, TenantId, Version, event_id

VERSION = Version(Revision(7))
ACME = TenantId("acme")
NUMBER = EntityNumber("10472")


def envelope(kind: EventType, entity: EntityNumber | None = NUMBER) -> Envelope:
    return Envelope(
        event_id=event_id(tenant=ACME, flow=Flow.CUSTOMERS, entity=entity, version=VERSION),
        type=kind,
        tenant=ACME,
        flow=Flow.CUSTOMERS,
        entity=entity,
        version=VERSION,
        change_no=3,
        source_hash="ab12",
        source_ref=SourceId("99"),
        time=datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        outcome=Outcome.MAPPED,
    )


@pytest.mark.parametrize("kind", EventType)
def test_the_independent_reader_understands_every_type(kind: EventType) -> None:
    ours = envelope(kind)

    event = from_binary_event(
        KafkaMessage(headers=dict(encode(ours)), key=b"acme:10472", value=b'{"customerNumber":1}')
    )

    assert event.get_specversion() == "1.0"
    assert event.get_id() == ours.event_id
    assert event.get_type() == kind.value
    assert event.get_source() == "/bridge/acme/customers"
    assert event.get_subject() == "10472"
    assert event.get_time() == ours.time
    assert event.get_datacontenttype() == "application/json"
    assert event.get_data() == {"customerNumber": 1}


def test_our_extensions_are_attributes_of_the_event() -> None:
    event = from_binary_event(
        KafkaMessage(headers=dict(encode(envelope(EventType.CUSTOMER_MAPPED))), key=None, value=b"{}")
    )

    assert event.get_extension("tenant") == "acme"
    assert event.get_extension("revision") == "7"
    assert event.get_extension("changeno") == "3"
    assert event.get_extension("outcome") == "mapped"


def test_every_attribute_name_is_allowed_by_the_specification() -> None:
    names = [name.removeprefix("ce_") for name, _ in encode(envelope(EventType.CUSTOMER_MAPPED)) if name[:3] == "ce_"]

    assert all(name.isascii() and name.isalnum() and name == name.lower() and len(name) <= 20 for name in names)


def test_a_record_about_no_entity_has_neither_subject_nor_entity() -> None:
    nobody = envelope(EventType.CUSTOMER_UNREADABLE, entity=None)

    event = from_binary_event(KafkaMessage(headers=dict(encode(nobody)), key=None, value=b"{}"))

    assert event.get_subject() is None
    assert decode(encode(nobody)).entity is None
