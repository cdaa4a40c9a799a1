"""Whose turn it is."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.contracts.identity import TenantId
from bridge.poller.domain.schedule import DueTimes, Slots, TokenBucket

ACME, BOREAL, CORAL = TenantId("acme"), TenantId("boreal"), TenantId("coral")


def test_a_burst_passes_at_once_and_more_must_wait_for_the_rate() -> None:
    bucket = TokenBucket(rate=10, burst=100)

    assert bucket.take(100, now=0.0) == 0.0
    assert bucket.take(50, now=0.0) == 5.0
    assert bucket.take(0, now=5.0) == 0.0


@given(st.lists(st.tuples(st.floats(0, 60), st.integers(0, 500)), max_size=30))
def test_no_more_than_burst_plus_rate_passes_when_each_debt_is_waited_for(takes: list[tuple[float, int]]) -> None:
    bucket = TokenBucket(rate=50, burst=1000)
    now = passed = 0.0
    for idle, amount in takes:
        now += idle
        passed += amount
        now += bucket.take(amount, now=now)
        assert passed <= 1000 + 50 * now + 1e-6


def test_slow_tenants_fill_half_of_the_slots_and_leave_the_rest_to_quick_ones() -> None:
    slots = Slots(2)

    assert slots.take(ACME, slow=True)
    assert not slots.take(BOREAL, slow=True)
    assert slots.take(CORAL, slow=False)
    assert slots.full
    slots.release(ACME)
    assert slots.take(BOREAL, slow=True)


def test_the_tenant_that_has_been_due_longest_comes_first_and_only_when_due() -> None:
    due = DueTimes()
    due.set(ACME, 20.0)
    due.set(BOREAL, 10.0)

    assert due.pop_due(5.0) is None
    assert due.next_due() == 10.0
    assert [due.pop_due(30.0), due.pop_due(30.0), due.pop_due(30.0)] == [BOREAL, ACME, None]


def test_only_the_last_instant_set_for_a_tenant_counts() -> None:
    due = DueTimes()
    due.set(ACME, 10.0)
    due.set(ACME, 50.0)

    assert due.pop_due(20.0) is None
    assert due.pop_due(50.0) == ACME
    assert due.next_due() is None


def test_a_dropped_tenant_never_comes() -> None:
    due = DueTimes()
    due.set(ACME, 10.0)
    due.drop(ACME)

    assert due.pop_due(99.0) is None
    assert len(due) == 0
