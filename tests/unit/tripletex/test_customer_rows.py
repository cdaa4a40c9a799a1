"""Rows of `GET /customer`: what is read, what is absent, what breaks the contract, and what counts as a change."""

import copy
import json
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.tripletex.customer import FIELDS, CustomerRow, UnreadableRow, parse_customer, raw_hash, source_hash
from bridge.tripletex.text import UnstorableTextError, normalise

_ROW: dict[str, object] = {
    "id": 7001,
    "version": 3,
    "name": "Fjordfisk AS",
    "customerNumber": 10500,
    "organizationNumber": "923456781",
    "isInactive": False,
    "phoneNumber": "55 12 34 56",
    "phoneNumberMobile": "",
    "email": "post@fjordfisk.example",
    "invoiceEmail": "",
    "website": "",
    "invoicesDueIn": 30,
    "invoicesDueInType": "DAYS",
    "currency": {"code": "NOK"},
    "postalAddress": {
        "addressLine1": "Strandgaten 4",
        "addressLine2": "",
        "postalCode": "0150",
        "city": "OSLO",
        "country": {"isoAlpha2Code": "NO"},
    },
    "changes": [
        {"employeeId": 1, "timestamp": "2026-03-01T10:00:00+01:00", "changeType": "CREATE"},
        {"employeeId": 1, "timestamp": "2026-07-01T10:00:00+02:00", "changeType": "UPDATE"},
    ],
}


def _row(**changes: object) -> dict[str, object]:
    return {**copy.deepcopy(_ROW), **changes}


def _address(**changes: object) -> dict[str, object]:
    address = _ROW["postalAddress"]
    assert isinstance(address, dict)
    return _row(postalAddress={**address, **changes})


def _read(raw: object) -> CustomerRow:
    row = parse_customer(raw)
    assert isinstance(row, CustomerRow), row
    return row


def _hash(raw: object) -> str:
    snapshot = _read(raw).snapshot
    assert snapshot is not None
    return source_hash(snapshot)


def test_a_whole_row_is_read() -> None:
    row = _read(_ROW)

    assert (row.id, row.version, row.customer_number) == ("7001", 3, 10500)
    assert row.newest_change == datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
    assert row.snapshot is not None
    assert row.snapshot.model_dump(by_alias=True, exclude_none=True) == {
        "customerNumber": 10500,
        "name": "Fjordfisk AS",
        "isInactive": False,
        "organizationNumber": "923456781",
        "currencyCode": "NOK",
        "invoicesDueIn": 30,
        "invoicesDueInType": "DAYS",
        "postalAddress": {
            "addressLine1": "Strandgaten 4",
            "postalCode": "0150",
            "city": "OSLO",
            "countryCode": "NO",
        },
        "phoneNumber": "55 12 34 56",
        "email": "post@fjordfisk.example",
    }


_OPTIONAL = [
    "name",
    "organizationNumber",
    "phoneNumber",
    "phoneNumberMobile",
    "email",
    "invoiceEmail",
    "website",
    "invoicesDueIn",
    "invoicesDueInType",
    "currency",
    "postalAddress",
    "changes",
]


@pytest.mark.parametrize("name", _OPTIONAL)
def test_null_and_missing_are_the_same_for_every_optional_field(name: str) -> None:
    missing = _row()
    del missing[name]

    assert _hash(_row(**{name: None})) == _hash(missing)


@pytest.mark.parametrize("name", [n for n in _OPTIONAL if n not in ("changes", "invoicesDueIn")])
def test_an_empty_text_is_the_same_as_null(name: str) -> None:
    assert _hash(_row(**{name: ""})) == _hash(_row(**{name: None}))


def test_a_row_of_nulls_still_has_its_number() -> None:
    row = _read(_row(**dict.fromkeys(_OPTIONAL)))

    assert row.snapshot is not None
    assert row.snapshot.model_dump(exclude_none=True) == {"customer_number": 10500, "is_inactive": False}


def test_a_name_of_null_is_read_since_the_mapping_refuses_it_with_a_remedy() -> None:
    assert _read(_row(name=None)).snapshot is not None


