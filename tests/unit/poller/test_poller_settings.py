"""Settings that contradict each other end the start in one sentence that names the variables."""

import pytest

from bridge.poller.settings import PollerSettings
from bridge.runtime.errors import ConfigurationError
from bridge.runtime.settings import load

ENOUGH = {"KAFKA_BOOTSTRAP_SERVERS": "localhost:9092", "DATABASE_URL": "postgresql://bridge_poller@localhost/bridge"}


def load_with(monkeypatch: pytest.MonkeyPatch, **variables: str) -> PollerSettings:
    for name, value in {**ENOUGH, **variables}.items():
        monkeypatch.setenv(name, value)
    return load(PollerSettings)


def test_two_addresses_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_with(monkeypatch)

    assert settings.kafka.bootstrap_servers == "localhost:9092"
    assert settings.poll.page_rows == 1000


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"POLLER_LEASE__TTL_SECONDS": "6", "POLLER_LEASE__MARGIN_SECONDS": "4"}, "margin_seconds"),
        ({"POLLER_HTTP__TOTAL_SECONDS": "10"}, "total_seconds"),
        ({"POLLER_LEASE__TTL_SECONDS": "12"}, "POLLER_RELAY__DEADLINE_SECONDS"),
        ({"POLLER_POLL__PAGE_ROWS": "1"}, "POLLER_POLL__PAGE_ROWS"),
        ({"POLLER_POLL__PAGE_ROW": "10"}, "POLLER_POLL__PAGE_ROW"),
    ],
    ids=["margin too long", "total too short", "relay outlives its lease", "page of one row", "misspelt"],
)
def test_settings_that_cannot_work_name_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], named: str
) -> None:
    with pytest.raises(ConfigurationError, match=named):
        load_with(monkeypatch, **variables)


def test_a_wrong_address_is_never_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_with(monkeypatch, DATABASE_URL="postgresql://u:geheim@h/d", POLLER_POLL__PAGE_ROWS="0")

    assert "geheim" not in str(caught.value)
