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

from bridge.demo.cast import Company
from bridge.demo.console import PROGRAM
from bridge.demo.counts import Seen, disagreements, faults
from bridge.demo.evidence import gather
from bridge.demo.ground import FOLDER, Ground
from bridge.demo.invoice_judge import see_invoices
from bridge.demo.judge import see
from bridge.demo.listing import listed_customers
from bridge.demo.opening import ENVIRONMENT_FILE
from bridge.demo.processes import Services
from bridge.demo.report import show_result, show_verdict
from bridge.demo.scenario import Scenario, Star, late_effects_are_over
from bridge.demo.screen import Screen
from bridge.demo.stage import Stage
from bridge.demo.values import POLL_SECONDS

_LOOK_SECONDS: Final = 1.0


def await_quiet(stage: Stage) -> None:
    """Wait until late effects have come, all is read, and the bridge has nothing on its way any more."""
    stage.until(lambda: late_effects_are_over(stage.simulators), "what comes after its time-out has come at last")
    stage.await_customers_read(stage.cast, "one more poll of each Tripletex")
    stage.await_batches_read(stage.cast, "one more poll of each OC2")
    stage.until(lambda: stage.proof().quiet() and _orders_are_closed(stage), "everything is quiet")


def judge(stage: Stage, screen: Screen) -> bool:
    """Count at the simulators, compare with the proof, print both; return whether all is as it should be."""
    proof = stage.prove()
    seen = [each for company in stage.cast for each in _seen(stage, company)]
    problems = [problem for each in seen for problem in faults(each)]
    for each in seen:
        found = proof.told.get((each.tenant, each.flow))
        problems += disagreements(each, found) if found else [f"{each.tenant}: the proof knows no {each.flow}."]
    if not proof.holds:
        problems.append("`bridge proof` says that the sums do not match.")
    show_result(screen.terminal, seen, proof, poll_seconds=POLL_SECONDS)
    show_verdict(screen.terminal, problems)
    return not problems


def _seen(stage: Stage, company: Company) -> tuple[Seen, Seen]:
    history = stage.simulators.history(company.company_id)
    ledger = stage.simulators.ledger(company.tenant)
    customers = see(company.tenant, history, ledger, listed_customers(stage.simulators, company))
    return customers, see_invoices(gather(company, stage.simulators))


def _orders_are_closed(stage: Stage) -> bool:
    """Tell whether each invoiced number has a closed order behind it; a double's order is nobody's to close."""
    orders = [order for company in stage.cast for order in stage.simulators.books(company.company_id).orders()]
    invoiced = {number for order in orders for number in order.invoice_numbers}
    return invoiced <= {number for order in orders if order.is_closed for number in order.invoice_numbers}


def show_ways_on(
    ground: Ground, scenario: Scenario, simulators_port: int, services: Services, screen: Screen, *, stay: bool
) -> None:
    """Print what to look at next, ready to paste."""
    say = partial(screen.terminal.print, soft_wrap=True)  # a command that is broken in two cannot be pasted
    say("\nThe journeys of those whose content took effect after the time-out:")
    for star in scenario.stars:
        say(f"  {_look(ground.folder, star)}", style="bold")
    if stay:
        say("\nEverything keeps running. In another terminal:")
        say(f"  source {_shown(ground.folder / ENVIRONMENT_FILE)}", style="bold")
        for words in (*(f"where {star.words}" for star in scenario.stars), "status", "proof"):
            say(f"  {_shown(PROGRAM)} {words}", style="bold")
        say("\nWhat else can be asked and done: docs/cli.md, or --help behind any command.")
        say("\nProbes and metrics (/livez, /readyz, /metrics):")
        for name, port in services.ports().items():
            say(f"  {name:<12} http://127.0.0.1:{port}/metrics")
        say(f"  {'simulators':<12} http://127.0.0.1:{simulators_port}/admin/requests")
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


def _look(folder: Path, star: Star) -> str:
    if folder == FOLDER:
        return f"make where T={star.tenant} {star.variable}={star.number}"
    python = _shown(Path(sys.executable))
    return f"{python} -m bridge.demo.look --data {_shown(folder)} where {star.words}"


def _shown(path: Path) -> str:
    return os.path.relpath(path)