@pytest.mark.parametrize("number", [0, 0.0], ids=["zero", "float"])
def test_a_party_without_a_customer_number_is_a_row_without_content(number: object) -> None:
    row = _read(_row(customerNumber=number, isInactive="maybe"))

    assert (row.id, row.customer_number, row.snapshot) == ("7001", None, None)


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        pytest.param(_row(isInactive="maybe"), "isInactive", id="flag-as-text"),
        pytest.param(_row(isInactive=None), "isInactive", id="flag-missing"),
        pytest.param(_row(isInactive=0), "isInactive", id="flag-as-number"),
        pytest.param(_row(customerNumber=None), "customerNumber", id="number-null"),
        pytest.param(_row(customerNumber=""), "customerNumber", id="number-empty"),
        pytest.param(_row(customerNumber="abc"), "customerNumber", id="number-as-letters"),
        pytest.param(_row(customerNumber="10500"), "customerNumber", id="number-as-text"),
        pytest.param(_row(customerNumber=True), "customerNumber", id="number-as-flag"),
        pytest.param(_row(customerNumber=10500.5), "customerNumber", id="number-with-fraction"),
        pytest.param(_row(customerNumber=-1), "customerNumber", id="number-negative"),
        pytest.param(_row(customerNumber=2**70), "customerNumber", id="number-too-long"),
        pytest.param(_row(customerNumber=float("inf")), "customerNumber", id="number-infinite"),
        pytest.param(_row(id=None), "id", id="id-missing"),
        pytest.param(_row(version=None), "version", id="version-missing"),
        pytest.param(_row(invoicesDueIn="14"), "invoicesDueIn", id="days-as-text"),
        pytest.param(_row(invoicesDueIn=False), "invoicesDueIn", id="days-as-flag"),
        pytest.param(_row(name=7), "name", id="name-as-number"),
        pytest.param(_row(name="a\x00b"), "name", id="name-with-nul"),
        pytest.param(_row(email="\ud83d"), "email", id="half-a-surrogate"),
        pytest.param(_row(currency="NOK"), "currency", id="currency-as-text"),
        pytest.param(_row(currency={"code": 578}), "currency.code", id="code-as-number"),
        pytest.param(_row(postalAddress=[]), "postalAddress", id="address-as-list"),
        pytest.param(_address(postalCode=150), "postalAddress.postalCode", id="postcode-as-number"),
        pytest.param(_address(country="NO"), "postalAddress.country", id="country-as-text"),
        pytest.param(_row(changes="none"), "changes", id="changes-as-text"),
        pytest.param(_row(changes=[{"timestamp": "yesterday"}]), "changes.timestamp", id="no-timestamp"),
        pytest.param(_row(changes=[{"timestamp": "2026-03-01T10:00:00"}]), "changes.timestamp", id="no-zone"),
        pytest.param(_row(changes=[None]), "changes.timestamp", id="change-null"),
        pytest.param(_row(changes=[{"timestamp": "0001-01-01T00:00:00+01:00"}]), "changes.timestamp", id="day-one"),
        pytest.param(_row(changes=[{"timestamp": "9999-12-31T23:59:59-01:00"}]), "changes.timestamp", id="last-day"),
    ],
)
def test_a_row_that_breaks_the_contract_names_the_field_and_keeps_the_rest(raw: object, field: str) -> None:
    row = parse_customer(raw)

    assert isinstance(row, UnreadableRow)
    assert row.field == field
    assert row.detail
    assert row.raw.isascii()
    assert row.id == (None if field == "id" else "7001")
    assert row.customer_number == (None if field == "customerNumber" else 10500)


@pytest.mark.parametrize("raw", [None, 7, "text", [], True], ids=str)
def test_an_element_that_is_no_object_is_unreadable(raw: object) -> None:
    row = parse_customer(raw)

    assert isinstance(row, UnreadableRow)
    assert json.loads(row.raw) == raw


def test_the_raw_row_travels_whole() -> None:
    row = parse_customer(_row(isInactive="maybe", futureField={"a": [1, 2]}))

    assert isinstance(row, UnreadableRow)
    assert json.loads(row.raw) == _row(isInactive="maybe", futureField={"a": [1, 2]})


def test_an_unreadable_row_shows_at_most_a_little_of_the_value_and_nothing_of_the_row() -> None:
    row = parse_customer(_row(customerNumber="x" * 5000, email="person@example.invalid"))

    assert isinstance(row, UnreadableRow)
    assert len(row.detail) < 150
    assert "person@" not in repr(row)


