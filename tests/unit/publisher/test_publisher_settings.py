"""Settings that contradict each other end the start in one sentence."""

import pytest

from bridge.publisher.settings import PublisherSettings
from bridge.runtime.errors import ConfigurationError
from bridge.runtime.settings import load

ADDRESSES = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "DATABASE_URL": "postgresql://u:secret@127.0.0.1/db"}


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        pytest.param(
            {"PUBLISHER_DELIVERY__SETTLE_SECONDS": "89", "PUBLISHER_HTTP__TOTAL_SECONDS": "45"},
            "must be at least twice PUBLISHER_HTTP__TOTAL_SECONDS",
            id="settle shorter than two calls",
        ),
        pytest.param(
            {"PUBLISHER_DELIVERY__SETTLE_SECONDS": "0"}, "PUBLISHER_DELIVERY__SETTLE_SECONDS", id="no settle at all"
        ),
        pytest.param(
            {"PUBLISHER_LEASE__TTL_SECONDS": "10", "PUBLISHER_LEASE__MARGIN_SECONDS": "6"},
            "at most half of ttl_seconds",
            id="a margin as long as the lease",
        ),
        pytest.param(
            {"PUBLISHER_RELAY__DEADLINE_SECONDS": "28"},
            "PUBLISHER_RELAY__DEADLINE_SECONDS",
            id="a relay past its lease",
        ),
    ],
)
def test_a_contradiction_is_one_sentence_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str
) -> None:
    for name, value in {**ADDRESSES, **variables}.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError, match=sentence) as raised:
        load(PublisherSettings)

    assert "secret" not in str(raised.value)


def test_the_defaults_agree_with_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ADDRESSES.items():
        monkeypatch.setenv(name, value)

    settings = load(PublisherSettings)

    assert settings.delivery.settle_seconds >= 2 * settings.http.total_seconds


def test_t06_an_answer_after_28_seconds_of_silence_is_waited_for_and_one_after_61_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in ADDRESSES.items():
        monkeypatch.setenv(name, value)

    http = load(PublisherSettings).http

    assert 28 < http.read_seconds <= http.total_seconds < 61
