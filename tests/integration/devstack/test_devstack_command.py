"""The command behind the Makefile: background servers, existing servers, missing Java, and what it leaves behind."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.devstack import sql
from bridge.devstack.endpoints import KafkaEndpoint, PostgresEndpoint, external_kafka, external_postgres
from bridge.devstack.errors import DevstackError
from bridge.devstack.identity import ProcessIdentity
from bridge.devstack.layout import StackFolder
from bridge.devstack.postgres import PostgresServer
from bridge.devstack.postgres_binaries import remove_copied_binaries
from bridge.devstack.state import note_processes, noted_processes
from bridge.devstack.waiting import holds_within

_VARIABLES = ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL")


def _environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _VARIABLES}
    return kept | changes


def _devstack(folder: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bridge.devstack", "--folder", str(folder), *arguments],
        env=_environment(**changes),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def _exports(answer: subprocess.CompletedProcess[str]) -> dict[str, str]:
    lines = [line.removeprefix("export ").partition("=") for line in answer.stdout.splitlines()]
    return {name: value.strip("'") for name, _, value in lines}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for background servers; whatever a test leaves running there is stopped and wiped."""
    yield tmp_path / "stack"
    _devstack(tmp_path / "stack", "clean")


@pytest.mark.slow
def test_background_servers_outlive_the_command_and_a_second_up_finds_the_data(folder: Path) -> None:
    first = _devstack(folder, "up")
    assert first.returncode == 0, first.stderr
    dsn = _exports(_devstack(folder, "env"))["DATABASE_URL"]
    sql.execute(dsn, "create table memory as select 42 as answer")
    running = noted_processes(StackFolder(folder).state)

    down = _devstack(folder, "down")
    stopped = not any(identity.is_alive() for identity in running.values())
    status_when_down = _devstack(folder, "status")
    second = _devstack(folder, "up")
    exports = _exports(_devstack(folder, "env"))

    assert set(running) == {"Kafka", "Postgres"}
    assert down.returncode == 0, down.stderr
    assert stopped
    assert status_when_down.returncode == 1
    assert "Kafka is not running" in status_when_down.stdout
    assert second.returncode == 0, second.stderr
    assert exports["DATABASE_URL"] == dsn
    assert sql.execute(dsn, "select answer from memory") == "42"


@pytest.mark.slow
def test_clean_deletes_data_and_logs_and_stops_the_servers(folder: Path) -> None:
    assert _devstack(folder, "up").returncode == 0
    stack = StackFolder(folder)
    location = stack.postgres / "location"
    data = Path(location.read_text()) if location.exists() else stack.postgres
    running = noted_processes(stack.state)

    cleaned = _devstack(folder, "clean")

    assert cleaned.returncode == 0, cleaned.stderr
    assert len(running) == 2
    assert not any(identity.is_alive() for identity in running.values())
    assert not any(path.exists() for path in (data, stack.postgres, stack.kafka, stack.logs, stack.state))


def test_nothing_is_started_when_a_named_server_does_not_answer(folder: Path) -> None:
    answer = _devstack(folder, "up", KAFKA_BOOTSTRAP_SERVERS=_no_kafka())

    assert answer.returncode == 1
    assert "No Kafka broker answers" in answer.stderr
    assert not StackFolder(folder).state.exists()


def test_clean_leaves_the_programs_of_a_running_server_alone(folder: Path, tmp_path: Path) -> None:
    with PostgresServer(tmp_path / "other", relaxed=True) as other:
        _devstack(folder, "clean")
        remove_copied_binaries()  # what `clean` of the checkout's own folder does besides
        functions = sql.execute(
            other.dsn, "create function f() returns int language plpgsql as 'begin return 1; end'; select f()"
        )
    other.wipe()

    assert functions == "1"


@pytest.mark.slow
def test_run_gives_the_addresses_and_the_exit_code_and_stops_what_it_started(folder: Path) -> None:
    answer = _devstack(folder, "run", "--", "sh", "-c", 'echo "$KAFKA_BOOTSTRAP_SERVERS"; exit 7')

    assert answer.returncode == 7, answer.stderr
    host, _, port = answer.stdout.strip().partition(":")
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0


