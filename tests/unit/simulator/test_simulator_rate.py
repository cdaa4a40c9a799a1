"""The rate window: aligned to the clock, counted per window, and never early."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.simulator.rate import RateWindow


def test_first_call_of_a_window_leaves_one_less_than_the_limit() -> None:
    grant = RateWindow().take(limit=100, at=1_795_600_000.0)

    assert (grant.allowed, grant.limit, grant.remaining, grant.reset_seconds) == (True, 100, 99, 10)


def test_windows_are_aligned_to_the_clock_and_not_to_the_first_call() -> None:
    window = RateWindow()

    late = [window.take(limit=1, at=1_795_600_009.5), window.take(limit=1, at=1_795_600_009.9)]
    next_window = window.take(limit=1, at=1_795_600_010.0)

    assert [grant.allowed for grant in late] == [True, False]
    assert late[0].reset_seconds == 0
    assert next_window.allowed


def test_refused_calls_do_not_use_up_the_next_window() -> None:
    window = RateWindow()
    for _ in range(50):
        window.take(limit=2, at=0.0)

    assert window.take(limit=2, at=10.0).remaining == 1


@given(
    limit=st.integers(1, 5),
    times=st.lists(st.floats(0, 60, allow_nan=False), max_size=60).map(sorted),
)
def test_never_more_than_the_limit_in_one_window(limit: int, times: list[float]) -> None:
    window = RateWindow()
    allowed: dict[int, int] = {}
    for at in times:
        if window.take(limit=limit, at=at).allowed:
            allowed[int(at // 10)] = allowed.get(int(at // 10), 0) + 1

    assert all(count <= limit for count in allowed.values())
    assert set(allowed) == {int(at // 10) for at in times}
