"""The closed set of reasons, and topics declared once."""

import pytest

from bridge.contracts.reasons import REASONS, Reason, describe
from bridge.contracts.reasons_nb import REASONS_NB
from bridge.contracts.topics import MAX_EVENT_BYTES, TOPICS, TopicName, wire_name


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_says_what_happened_and_what_to_do(reason: Reason) -> None:
    text = REASONS[reason]

    for sentence in (text.sentence, text.remedy):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
    assert describe(reason) == f"{text.sentence} {text.remedy}"


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_says_the_same_in_norwegian(reason: Reason) -> None:
    text = REASONS_NB[reason]

    for sentence in (text.sentence, text.remedy):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert sentence not in (REASONS[reason].sentence, REASONS[reason].remedy)


def test_no_text_belongs_to_no_reason() -> None:
    assert set(REASONS) == set(REASONS_NB) == set(Reason)


def test_every_topic_is_declared_once() -> None:
    assert sorted(spec.name for spec in TOPICS) == sorted(TopicName)


def test_a_dead_letter_of_the_largest_event_fits_into_a_record() -> None:
    in_base64 = MAX_EVENT_BYTES * 4 // 3

    assert in_base64 + 64 * 1024 < 1024 * 1024


def test_a_prefix_separates_cells() -> None:
    assert wire_name(TopicName.CUSTOMER_MAPPED, "cell-1.") == "cell-1.customer-mapped"
