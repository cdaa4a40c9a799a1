"""The way back to a demo that is over: its own servers are followed, others stay where they are."""

import pytest

from bridge.demo.opening import follow_servers

_NOW = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:2", "DATABASE_URL": "postgresql://postgres:owner@127.0.0.1:2/postgres"}


def _written(dsn: str, prefix: str) -> dict[str, str]:
    return {
        "CONSOLE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "CONSOLE_KAFKA__TOPIC_PREFIX": prefix,
        "CONSOLE_POSTGRES__DSN": dsn,
    }


@pytest.fixture(autouse=True)
def own_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _NOW:
        monkeypatch.delenv(name, raising=False)


def test_servers_of_the_demo_whose_ports_were_taken_meanwhile_are_found_where_they_are_now() -> None:
    found = follow_servers(_written("postgresql://bridge_console:a%2Fb@127.0.0.1:1/postgres", ""), _NOW)

    assert found == {
        "CONSOLE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:2",
        "CONSOLE_KAFKA__TOPIC_PREFIX": "",
        "CONSOLE_POSTGRES__DSN": "postgresql://bridge_console:a%2Fb@127.0.0.1:2/postgres",
    }


def test_servers_that_were_there_before_the_demo_stay_where_they_are() -> None:
    written = _written("postgresql://owner:x@db:5432/bridge_demo_1", "demo-1.")

    assert follow_servers(written, _NOW) == written


def test_while_a_demo_runs_everything_is_where_it_was_written_to_be() -> None:
    written = _written("postgresql://bridge_console:x@127.0.0.1:1/postgres", "")

    assert follow_servers(written, {}) == written
