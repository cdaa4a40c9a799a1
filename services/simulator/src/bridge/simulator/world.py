"""Everything that one simulator process holds, in one place that can be emptied.

Owns composition only; it must not know HTTP.
"""

from dataclasses import dataclass, field

from bridge.simulator.clock import Clock
from bridge.simulator.contract import Checker
from bridge.simulator.faults import Faults
from bridge.simulator.log import RequestLog
from bridge.simulator.oc2.api import Oc2
from bridge.simulator.tripletex.api import Tripletex


@dataclass(slots=True)
class World:
    """Both systems, their clock, the faults, the log, and the check against the contract documents."""

    clock: Clock = field(default_factory=Clock)
    faults: Faults = field(default_factory=Faults)
    log: RequestLog = field(default_factory=RequestLog)
    checker: Checker = field(default_factory=Checker)
    tripletex: Tripletex = field(init=False)
    oc2: Oc2 = field(init=False)

    def __post_init__(self) -> None:
        self.tripletex = Tripletex(self.clock)
        self.oc2 = Oc2(self.clock)

    def reset(self) -> None:
        """Begin anew: no companies, tenants, faults, requests or violations, and real time again.

        Effects of requests still under way fall into the old state.
        """
        self.clock.set_offset(0)
        self.faults = Faults()
        self.log = RequestLog()
        self.checker.violations.clear()
        self.tripletex = Tripletex(self.clock)
        self.oc2 = Oc2(self.clock)
