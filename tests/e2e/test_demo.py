"""`make demo` as a newcomer runs it, and the same story with a publisher that does not wait for late effects."""

import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.demo.main import Options, run
from bridge.demo.processes import PARTS, Part
from bridge.devstack.waiting import holds_within

_HASTY = Path(__file__).with_name("hasty_publisher.py")
_FAREWELL = "Nothing lost, nothing doubled, nothing out of order; simulators and `bridge proof` agree."

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def folder(server_folder: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A fresh data folder; nothing that was started in it may outlive the test."""
    path = server_folder / f"demo-{abs(hash(request.node.name))}"
    yield path
    assert _processes_in(path) == []


@pytest.fixture(autouse=True)
def own_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo starts its own servers, whatever the tests stand on."""
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_the_demo_passes_twice_in_one_folder_and_shows_a_journey_when_it_is_over(folder: Path) -> None:
    for _ in range(2):
        answer = subprocess.run(_command(folder), capture_output=True, text=True, check=False)

        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert _FAREWELL in answer.stdout
        assert _processes_in(folder) == []

    for words, title in (
        ("where customer 20008 --tenant fjordbygg", "Customer 20008 of tenant fjordbygg"),
        ("where invoice 10472 --tenant fjordbygg", "Invoice 10472 of tenant fjordbygg"),
    ):
        look = next(line for line in answer.stdout.splitlines() if words in line)
        journey = subprocess.run(shlex.split(look), capture_output=True, text=True, check=False)
        assert journey.returncode == 0, journey.stderr
        assert title in journey.stdout
        assert "in_doubt" in journey.stdout


def test_without_unique_numbers_at_tripletex_the_bridge_alone_keeps_every_invoice_single(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(Options(folder=folder, unique_numbers=False))

    shown = capsys.readouterr().out
    assert code == 0, shown
    assert _FAREWELL in shown


def test_without_the_settle_time_an_older_content_overwrites_a_newer_one_and_an_invoice_is_there_twice(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hasty = (sys.executable, str(_HASTY))
    parts = [Part(p.service, p.name, hasty) if p.service == "publisher" else p for p in PARTS]

    code = run(Options(folder=folder, unique_numbers=False, parts=parts))

    shown = capsys.readouterr().out
    assert code == 1, shown
    assert "fjordbygg: an older content overwrote a newer one of 20008." in shown
    assert "fjordbygg: OC2 does not hold what the source shows for 20008." in shown
    assert "fjordbygg: more than once at Tripletex: invoice 10472." in shown


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL], ids=lambda found: found.name)
def test_a_demo_that_is_stopped_takes_every_process_with_it(folder: Path, signum: signal.Signals) -> None:
    demo = subprocess.Popen(_command(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert demo.stdout is not None
    shown = next(line for line in demo.stdout if "the replicas share the tenants" in line)
    assert len(_processes_in(folder)) > len(PARTS), shown

    demo.send_signal(signum)
    with demo:
        demo.stdout.read()

    assert demo.returncode != 0
    assert holds_within(lambda: _processes_in(folder) == [], timeout_seconds=60)


def _command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "bridge.demo", "--data", str(folder)]


def _processes_in(folder: Path) -> list[str]:
    """Return every process that has the folder in its command line or environment."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            texts = [(process / name).read_bytes() for name in ("cmdline", "environ")] if process.name.isdigit() else []
        except OSError:  # it has ended, or is another user's
            continue
        if any(str(folder).encode() in text for text in texts):
            found.append(process.name)
    return found
