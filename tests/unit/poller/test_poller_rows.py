"""From a Tripletex row to what the poller sees."""

import json

from bridge.contracts.events.customer import CustomerSnapshot
from bridge.contracts.reasons import Reason
from bridge.contracts.topics import MAX_EVENT_BYTES
from bridge.poller.adapters.customer_rows import HEAD_BYTES, to_seen
from bridge.poller.domain.memory import Seen
from bridge.tripletex.customer import parse_customer


def row(**fields: object) -> dict[str, object]:
    return {"id": 901, "version": 3, "customerNumber": 10001, "name": "Fjord AS", "isInactive": False, **fields}


def see(**fields: object) -> Seen:
    return to_seen(parse_customer(row(**fields)))


def test_a_readable_row_carries_its_snapshot_as_the_event_will() -> None:
    seen = see(email="post@fjord.example")

    snapshot = CustomerSnapshot.model_validate_json(seen.content.body)
    assert (seen.source_id, seen.number, seen.version) == ("901", "10001", 3)
    assert (snapshot.name, snapshot.email) == ("Fjord AS", "post@fjord.example")
    assert seen.content.fault is None


def test_absent_values_and_the_order_of_keys_do_not_change_the_hash() -> None:
    twin = dict(reversed(list(row(email=None, website="").items())))

    assert to_seen(parse_customer(twin)).content == see().content


def test_zero_and_absent_are_two_contents() -> None:
    assert see(invoicesDueIn=0).content.source_hash != see(invoicesDueIn=None).content.source_hash


def test_a_row_without_a_number_has_none_and_no_fault() -> None:
    seen = see(customerNumber=0)

    assert (seen.number, seen.number_unreadable, seen.content.fault) == (None, False, None)


def test_a_number_that_is_absent_is_unreadable_and_not_none() -> None:
    seen = see(customerNumber=None)

    assert (seen.number, seen.number_unreadable) == (None, True)
    assert seen.content.fault is not None
    assert seen.content.fault.field == "customerNumber"


def test_an_unreadable_field_is_named_and_the_raw_row_is_the_body() -> None:
    seen = see(isInactive="kanskje")

    assert seen.content.fault is not None
    assert (seen.content.fault.reason, seen.content.fault.field) == (Reason.SOURCE_ROW_UNREADABLE, "isInactive")
    assert json.loads(seen.content.body)["isInactive"] == "kanskje"
    assert seen.number == "10001"


def test_an_unreadable_number_is_told_apart_from_none() -> None:
    seen = see(customerNumber="abc")

    assert (seen.number, seen.number_unreadable) == (None, True)


def test_an_unreadable_row_keeps_its_hash_while_only_version_and_changes_move() -> None:
    before = see(isInactive="kanskje", version=3, changes=[])
    after = see(isInactive="kanskje", version=4, changes=[{"timestamp": "2026-11-10T09:00:00+01:00"}])

    assert before.content.source_hash == after.content.source_hash
    assert before.content.source_hash != see(isInactive="tja").content.source_hash


def test_a_row_without_a_readable_id_is_known_by_its_content() -> None:
    one, same, other = (to_seen(parse_customer({"name": name})) for name in ("A", "A", "B"))

    assert one.source_id == same.source_id != other.source_id
    assert not one.source_id.isdigit()


def test_a_row_that_is_no_object_is_still_a_row() -> None:
    seen = to_seen(parse_customer("nonsense"))

    assert seen.content.fault is not None
    assert seen.number is None


def test_content_above_the_limit_names_field_size_and_limit_and_travels_cut() -> None:
    seen = see(name="kort", website="w" * (MAX_EVENT_BYTES + 1))

    fault = seen.content.fault
    assert fault is not None
    assert (fault.reason, fault.field) == (Reason.EVENT_TOO_LARGE, "website")
    assert str(MAX_EVENT_BYTES) in fault.detail
    assert len(seen.content.body) == HEAD_BYTES


def test_content_at_the_limit_travels_whole() -> None:
    room = MAX_EVENT_BYTES - len(see(website="w").content.body)

    assert see(website="w" * (room + 1)).content.fault is None
    assert see(website="w" * (room + 2)).content.fault is not None
