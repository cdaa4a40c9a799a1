"""How edits show: versions, `changes`, history, and strange data that only a test's hand can write."""

from datetime import UTC, datetime

import pytest

from bridge.simulator.exchange import Json, JsonObject, as_list, as_object
from bridge.simulator.reading import AdminError
from bridge.simulator.tripletex.hand import write_customers
from bridge.simulator.tripletex.state import Company, Customer, Settings

NOW = datetime(2026, 7, 1, 10, 0, 0, 900_000, tzinfo=UTC)


def company() -> Company:
    """An empty company."""
    return Company(501, Settings("A", "c", "e"))


def write(place: Company, row: JsonObject) -> Customer:
    """Write one row by hand."""
    return write_customers(place, [row], now=NOW)[0]


def stamps(customer: Customer) -> list[Json]:
    """The timestamps of `changes`."""
    return [as_object(change)["timestamp"] for change in as_list(customer.graph()["changes"])]


def test_new_customers_get_defaults_numbers_and_an_oslo_timestamp() -> None:
    place = company()

    first, second = write(place, {"name": "A"}), write(place, {"name": "B"})

    assert (first.number, second.number, first.version) == (10001, 10002, 1)
    assert first.content["invoicesDueIn"] == 14
    assert stamps(first) == ["2026-07-01T12:00:00+02:00"]


def test_edit_raises_the_version_and_merges_into_the_address() -> None:
    place = company()
    made = write(place, {"name": "A", "postalAddress": {"city": "Oslo", "country": "SE"}})

    edited = write(place, {"id": made.id, "postalAddress": {"addressLine1": "Gata 1"}})

    address = as_object(edited.content["postalAddress"])
    assert (edited.version, address["city"], address["addressLine1"]) == (2, "Oslo", "Gata 1")
    assert as_object(address["country"])["isoAlpha2Code"] == "SE"
    assert len(stamps(edited)) == 2


def test_edit_that_changes_nothing_leaves_no_trace() -> None:
    place = company()
    made = write(place, {"name": "A"})

    assert write(place, {"id": made.id, "name": "A"}) is made
    assert len(place.history) == 1


@pytest.mark.parametrize(
    ("switches", "version", "changes"),
    [
        ({}, 2, 2),
        ({"freezeVersion": True}, 1, 2),
        ({"freezeChanges": True}, 2, 1),
        ({"freezeVersion": True, "freezeChanges": True}, 1, 1),
    ],
)
def test_switches_hide_an_edit(switches: JsonObject, version: int, changes: int) -> None:
    place = company()
    made = write(place, {"name": "A"})

    edited = write(place, {"id": made.id, "name": "B", **switches})

    assert edited.content["name"] == "B"
    assert (edited.version, len(edited.changes)) == (version, changes)


def test_touch_raises_the_version_without_a_visible_change() -> None:
    place = company()
    made = write(place, {"name": "A"})

    touched = write(place, {"id": made.id, "touch": True})

    assert (touched.version, touched.content, len(touched.changes)) == (2, made.content, 2)
    assert [entry.customer.version for entry in place.history] == [1, 2]


def test_timestamp_or_whole_list_of_changes_can_be_given() -> None:
    place = company()
    entry: JsonObject = {"employeeId": 4, "timestamp": "2020-01-01T00:00:00+01:00", "changeType": "UPDATE"}

    one = write(place, {"name": "A", "changes": "2026-11-10T09:00:00+01:00"})
    two = write(place, {"name": "B", "changes": [entry]})

    assert stamps(one) == ["2026-11-10T09:00:00+01:00"]
    assert two.graph()["changes"] == [entry]


@pytest.mark.parametrize("changes", ["soon", [{"timestamp": "soon"}], [{"timestamp": "2020-01-01", "x": 1}]])
def test_mistyped_changes_are_refused(changes: Json) -> None:
    with pytest.raises(AdminError):
        write(company(), {"name": "A", "changes": changes})


def test_nulls_strange_references_and_future_fields_are_kept_as_given() -> None:
    strange: JsonObject = {
        "id": 90010011,
        "version": 5,
        "name": "Null Felt AS",
        "customerNumber": 10011,
        "email": None,
        "invoicesDueIn": None,
        "currency": None,
        "postalAddress": None,
        "physicalAddress": {"country": "QQ"},
        "fremtidigFelt": {"a": [1, 2]},
    }

    made = write(company(), strange)

    assert (made.id, made.version, made.number) == (90010011, 5, 10011)
    assert [made.content[name] for name in ("email", "invoicesDueIn", "currency", "postalAddress")] == [None] * 4
    country = as_object(as_object(made.content["physicalAddress"])["country"])
    assert country["isoAlpha2Code"] == "QQ"
    assert made.extra == {"fremtidigFelt": {"a": [1, 2]}}


def test_party_without_a_number_is_a_supplier_and_numbers_may_be_used_twice() -> None:
    place = company()

    supplier = write(place, {"name": "L", "customerNumber": 0})
    twins = [write(place, {"name": name, "customerNumber": 10_500}) for name in "AB"]

    assert (supplier.number, supplier.content["isCustomer"], supplier.content["isSupplier"]) == (0, False, True)
    assert [twin.number for twin in twins] == [10_500, 10_500]


def test_past_can_be_shown_before_deletions_and_edits() -> None:
    place = company()
    first, second = write(place, {"name": "A"}), write(place, {"name": "B"})
    write(place, {"id": first.id, "name": "A2"})
    place.remove(second.id, at=NOW.timestamp())

    names = [
        sorted(str(customer.content["name"]) for customer in place.as_of(changes_ago=ago).values()) for ago in range(6)
    ]

    assert names == [["A2"], ["A2", "B"], ["A", "B"], ["A"], [], []]


def test_rows_before_their_last_edit_lack_those_that_were_never_edited() -> None:
    place = company()
    first = write(place, {"name": "A"})
    write(place, {"name": "B"})
    write(place, {"id": first.id, "name": "A2"})

    rows = place.before_last_edit(frozenset({10001, 10002}))

    assert [customer.content["name"] for customer in rows.values()] == ["A"]