_SAME = {
    "keys-in-another-order": dict(reversed(_ROW.items())),
    "currency-with-id-and-url": _row(currency={"id": 1, "url": "tripletex.no/v2/currency/1", "code": "NOK"}),
    "whole-number-float": _row(invoicesDueIn=30.0, customerNumber=10500.0),
    "line-2-null": _address(addressLine2=None),
    "unknown-fields": _row(contractReference="", internal={"x": 1}),
    "outer-blanks": _row(name=" \tFjordfisk AS\u00a0\n"),
    "byte-order-mark": _row(name="\ufeffFjordfisk AS"),
    "version-and-changes": _row(version=4, changes=[]),
}
_OTHER = {
    "days-zero": _row(invoicesDueIn=0),
    "days-null": _row(invoicesDueIn=None),
    "inactive": _row(isInactive=True),
    "number": _row(customerNumber=10501),
    "inner-blank": _row(name="Fjordfisk  AS"),
    "currency": _row(currency={"code": "EUR"}),
    "city": _address(city="Oslo"),
    "line-2": _address(addressLine2="3. etasje"),
    "inner-mark": _row(name="Fjord\ufefffisk AS"),
    "type": _row(invoicesDueInType="MONTHS"),
}


@pytest.mark.parametrize("raw", [pytest.param(raw, id=name) for name, raw in _SAME.items()])
def test_the_hash_stays_when_nothing_visible_changes(raw: object) -> None:
    assert _hash(raw) == _hash(_ROW)


def test_every_visible_change_gives_another_hash() -> None:
    hashes = [_hash(_ROW), *(_hash(raw) for raw in _OTHER.values())]

    assert len(set(hashes)) == len(hashes)


def test_the_hash_is_the_same_in_every_release() -> None:
    assert _hash(_ROW) == "f9e338106c919347a9168a7ccedfc5329cebe3b76afa0d3f1528886b12b9c671"


def test_an_address_of_nothing_is_no_address() -> None:
    nothing = _row(postalAddress={"addressLine1": "", "addressLine2": None, "country": None})

    assert _hash(nothing) == _hash(_row(postalAddress=None))


def test_an_unreadable_row_is_known_again_by_its_hash() -> None:
    first, again = parse_customer(_row(isInactive="maybe")), parse_customer(_row(isInactive="maybe"))
    other = parse_customer(_row(isInactive="perhaps"))

    assert isinstance(first, UnreadableRow)
    assert isinstance(again, UnreadableRow)
    assert isinstance(other, UnreadableRow)
    assert raw_hash(first.raw) == raw_hash(again.raw) != raw_hash(other.raw)


@pytest.mark.parametrize(
    "text",
    [
        "NO 923 456 781 MVA",
        "923.456.781",
        "923\u00a0456\u00a0781",
        "９２３４５６７８１",
        "556012-5790",
        "BjÃ¸rnsen RÃ¸r",
        "Sm\ufffdr",
        "c/o Rederiet\nBygg 4\nPort C",
        "Ráissa Ŋálbmi",
        "N-0150",
    ],
    ids=range(10),
)
def test_inner_text_travels_unchanged(text: str) -> None:
    assert normalise(text) == text


def test_composed_and_decomposed_spellings_are_one_content() -> None:
    name = "Kárášjoga Båt og Ørret"

    assert _hash(_row(name=unicodedata.normalize("NFD", name))) == _hash(_row(name=unicodedata.normalize("NFC", name)))


def test_only_the_fields_that_are_read_are_asked_for() -> None:
    assert FIELDS.count("(") == FIELDS.count(")") == 3
    assert {"id", "version", "changes", "isInactive"} <= set(FIELDS.split(","))


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)


@given(_TEXT)
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)

    assert once is None or normalise(once) == once


@given(_TEXT, st.text(" \t\r\n\u00a0\u2003\ufeff", max_size=5), st.text(" \t\r\n\u00a0\u2003\ufeff", max_size=5))
def test_what_surrounds_a_text_does_not_matter(text: str, before: str, after: str) -> None:
    assert normalise(before + text + after) == normalise(text)


@given(_TEXT)
def test_a_normal_text_is_in_form_c_and_not_empty(text: str) -> None:
    normal = normalise(text)

    assert normal is None or (normal and unicodedata.is_normalized("NFC", normal))


@given(st.text(min_size=1))
def test_a_text_is_storable_or_refused(text: str) -> None:
    try:
        normal = normalise(text)
    except UnstorableTextError:
        assert "\x00" in text or any("\ud800" <= c <= "\udfff" for c in text)
    else:
        (normal or "").encode()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(_ROW)), _JSON)
def test_no_value_in_any_field_raises(name: str, value: object) -> None:
    row = parse_customer(_row(**{name: value}))

    if isinstance(row, CustomerRow) and row.snapshot is not None:
        source_hash(row.snapshot)


@given(_JSON)
def test_no_row_raises(raw: object) -> None:
    parse_customer(raw)
