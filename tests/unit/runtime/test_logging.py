"""Logs: one JSON object per line, with context, without secrets, from libraries too."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from pydantic import SecretStr

from bridge.runtime import redaction
from bridge.runtime.logging import configure_logging, get_logger, log_context, register_secret


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()
    redaction._values.clear()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_says_who_when_and_what(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("poller", "INFO")
    with log_context(tenant="acme", entity="10472", trace_id=None):
        get_logger("bridge.test").info("The customer was sent.", attempts=2)

    (line,) = lines(capsys)
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {
        "event": "The customer was sent.",
        "service": "poller",
        "logger": "bridge.test",
        "level": "info",
        "tenant": "acme",
        "entity": "10472",
        "attempts": 2,
    }


def test_context_ends_with_its_block(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("poller", "INFO")
    with log_context(tenant="acme"):
        pass
    get_logger("bridge.test").info("After.")

    assert "tenant" not in lines(capsys)[0]


def test_libraries_come_out_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("poller", "INFO")
    logging.getLogger("some.library").warning("Disk %s is full", "sda")

    assert lines(capsys)[0]["event"] == "Disk sda is full"


def test_urls_of_the_http_client_are_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("poller", "INFO")
    logging.getLogger("httpx").info("GET https://host/?q=1")

    assert lines(capsys) == []


@pytest.mark.parametrize(
    "key",
    ["sessionToken", "employee_token", "password", "client_secret", "Authorization", "api_key", "apiKey", "X-Api-Key"],
)
def test_values_under_secret_names_are_masked(capsys: pytest.CaptureFixture[str], key: str) -> None:
    configure_logging("poller", "INFO")
    get_logger("bridge.test").info("Signed in.", **{key: "visible"}, nested={"headers": {key: "visible"}})

    assert "visible" not in capsys.readouterr().out


def test_registered_values_are_masked_wherever_they_appear(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("poller", "INFO")
    register_secret(SecretStr('tok"en-æøå-123'))

    try:
        raise ValueError('the token tok"en-æøå-123 is not valid')
    except ValueError:
        get_logger("bridge.test").exception('Failed with tok"en-æøå-123.', where=['in tok"en-æøå-123'])

    out = capsys.readouterr().out
    assert "123" not in out.replace("test_logging", "")
    assert "is not valid" in out


def test_passwords_in_urls_are_masked(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("poller", "INFO")
    get_logger("bridge.test").info("Connecting.", dsn="postgresql://bridge:s3cret@db:5432/bridge")

    assert lines(capsys)[0]["dsn"] == "postgresql://bridge:***@db:5432/bridge"


def test_a_short_value_is_not_registered(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("poller", "INFO")
    register_secret("a")

    get_logger("bridge.test").info("A banana.")

    assert lines(capsys)[0]["event"] == "A banana."


def test_a_secret_that_contains_another_goes_as_a_whole(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("poller", "INFO")
    register_secret("middle")
    register_secret("begin-middle-end")

    get_logger("bridge.test").info("It was begin-middle-end.")

    assert lines(capsys)[0]["event"] == "It was ***."
