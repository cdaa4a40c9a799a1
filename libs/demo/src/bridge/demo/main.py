"""The demo from start to end: the only module that knows every part."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

from bridge.demo.billing import Billing
from bridge.demo.cast import companies, introduce
from bridge.demo.closing import await_quiet, judge, show_ways_on, stay_up
from bridge.demo.customer_story import CustomerStory
from bridge.demo.errors import DemoError
from bridge.demo.ground import FOLDER, fresh_ground
from bridge.demo.invoice_story import InvoiceStory
from bridge.demo.norway import Register
from bridge.demo.opening import go_live, prepare
from bridge.demo.processes import PARTS, Part, running_services
from bridge.demo.scenario import Scenario
from bridge.demo.screen import Screen, terminal
from bridge.demo.stage import Stage
from bridge.demo.values import SPOKEN
from bridge.devstack.errors import DevstackError
from bridge.devstack.layout import StackFolder
from bridge.testkit.simulator_answers import SimulatorError
from bridge.testkit.simulators import SimulatorProcess


@dataclass(frozen=True, slots=True)
class Options:
    """How the demo is run. `parts` are the processes: a test may start one of its own in place of a service's.

    `unique_numbers` is whether Tripletex refuses an invoice number that it has already, as the real one does; without
    that nothing but the bridge keeps an invoice from being there twice.
    """

    stay: bool = False
    seed: int = 2026
    folder: Path = FOLDER
    unique_numbers: bool = True
    parts: Sequence[Part] = PARTS


def run(options: Options) -> int:
    """Play the demo; return 0 only if nothing was lost, doubled or out of order and the proof agrees.

    Raises:
        DemoError: It could not be played to its end.
        DevstackError: A server cannot be had.
    """
    folder = options.folder.resolve()
    with ExitStack() as stack:
        screen = Screen(terminal())
        ground = stack.enter_context(fresh_ground(folder, screen.say))
        simulators = stack.enter_context(SimulatorProcess(log_file=ground.logs / "simulators.log"))
        screen.say("Short values in this demo, by configuration:")
        for name, value in SPOKEN.items():
            screen.say(f"  {name}: {value}")
        cast = companies()
        console, passwords = prepare(ground, screen.say)
        screen.say(f"Starting {', '.join(part.name for part in options.parts)}")
        services = stack.enter_context(running_services(ground, passwords, options.parts, screen.say))
        for company in cast:
            introduce(company, simulators.admin)
        stage = Stage(cast, simulators.admin, services, console, screen)
        scenario = Scenario(
            CustomerStory(stage, Register(options.seed)),
            InvoiceStory(stage, Billing(options.seed, datetime.now(UTC).date()), unique=options.unique_numbers),
        )
        services.await_ready()
        with screen:
            stage.until(
                lambda: services.share_leases("poller") and services.share_leases("publisher"),
                "the replicas share the tenants",
            )
            go_live(stage, folder)
            scenario.play()
            await_quiet(stage)
        screen.say("Counting at the simulators, and asking `bridge proof`")
        good = judge(stage, screen)
        show_ways_on(ground, scenario, simulators.admin.port, services, screen, stay=options.stay)
        if options.stay:
            stay_up(services, screen.say)
        return 0 if good else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; a failure is one message on standard error and exit code 1."""
    parser = argparse.ArgumentParser(
        prog="python -m bridge.demo",
        description="The whole bridge on this machine: Kafka, Postgres, both systems simulated, five service "
        "processes; plays a story full of trouble and counts at the simulators what came of it.",
    )
    parser.add_argument("--stay", action="store_true", help="keep everything running afterwards, until Ctrl-C")
    parser.add_argument("--seed", type=int, default=2026, help="of the data (default: %(default)s)")
    parser.add_argument("--data", type=Path, default=FOLDER, help="data and logs, wiped first (default: %(default)s)")
    parser.add_argument(
        "--no-uniqueness",
        action="store_true",
        help="let Tripletex store an invoice number twice, which the real one refuses: the bridge alone must see to it",
    )
    found = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _leave)
    try:
        return run(Options(found.stay, found.seed, found.data, unique_numbers=not found.no_uniqueness))
    except (DemoError, DevstackError, SimulatorError) as error:
        print(error, file=sys.stderr)  # noqa: T201 (a command's answer)
        _point_at(StackFolder(found.data).logs)
        return 1
    except KeyboardInterrupt:
        print("Stopped; nothing of it runs any more.", file=sys.stderr)  # noqa: T201 (a command's answer)
        return 0 if found.stay else 130


def _point_at(logs: Path) -> None:
    """Name the logs, if it came to any."""
    if logs.is_dir() and any(logs.iterdir()):
        print(f"The logs are in {os.path.relpath(logs)}.", file=sys.stderr)  # noqa: T201 (a command's answer)


def _leave(signum: int, _: FrameType | None) -> NoReturn:
    sys.exit(128 + signum)
