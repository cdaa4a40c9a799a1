"""`changedSince` in each mode that the simulator can be switched to."""

import pytest

from bridge.simulator.tripletex.customers import changed_since_filter
from bridge.simulator.tripletex.errors import TripletexError
from bridge.simulator.tripletex.state import Change, ChangedSinceMode, Customer

WORKS, IGNORED = ChangedSinceMode.WORKS, ChangedSinceMode.IGNORED
INCLUSIVE, EXCLUSIVE = ChangedSinceMode.INCLUSIVE, ChangedSinceMode.EXCLUSIVE
LOCAL, LOCAL_EXCLUSIVE = ChangedSinceMode.LOCAL, ChangedSinceMode.LOCAL_EXCLUSIVE


def customer(*timestamps: str) -> Customer:
    """A customer changed at these times."""
    return Customer(1, 1, {}, tuple(Change(1, stamp, "UPDATE") for stamp in timestamps))


def lets_through(since: str, mode: ChangedSinceMode, *timestamps: str) -> bool:
    """Whether a customer changed at these times passes."""
    keep = changed_since_filter(since, mode)
    return keep is None or keep(customer(*timestamps))


@pytest.mark.parametrize(
    ("mode", "second_before", "same_second", "second_after"),
    [
        (WORKS, False, True, True),
        (INCLUSIVE, False, True, True),
        (EXCLUSIVE, False, False, True),
        (IGNORED, True, True, True),
    ],
)
def test_bound_itself(mode: ChangedSinceMode, second_before: bool, same_second: bool, second_after: bool) -> None:
    since = "2026-11-25T12:00:00Z"

    assert lets_through(since, mode, "2026-11-25T12:59:59+01:00") is second_before
    assert lets_through(since, mode, "2026-11-25T13:00:00+01:00") is same_second
    assert lets_through(since, mode, "2026-11-25T13:00:01+01:00") is second_after


@pytest.mark.parametrize(
    ("mode", "winter", "summer"),
    [
        (WORKS, "2026-11-25T13:00:00+01:00", "2026-07-25T14:00:00+02:00"),
        (LOCAL, "2026-11-25T12:00:00+01:00", "2026-07-25T12:00:00+02:00"),
    ],
)
def test_value_without_zone_is_read_as_utc_or_as_oslo_time(mode: ChangedSinceMode, winter: str, summer: str) -> None:
    """The changes given are those of the very second that the bound means in this mode."""
    exclusive = EXCLUSIVE if mode is WORKS else LOCAL_EXCLUSIVE

    for since, stamp in (("2026-11-25T12:00:00", winter), ("2026-07-25T12:00:00", summer)):
        assert lets_through(since, mode, stamp)
        assert not lets_through(since, exclusive, stamp)


def test_zone_wins_over_the_local_mode() -> None:
    assert not lets_through("2026-11-25T12:00:00Z", LOCAL, "2026-11-25T12:30:00+01:00")


def test_both_half_past_twos_of_the_long_night_are_told_apart() -> None:
    first, second = "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"

    assert lets_through("2026-10-25T01:00:00", WORKS, second)
    assert not lets_through("2026-10-25T01:00:00", WORKS, first)


def test_newest_change_counts_wherever_it_stands() -> None:
    assert lets_through("2026-11-25T12:00:00Z", WORKS, "2026-11-25T14:00:00+01:00", "2025-01-01T00:00:00+01:00")


def test_plus_of_an_offset_that_arrived_as_a_blank_is_understood() -> None:
    assert not lets_through("2026-11-25T13:00:00 01:00", EXCLUSIVE, "2026-11-25T13:00:00+01:00")


def test_far_future_lets_nothing_through_unless_the_filter_is_ignored() -> None:
    changed = [lets_through("2099-01-01T00:00:00", mode, "2026-11-25T12:00:00+01:00") for mode in ChangedSinceMode]

    assert dict(zip(ChangedSinceMode, changed, strict=True)) == {mode: mode is IGNORED for mode in ChangedSinceMode}


def test_customer_without_changes_is_never_changed() -> None:
    assert not lets_through("2000-01-01T00:00:00", WORKS)


@pytest.mark.parametrize("since", ["yesterday", "2026-13-01T00:00:00", "12:00"])
def test_nonsense_is_refused(since: str) -> None:
    with pytest.raises(TripletexError) as refusal:
        changed_since_filter(since, WORKS)

    assert (refusal.value.status, refusal.value.code) == (404, 21000)
