"""After the story: quiet, the judgement, and the ways to look on.

Owns what must be over before anything is counted.
"""

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from bridge.demo.console import PROGRAM
from bridge.demo.ground import FOLDER, Ground
from bridge.demo.judge import disagreements, faults, see
from bridge.demo.opening import ENVIRONMENT_FILE
from bridge.demo.processes import Services
from bridge.demo.report import show_result, show_verdict
from bridge.demo.scenario import Scenario
from bridge.demo.screen import Screen
from bridge.demo.stage import Stage
from bridge.demo.values import POLL_SECONDS

_LOOK_SECONDS: Final = 1.0


def await_quiet(stage: Stage, scenario: Scenario) -> None:
    """Wait until the late effect has come, every edit is read, and the bridge has nothing on its way any more."""
    stage.until(scenario.late_effects_are_over, "the effect after the time-out comes at last")
    stage.await_read(stage.cast, "one more poll of each source")
    stage.until(lambda: stage.proof().quiet, "everything is quiet")


def judge(stage: Stage, screen: Screen) -> bool:
    """Count at the simulators, compare with the proof, print both; return whether all is as it should be."""
    proof = stage.prove()
    seen = [
        see(
            company.tenant,
            stage.simulators.history(company.company_id),
            stage.simulators.ledger(company.tenant),
            stage.listed(company),
        )
        for company in stage.cast
    ]
    problems = [problem for each in seen for problem in faults(each)]
    for each in seen:
        found = proof.told.get(each.tenant)
        problems += disagreements(each, found) if found else [f"{each.tenant}: the proof does not know it."]
    if not proof.holds:
        problems.append("`bridge proof` says that the sums do not match.")
    show_result(screen.terminal, seen, proof.told, poll_seconds=POLL_SECONDS)
    show_verdict(screen.terminal, problems)
    return not problems


def show_ways_on(ground: Ground, scenario: Scenario, services: Services, screen: Screen, *, stay: bool) -> None:
    """Print what to look at next, ready to paste."""
    tenant, number = scenario.star
    say = partial(screen.terminal.print, soft_wrap=True)  # a command that is broken in two cannot be pasted
    say(f"\nThe journey of customer {number}, whose first edit took effect after the time-out:")
    say(f"  {_look(ground.folder, tenant, number)}", style="bold")
    if stay:
        say("\nEverything keeps running. In another terminal:")
        say(f"  source {_shown(ground.folder / ENVIRONMENT_FILE)}", style="bold")
        for words in (f"where customer {number} --tenant {tenant}", "status", "proof"):
            say(f"  {_shown(PROGRAM)} {words}", style="bold")
        say("\nWhat else can be asked and done: docs/cli.md, or --help behind any command.")
        say("\nProbes and metrics (/livez, /readyz, /metrics):")
        for name, port in services.ports().items():
            say(f"  {name:<12} http://127.0.0.1:{port}/metrics")
        say(f"  {'simulators':<12} http://127.0.0.1:{scenario.stage.simulators.port}/admin/requests")
        say("\nCtrl-C stops it.")
    else:
        say(f"\nThe logs are in {_shown(ground.logs)}; `make up` plays the same and keeps everything running.")


def stay_up(services: Services, say: Callable[[str], None]) -> None:
    """Keep everything running until somebody interrupts, or a process dies."""
    try:
        while True:
            services.check()
            time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        say("Stopping everything; the data and the logs stay")
        raise


def _look(folder: Path, tenant: str, number: int) -> str:
    if folder == FOLDER:
        return f"make where T={tenant} N={number}"
    python = _shown(Path(sys.executable))
    return f"{python} -m bridge.demo.look --data {_shown(folder)} where customer {number} --tenant {tenant}"


def _shown(path: Path) -> str:
    return os.path.relpath(path)
