"""Settings that cannot work end the transformer's start in one sentence that names the variables."""

import pytest

from bridge.runtime.errors import ConfigurationError
from bridge.runtime.settings import load
from bridge.transformer.settings import TransformerSettings


def load_with(monkeypatch: pytest.MonkeyPatch, **variables: str) -> TransformerSettings:
    for name, value in {"KAFKA_BOOTSTRAP_SERVERS": "localhost:9092", **variables}.items():
        monkeypatch.setenv(name, value)
    return load(TransformerSettings)


def test_one_address_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_with(monkeypatch).kafka.bootstrap_servers == "localhost:9092"


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"TRANSFORMER_MAPPING__MAX_RECORDS": "0"}, "TRANSFORMER_MAPPING__MAX_RECORDS"),
        ({"TRANSFORMER_MAPPING__MAX_RECODS": "9"}, "TRANSFORMER_MAPPING__MAX_RECODS"),
        ({"TRANSFORMER_LIFECYCLE__DRAIN_SECONDS": "10"}, "must be below TRANSFORMER_LIFECYCLE__DRAIN_SECONDS"),
    ],
    ids=["out of bounds", "misspelt", "drain shorter than a batch"],
)
def test_settings_that_cannot_work_are_named_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], named: str
) -> None:
    with pytest.raises(ConfigurationError, match=named) as raised:
        load_with(monkeypatch, **variables)

    assert len(str(raised.value).splitlines()) == 1
