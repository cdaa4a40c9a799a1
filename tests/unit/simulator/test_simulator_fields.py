"""The grammar of `fields` and what it lets through, against a small model."""

import pytest

from bridge.simulator.exchange import Json, JsonObject
from bridge.simulator.tripletex.errors import TripletexError
from bridge.simulator.tripletex.fields import Selection, default_selection, parse_fields, project
from bridge.simulator.tripletex.model import Model

COUNTRY = Model("CountryDTO", "country", ("id", "url", "code"))
ADDRESS = Model("AddressDTO", "address", ("id", "url", "city", "country"), {"country": COUNTRY})
NOTE = Model("NoteDTO", None, ("text",))
CUSTOMER = Model(
    "CustomerDTO",
    "customer",
    ("id", "url", "name", "address", "notes"),
    {"address": ADDRESS, "notes": NOTE, "changes": NOTE},
    ("changes", "secret"),
)
GRAPH: JsonObject = {
    "id": 7,
    "name": "A",
    "address": {"id": 8, "city": "Oslo", "country": {"id": 161, "code": "NO"}},
    "notes": [{"text": "n"}],
    "changes": [{"text": "c"}],
    "secret": "s",
}
STUB: JsonObject = {"id": 8, "url": "h/address/8"}
COUNTRY_STUB: JsonObject = {"id": 161, "url": "h/country/161"}
ADDRESS_SHOWN: JsonObject = {"id": 8, "url": "h/address/8", "city": "Oslo", "country": COUNTRY_STUB}


def shown(fields: str | None) -> JsonObject:
    """What of the graph the `fields` value lets through."""
    return project(GRAPH, CUSTOMER, parse_fields(fields, CUSTOMER), "h")


@pytest.mark.parametrize("fields", [None, "", "  ", "*"])
def test_default_and_star_show_scalars_and_stubs_and_nothing_on_request(fields: str | None) -> None:
    assert shown(fields) == {
        "id": 7,
        "url": "h/customer/7",
        "name": "A",
        "address": STUB,
        "notes": [{"text": "n"}],
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param("name", {"name": "A"}, id="only what is named"),
        pytest.param(" name , id ", {"id": 7, "name": "A"}, id="blanks and order do not matter"),
        pytest.param("name,name", {"name": "A"}, id="named twice"),
        pytest.param("address(city)", {"address": {"city": "Oslo"}}, id="part of an object"),
        pytest.param("address(*)", {"address": ADDRESS_SHOWN}, id="star inside does not expand further"),
        pytest.param("address", {"address": ADDRESS_SHOWN}, id="bare object name comes expanded"),
        pytest.param(
            "address(country(code),city)",
            {"address": {"city": "Oslo", "country": {"code": "NO"}}},
            id="two levels",
        ),
        pytest.param("changes,secret", {"changes": [{"text": "c"}], "secret": "s"}, id="on request"),
        pytest.param("changes(text)", {"changes": [{"text": "c"}]}, id="list of objects"),
    ],
)
def test_selection(fields: str, expected: JsonObject) -> None:
    assert shown(fields) == expected


def test_star_beside_an_expansion_keeps_the_expansion_whichever_comes_first() -> None:
    first, second = shown("address(city),*"), shown("*,address(city)")

    assert first == second
    assert first["address"] == {"city": "Oslo"}
    assert first["name"] == "A"


@pytest.mark.parametrize(
    ("fields", "culprit", "model"),
    [
        ("nmae", "nmae", "CustomerDTO"),
        ("name,foo", "foo", "CustomerDTO"),
        ("address(by)", "by", "AddressDTO"),
        ("name(x)", "name", "CustomerDTO"),
        ("address(city", "address", "CustomerDTO"),
        ("name)", ")", "CustomerDTO"),
        ("name,", "", "CustomerDTO"),
        ("address.city", "address.city", "CustomerDTO"),
        ("address()", "", "AddressDTO"),
    ],
)
def test_bad_fields_name_culprit_and_model(fields: str, culprit: str, model: str) -> None:
    with pytest.raises(TripletexError) as refusal:
        parse_fields(fields, CUSTOMER)

    assert (refusal.value.status, refusal.value.code) == (400, 11000)
    assert refusal.value.message == (
        f"Illegal field in fields filter: {culprit}. {culprit} does not match a field in the model: {model}"
    )


@pytest.mark.parametrize("missing", [None, "absent"])
def test_missing_objects_and_values_are_null(missing: Json) -> None:
    graph: JsonObject = {"id": 7} if missing == "absent" else {"id": 7, "address": None, "name": None}

    row = project(graph, CUSTOMER, parse_fields("name,address(city)", CUSTOMER), "h")

    assert row == {"name": None, "address": None}


def test_default_selection_marks_objects_as_stubs() -> None:
    assert default_selection(ADDRESS) == Selection(("id", "url", "city", "country"), {"country": None})