def test_servers_die_with_a_program_that_is_killed(folder: Path) -> None:
    folder.mkdir()
    program = (
        "import sys; from pathlib import Path; from bridge.devstack.postgres import PostgresServer\n"
        "server = PostgresServer(Path(sys.argv[1]), relaxed=True); server.start()\n"
        "print(server.identity.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(StackFolder(folder).postgres)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        server = ProcessIdentity.of(int(parent.stdout.readline()))
        assert server is not None
        family = server.tree()

        parent.send_signal(signal.SIGKILL)

        assert len(family) > 1
        assert holds_within(lambda: not any(one.is_alive() for one in family), timeout_seconds=60)


def test_a_stale_note_never_leads_to_a_signal_for_a_stranger(folder: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        identity = ProcessIdentity.of(stranger.pid)
        assert identity is not None
        stale = ProcessIdentity(stranger.pid, identity.start_ticks - 1)
        note_processes(StackFolder(folder).state, {"Kafka": stale})

        answer = _devstack(folder, "down")
        survived = stranger.poll() is None
        stranger.kill()

    assert answer.returncode == 0
    assert survived


@pytest.mark.parametrize("verb", ["setup", "up"])
def test_missing_java_ends_in_one_sentence_with_the_ways_out(folder: Path, verb: str) -> None:
    answer = _devstack(folder, verb, PATH="/nonexistent", JAVA_HOME="")

    assert answer.returncode == 1
    sentence = answer.stderr.strip().splitlines()[-1]
    assert sentence.startswith("Kafka needs Java and none was found: install Java 17 or newer")
    assert "KAFKA_BOOTSTRAP_SERVERS" in sentence
    assert "Traceback" not in answer.stderr


def test_too_old_java_is_named(folder: Path, tmp_path: Path) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(0o755)

    answer = _devstack(folder, "setup", JAVA_HOME=str(tmp_path))

    assert answer.returncode == 1
    assert '“openjdk version "11.0.2" 2019-01-15”' in answer.stderr


def test_an_existing_kafka_is_used_and_java_is_not_needed(
    folder: Path, kafka: KafkaEndpoint, postgres: PostgresEndpoint
) -> None:
    existing = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "DATABASE_URL": postgres.dsn}

    setup = _devstack(folder, "setup", PATH="/nonexistent", **existing)
    up = _devstack(folder, "up", PATH="/nonexistent", **existing)
    exports = _exports(_devstack(folder, "env", **existing))
    clean = _devstack(folder, "clean", **existing)

    assert setup.returncode == 0, setup.stderr
    assert up.returncode == 0, up.stderr
    assert up.stdout.count("the existing one of") == 2
    assert not StackFolder(folder).state.exists()
    assert exports == existing
    assert clean.returncode == 0, clean.stderr
    assert sql.postgres_answers(postgres.dsn)


def test_unreachable_existing_servers_are_named_without_their_password(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = _no_kafka()
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", closed)
    monkeypatch.setenv("DATABASE_URL", f"postgresql://someone:not-to-be-shown@{closed}/x")

    with pytest.raises(DevstackError, match=f"No Kafka broker answers at {closed}"):
        external_kafka()
    with pytest.raises(DevstackError, match="The Postgres of DATABASE_URL cannot be used") as caught:
        external_postgres()

    assert "not-to-be-shown" not in str(caught.value)
    assert not folder.exists()


def test_the_note_of_processes_survives_a_round_trip_and_drops_the_dead(tmp_path: Path) -> None:
    note = tmp_path / "devstack.json"
    own = ProcessIdentity.of(os.getpid())
    assert own is not None

    note_processes(note, {"Kafka": own, "Postgres": ProcessIdentity(own.pid, 1)})

    assert noted_processes(note) == {"Kafka": own}
    assert set(json.loads(note.read_text())) == {"Kafka", "Postgres"}


def _no_kafka() -> str:
    """Return a loopback address at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"
