"""`python -m bridge.demo.world --host HOST --port PORT --folder DIR`: companies for simulators that run elsewhere.

Makes the three companies known to both simulated systems, writes the tenant file with its secrets below DIR, and fills
the sources. A second run gives out new secrets and writes no source twice.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bridge.demo.billing import Billing
from bridge.demo.cast import companies, introduce, write_tenant_file
from bridge.demo.norway import Register
from bridge.demo.sources import fill_batches, fill_sources
from bridge.testkit.simulator_answers import SimulatorError
from bridge.testkit.simulators import SimulatorAdmin


def make_world(simulators: SimulatorAdmin, folder: Path, *, poll_seconds: float, seed: int) -> Path:
    """Make the companies, their tenant file and, where there is none yet, their data; return the file's path.

    Raises:
        SimulatorError: The simulators refused.
    """
    cast = companies()
    for company in cast:
        introduce(company, simulators)
    file = write_tenant_file(cast, simulators, folder, poll_interval_seconds=poll_seconds)
    if not any(simulators.history(company.company_id) for company in cast):
        fill_sources(cast, simulators, Register(seed))
        fill_batches(cast, simulators, Billing(seed, datetime.now(UTC).date()))
    return file


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; a failure is one message on standard error and exit code 1."""
    parser = argparse.ArgumentParser(
        prog="python -m bridge.demo.world", description="Give running simulators three companies with data."
    )
    parser.add_argument("--host", required=True, help="where the simulators are, as the services shall name it")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="for the tenant file and its secrets")
    parser.add_argument("--poll-seconds", type=float, default=5.0, help="of each tenant (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=2026, help="of the data (default: %(default)s)")
    found = parser.parse_args(arguments)
    simulators = SimulatorAdmin(found.port, host=found.host)
    try:
        file = make_world(simulators, found.folder, poll_seconds=found.poll_seconds, seed=found.seed)
    except (OSError, SimulatorError) as error:
        print(f"The simulators at {found.host}:{found.port} got no companies: {error}", file=sys.stderr)  # noqa: T201 (a command's answer)
        return 1
    print(f"The companies are there; {file} declares them.")  # noqa: T201 (a command's answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
