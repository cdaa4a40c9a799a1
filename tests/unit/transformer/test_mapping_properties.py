"""What holds for every customer and every record, found by search rather than by example."""

import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.contracts.events.customer import CustomerSnapshot, CustomerWanted, PostalAddress
from bridge.contracts.headers import decode, encode
from bridge.testkit.customer_events import customer_changed
from bridge.transformer.application.map_batch import map_batch
from bridge.transformer.application.record import SourceRecord
from bridge.transformer.application.route import CUSTOMERS
from bridge.transformer.domain.mapping.customer import map_customer
from bridge.transformer.domain.rules import cut_at_grapheme

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
OPTIONAL = st.none() | TEXT
CODE = st.none() | st.sampled_from(["NOK", "EUR", "nok", "", "NO", "SJ", "Norge"]) | TEXT
DUE_TYPES = st.none() | st.sampled_from(["DAYS", "MONTHS", "RECURRING_DAY_OF_MONTH", "WEEKS", ""])


def _postal_address(**fields: str | None) -> PostalAddress:
    return PostalAddress.model_validate(fields)


def _snapshot(**fields: object) -> CustomerSnapshot:
    return CustomerSnapshot.model_validate(fields)


ADDRESSES = st.builds(
    _postal_address,
    address_line1=OPTIONAL,
    address_line2=OPTIONAL,
    postal_code=OPTIONAL,
    city=OPTIONAL,
    country_code=CODE,
)
SNAPSHOTS = st.builds(
    _snapshot,
    customer_number=st.integers(1, 2**31),
    name=OPTIONAL,
    is_inactive=st.booleans(),
    organization_number=OPTIONAL,
    currency_code=CODE,
    invoices_due_in=st.none() | st.integers(-5, 10_000),
    invoices_due_in_type=DUE_TYPES,
    postal_address=st.none() | ADDRESSES,
    phone_number=OPTIONAL,
    phone_number_mobile=OPTIONAL,
    email=OPTIONAL,
    invoice_email=OPTIONAL,
    website=OPTIONAL,
)
HEADERS = st.lists(st.tuples(st.sampled_from(
    ["ce_type", "ce_id", "ce_tenant", "ce_entity", "ce_revision", "ce_generation", "ce_changeno", "ce_time", "x"]
), st.binary(max_size=40)), max_size=6)  # fmt: skip
RECORDS = st.builds(
    SourceRecord,
    route=st.just(CUSTOMERS),
    topic=st.just("customer-changed"),
    partition=st.integers(0, 11),
    offset=st.integers(0, 2**40),
    timestamp_ms=st.integers(-1, 2**42),
    key=st.none() | st.binary(max_size=60),
    value=st.none() | st.binary(max_size=200) | SNAPSHOTS.map(lambda s: s.model_dump_json(by_alias=True).encode()),
    headers=HEADERS.map(tuple) | HEADERS.map(lambda some: customer_changed().headers + tuple(some)),
)


def _digits(text: str | None) -> str:
    return re.sub(r"\D", "", text or "")


def _again(wanted: CustomerWanted) -> CustomerSnapshot:
    """Return what the source would hold if it held what the target shall hold."""
    address = wanted.invoice_address
    return CustomerSnapshot(
        customer_number=wanted.customer_number,
        name=wanted.name,
        is_inactive=not wanted.active,
        organization_number=wanted.organization_number,
        currency_code=wanted.currency,
        invoices_due_in=wanted.payment_term_days,
        postal_address=None
        if address is None
        else PostalAddress(
            address_line1=address.line1,
            address_line2=address.line2,
            postal_code=address.postal_code,
            city=address.city,
            country_code=address.country,
        ),
        phone_number=wanted.phone1,
        email=wanted.email1,
        website=wanted.website,
    )


@given(SNAPSHOTS)
def test_every_mapped_customer_keeps_the_limits_of_the_target(snapshot: CustomerSnapshot) -> None:
    wanted = map_customer(snapshot)

    if isinstance(wanted, CustomerWanted):
        assert CustomerWanted.model_validate_json(wanted.model_dump_json(by_alias=True)) == wanted


@given(SNAPSHOTS)
def test_mapping_what_was_mapped_changes_nothing_and_notes_nothing(snapshot: CustomerSnapshot) -> None:
    wanted = map_customer(snapshot)

    if isinstance(wanted, CustomerWanted):
        assert map_customer(_again(wanted)) == wanted.model_copy(update={"notes": ()})


@given(SNAPSHOTS)
def test_a_text_arrives_with_all_its_digits_or_leaves_a_note(snapshot: CustomerSnapshot) -> None:
    wanted = map_customer(snapshot)

    if isinstance(wanted, CustomerWanted):
        noted = {note.field for note in wanted.notes}
        postal = snapshot.postal_address or PostalAddress()
        address = wanted.invoice_address
        for field, given_text, arrived in (
            ("organizationNumber", snapshot.organization_number, wanted.organization_number),
            ("name", snapshot.name, wanted.name),
            ("website", snapshot.website, wanted.website),
            ("postalAddress.postalCode", postal.postal_code, address.postal_code if address else None),
            ("postalAddress.city", postal.city, address.city if address else None),
        ):
            assert field in noted or _digits(arrived) == _digits(given_text)


@given(TEXT, st.integers(1, 200))
def test_a_cut_is_a_start_of_the_text_within_the_limit_and_never_empty(text: str, limit: int) -> None:
    cut = cut_at_grapheme(text, limit)

    assert text.startswith(cut)
    assert len(cut) <= limit
    assert bool(cut) == bool(text)


@settings(max_examples=300)
@given(st.lists(RECORDS, max_size=4))
def test_each_record_becomes_exactly_one_under_the_same_key(records: list[SourceRecord]) -> None:
    mapped = map_batch(records)

    assert [one.key for one in mapped] == [one.key for one in records]


@settings(max_examples=300)
@given(RECORDS)
def test_every_outgoing_envelope_can_be_read_by_the_next_service(record: SourceRecord) -> None:
    envelope = map_batch([record])[0].envelope

    read = decode(encode(envelope))

    assert replace(read, fault_detail=None, traceparent=None) == replace(envelope, fault_detail=None, traceparent=None)
    assert read.outcome is not None
