"""Ages and texts as people read them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.console.domain.words import age, ago, cut


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (None, "-"),
        (timedelta(milliseconds=400), "now"),
        (timedelta(seconds=3), "3 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(minutes=125), "2 h 5 min"),
        (timedelta(hours=24, seconds=5), "1 d"),
        (timedelta(days=3, hours=4, minutes=5), "3 d 4 h"),
        (timedelta(seconds=-5), "now"),
    ],
    ids=str,
)
def test_an_age_is_told_in_its_two_largest_units(span: timedelta | None, said: str) -> None:
    assert age(span) == said


def test_what_has_just_happened_was_now_and_not_now_ago() -> None:
    assert ago(timedelta(milliseconds=400)) == "now"
    assert ago(timedelta(minutes=125)) == "2 h 5 min ago"


@given(st.text(max_size=300), st.integers(1, 50))
def test_a_text_never_grows_past_its_limit_nor_over_one_line(text: str, longest: int) -> None:
    shown = cut(text, longest)

    assert len(shown) <= longest
    assert len(shown.splitlines()) <= 1
