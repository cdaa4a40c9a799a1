"""Invoices take the road of the customers: one record in, one out, whatever the record holds."""

import json
import unicodedata
from dataclasses import replace

import pytest

from bridge.contracts.envelope import Envelope, EventType, Outcome
from bridge.contracts.events.invoice import InvoiceSnapshot, InvoiceWanted, InvoiceWithdrawn
from bridge.contracts.events.unmappable import Unmappable
from bridge.contracts.headers import decode, encode
from bridge.contracts.identity import Flow
from bridge.contracts.reasons import Reason
from bridge.contracts.topics import MAX_EVENT_BYTES
from bridge.testkit.customer_events import customer_changed, raw_event
from bridge.testkit.invoice_events import invoice_body, invoice_envelope, invoice_line
from bridge.transformer.application.contents import CONTENTS
from bridge.transformer.application.map_batch import map_batch, map_record
from bridge.transformer.application.record import MappedRecord, SourceRecord
from bridge.transformer.application.route import INVOICES, ROUTES
from bridge.transformer.domain.mapping.invoice import map_invoice
from bridge.transformer.domain.unmapped import Unmapped

BROKER_LIMIT = 1024 * 1024
ENVELOPE = invoice_envelope()


def source_record(body: object, *, envelope: Envelope = ENVELOPE) -> SourceRecord:
    event = raw_event(envelope, json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())
    return SourceRecord(INVOICES, "cell.invoice-generated", 4, 1234, 0, event.key, event.value, event.headers)


def _letter(mapped: MappedRecord) -> Unmappable:
    assert (mapped.envelope.outcome, mapped.envelope.type) == (Outcome.UNMAPPABLE, EventType.INVOICE_UNMAPPABLE)
    return Unmappable.model_validate_json(mapped.value)


def test_every_flow_that_is_routed_has_its_content() -> None:
    assert {route.flow for route in ROUTES} == set(CONTENTS) == set(Flow)


@pytest.mark.parametrize("flow", Flow)
def test_the_sample_of_each_flow_maps(flow: Flow) -> None:
    content = CONTENTS[flow]

    assert str(content.number(content.to_wanted(content.sample))) == "1"


def test_a_mapped_invoice_keeps_identity_order_lineage_and_key() -> None:
    record = source_record(invoice_body())

    mapped = map_record(record)

    assert mapped.key == record.key
    assert mapped.envelope == replace(ENVELOPE, type=EventType.INVOICE_MAPPED, outcome=Outcome.MAPPED)
    assert decode(encode(mapped.envelope)) == mapped.envelope
    assert InvoiceWanted.model_validate_json(mapped.value).invoice_number == 10472


def test_an_invoice_that_is_taken_back_passes_with_its_body_as_it_was() -> None:
    body = {"batchNumber": 88, "invoiceNumber": 10472, "because": "taken_back"}

    mapped = map_record(source_record(body, envelope=replace(ENVELOPE, type=EventType.INVOICE_WITHDRAWN)))

    assert (mapped.envelope.type, mapped.envelope.outcome) == (EventType.INVOICE_WITHDRAWN, Outcome.WITHDRAWN)
    assert InvoiceWithdrawn.model_validate_json(mapped.value) == InvoiceWithdrawn.model_validate(body)


def test_a_row_the_poller_could_not_read_keeps_the_pollers_words_and_its_batch() -> None:
    envelope = replace(
        ENVELOPE,
        type=EventType.INVOICE_UNREADABLE,
        fault_reason=Reason.SOURCE_ROW_UNREADABLE,
        fault_field="lines[0].unitPrice",
        fault_detail="a decimal number as text is expected",
    )

    mapped = map_record(source_record({"invoiceNumber": 10472}, envelope=envelope))

    letter = _letter(mapped)
    assert (letter.reason, letter.field) == (Reason.SOURCE_ROW_UNREADABLE, "lines[0].unitPrice")
    assert letter.detail == "a decimal number as text is expected"
    assert (mapped.envelope.entity, mapped.envelope.source_ref) == ("10472", "88/10472")


def test_a_refused_invoice_is_a_letter_with_reason_field_and_the_record_whole() -> None:
    record = source_record(invoice_body(kid="602240"))

    mapped = map_record(record)

    letter = _letter(mapped)
    assert (letter.reason, letter.field, letter.raw) == (Reason.INVALID_KID, "kid", record.value)
    assert (mapped.envelope.fault_reason, mapped.envelope.fault_field) == (Reason.INVALID_KID, "kid")
    assert mapped.envelope.fault_detail == letter.detail
    assert (mapped.envelope.entity, mapped.envelope.version) == (ENVELOPE.entity, ENVELOPE.version)


def test_a_body_about_another_invoice_than_the_headers_is_refused() -> None:
    letter = _letter(map_record(source_record(invoice_body(10473))))

    assert (letter.reason, letter.field) == (Reason.EVENT_UNREADABLE, "invoiceNumber")


def test_a_customer_on_the_topic_of_invoices_is_refused_under_the_flow_of_the_topic() -> None:
    event = customer_changed(10472)
    record = SourceRecord(INVOICES, "cell.invoice-generated", 4, 1, 0, event.key, event.value, event.headers)

    mapped = map_record(record)

    assert _letter(mapped).reason is Reason.EVENT_UNREADABLE
    assert mapped.envelope.flow is Flow.INVOICES


def test_one_guilty_invoice_is_unexpected_and_its_neighbours_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails_on_one(snapshot: InvoiceSnapshot) -> InvoiceWanted | Unmapped:
        if snapshot.order_number == "guilty":
            raise ZeroDivisionError("a value nobody should see")
        return map_invoice(snapshot)

    monkeypatch.setitem(CONTENTS, Flow.INVOICES, replace(CONTENTS[Flow.INVOICES], to_wanted=fails_on_one))

    before, middle, after = map_batch(
        [source_record(invoice_body(orderNumber=order)) for order in ("1", "guilty", "2")]
    )

    assert before.envelope.outcome is after.envelope.outcome is Outcome.MAPPED
    assert _letter(middle).reason is Reason.UNEXPECTED


@pytest.mark.parametrize("text", ["\U0001d160" * 120, unicodedata.normalize("NFD", "å" * 120), "\ufa6c" * 120])
def test_the_largest_invoice_in_any_normal_form_still_fits_into_one_record(text: str) -> None:
    line = invoice_line(description=text)
    many = MAX_EVENT_BYTES // (len(json.dumps(line, ensure_ascii=False).encode()) + 1) - 1

    mapped = map_record(source_record(invoice_body(lines=[line] * many)))

    assert mapped.envelope.outcome is Outcome.MAPPED
    assert len(mapped.value) < BROKER_LIMIT - 64 * 1024


def test_k16_an_invoice_above_the_one_limit_is_a_letter_with_size_and_limit() -> None:
    record = source_record(invoice_body(lines=[invoice_line(description="x" * 255)] * 9000))

    letter = _letter(map_record(record))

    assert letter.reason is Reason.EVENT_TOO_LARGE
    assert str(len(record.value or b"")) in letter.detail
    assert str(MAX_EVENT_BYTES) in letter.detail
