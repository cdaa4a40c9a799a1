"""The simulators as a process: started, spoken to and stopped through the launcher that tests and demo use."""

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from bridge.devstack.waiting import holds_within
from bridge.testkit.simulator_answers import SimulatorError
from bridge.testkit.simulators import SimulatorProcess

DOCUMENTS = Path(__file__).parents[1] / "documents"


def is_running(pid: int) -> bool:
    """Whether a process of this id lives and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_launcher_starts_serves_and_stops() -> None:
    with SimulatorProcess(documents=DOCUMENTS) as simulators:
        pid = simulators.pid
        admin = simulators.admin
        admin.put_company(501, name="A", consumer_token="c", employee_token="e", changedSinceMode="exclusive")
        admin.put_tenant("nord", api_key="k", terms=[{"id": 7, "name": "14 dager", "days": 14}])
        written = admin.write_customers(501, [{"name": "A"}, {"name": "B", "customerNumber": 0}])
        admin.delete_customer(501, written[0].id)
        admin.put_oc2_customer("nord", 5, {"customerNumber": 5})
        admin.add_fault("slow", system="oc2", kind="latency", seconds=0.01, scope="nord")
        admin.set_clock(offset_seconds=60)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{simulators.oc2_url('nord')}/v1/nothing", timeout=5)
        refused.value.close()

        assert [row.customer_number for row in written] == [10001, 0]
        assert [state.deleted for state in admin.history(501)] == [False, False, True]
        assert admin.ledger("nord").customers == {5: {"customerNumber": 5}}
        assert [term["id"] for term in admin.ledger("nord").terms] == [7]
        assert admin.faults()["slow"].hits == 1
        assert [(row.path, row.status, row.faults) for row in admin.requests()] == [("/v1/nothing", 401, ("slow",))]
        assert admin.violations() == ["oc2 GET /v1/nothing (request 1, nord): the path is not in the document"]
        assert admin.expire_sessions(501) == admin.sessions_created(501) == 0
        assert admin.new_token(501, "fresh") == "fresh"
        with pytest.raises(SimulatorError, match="no company has this id"):
            admin.revoke_token(502)
        admin.reset()
        assert admin.faults() == {}

    assert not is_running(pid)


def test_simulators_end_when_their_parent_is_killed() -> None:
    program = (
        "import signal; from bridge.testkit.simulators import SimulatorProcess;"
        "print(SimulatorProcess().start().pid, flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        os.kill(parent.pid, signal.SIGKILL)

    assert holds_within(lambda: not is_running(pid), timeout_seconds=10)


def test_start_that_fails_says_so(tmp_path: Path) -> None:
    log_file = tmp_path / "log"

    with pytest.raises(SimulatorError, match="did not start"):
        SimulatorProcess(documents=tmp_path / "nowhere", log_file=log_file).start()

    assert "tripletex-openapi.json" in log_file.read_text(encoding="utf-8")


def test_simulators_whose_parent_is_gone_before_they_start_do_not_stay() -> None:
    command = [sys.executable, "-m", "bridge.simulator", "--parent-pid", "1"]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert ended.returncode == 1
    assert ended.stderr == "the parent process 1 is gone\n"
