"""The machine's clocks."""

from datetime import timedelta

from bridge.runtime.clock import Clock, SystemClock
from bridge.testkit.clock import ManualClock


def test_the_wall_clock_is_in_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_the_boot_clock_never_goes_back() -> None:
    clock: Clock = SystemClock()
    readings = [clock.boot() for _ in range(100)]

    assert readings == sorted(readings)


def test_the_manual_clock_moves_only_by_hand() -> None:
    clock: Clock = ManualClock()
    now, boot = clock.now(), clock.boot()
    assert (clock.now(), clock.boot()) == (now, boot)

    assert isinstance(clock, ManualClock)
    clock.advance(90)

    assert (clock.now() - now, clock.boot() - boot) == (timedelta(seconds=90), 90)
