"""Processes under control: whose death ends them and whose does not, and what a signal reaches."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bridge.devstack.errors import DevstackError
from bridge.devstack.ports import free_ports
from bridge.devstack.process import ManagedProcess, tail
from bridge.devstack.waiting import holds_within

_TREE = "sleep 61 & sleep 62 & wait"


def _start(tmp_path: Path, script: str) -> ManagedProcess:
    return ManagedProcess.start(["sh", "-c", script], name="Child", log=tmp_path / "child.log")


def test_process_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    started: list[ManagedProcess] = []

    def start_and_see_it_run() -> None:
        process = _start(tmp_path, "echo running; sleep 60")
        started.append(process)
        assert holds_within(lambda: "running" in process.log.read_text(), timeout_seconds=60)

    thread = threading.Thread(target=start_and_see_it_run)
    thread.start()
    thread.join()
    died = started[0].wait(timeout_seconds=0.3)
    started[0].kill()

    assert not died


def test_kill_reaches_the_whole_tree(tmp_path: Path) -> None:
    process = _start(tmp_path, _TREE)
    assert holds_within(lambda: len(process.identity.tree()) == 3, timeout_seconds=60)
    family = process.identity.tree()

    process.kill()

    assert not any(member.is_alive() for member in family)


def test_pause_freezes_the_whole_tree_until_resume(tmp_path: Path) -> None:
    process = _start(tmp_path, "(while :; do echo tick; sleep 0.01; done) & wait")
    assert holds_within(lambda: process.log.stat().st_size > 0, timeout_seconds=60)

    process.pause()
    size_when_paused = process.log.stat().st_size
    went_on = holds_within(lambda: process.log.stat().st_size > size_when_paused, timeout_seconds=0.3)
    process.resume()
    goes_on = holds_within(lambda: process.log.stat().st_size > size_when_paused, timeout_seconds=60)
    process.kill()

    assert not went_on
    assert goes_on


def test_process_that_ignores_the_request_to_stop_is_killed_and_named(tmp_path: Path) -> None:
    process = _start(tmp_path, "trap '' TERM; echo stubborn; while :; do sleep 0.05; done")
    assert holds_within(lambda: "stubborn" in process.log.read_text(), timeout_seconds=60)

    with pytest.raises(DevstackError, match=r"(?s)Child did not stop within 0 s and was killed.*stubborn"):
        process.terminate(timeout_seconds=0.2)

    assert not process.running


def test_program_that_does_not_exist_says_so_in_the_log(tmp_path: Path) -> None:
    process = ManagedProcess.start(["/no/such/program"], name="Child", log=tmp_path / "child.log")

    assert process.wait(timeout_seconds=60)
    assert process.exit_code != 0
    assert "No such file or directory" in tail(process.log)


def test_free_ports_differ_and_stay_out_of_the_range_that_clients_are_given() -> None:
    ports = free_ports(50)

    ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert len(set(ports)) == 50
    assert all(port < ephemeral for port in ports)


@pytest.mark.parametrize("fixture", ["kafka", "postgres"])
def test_a_server_that_cannot_be_had_fails_its_tests_and_never_skips_them(tmp_path: Path, fixture: str) -> None:
    (tmp_path / "test_needs_a_server.py").write_text(f"def test_something({fixture}): ...\n")
    unreachable = f"127.0.0.1:{free_ports(1)[0]}"
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": unreachable,
        "DATABASE_URL": f"postgresql://nobody@{unreachable}/x",
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }

    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "conftest", "-p", "no:cacheprovider", "."],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert "1 error" in answer.stdout
    assert "skipped" not in answer.stdout
    assert unreachable in answer.stdout
