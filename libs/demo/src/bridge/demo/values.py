"""The short values of the demo: what production waits minutes for, told once, here.

Owns the numbers and the environment that carries them to the services. They are configuration, nothing else: the
processes are those of production.
"""

from collections.abc import Mapping
from typing import Final

POLL_SECONDS: Final = 1.0
HTTP_TOTAL_SECONDS: Final = 2.0
SETTLE_SECONDS: Final = 5.0
LATE_EFFECT_SECONDS: Final = 5.5
"""After the client has given up, before the settle time is over: the case that settle exists for."""
SLOW_ANSWER_SECONDS: Final = 1.4
"""Long enough for the next version to be on its way, and an answer all the same."""

SPOKEN: Final[Mapping[str, str]] = {
    "poll interval": f"{POLL_SECONDS:g} s (default 60 s)",
    "call to a target given up after": f"{HTTP_TOTAL_SECONDS:g} s (default 45 s)",
    "settle, before an unanswered call is looked at or repeated": f"{SETTLE_SECONDS:g} s (default 120 s)",
    "lease": "4 s (default 30 s)",
    "first pause before another try": "0.3 s (default 2 s)",
    "look behind a closed gate": "every 1 s (default 30 s)",
}

_LEASE: Final = {"LEASE__TTL_SECONDS": "4", "LEASE__MARGIN_SECONDS": "1", "RELAY__DEADLINE_SECONDS": "3"}
_PULSE: Final = {"RELAY__IDLE_SECONDS": "0.1", "LIFECYCLE__DRAIN_SECONDS": "5", "HTTP__ALLOW_LOOPBACK": "1"}

_POLLER: Final = {
    "HTTP__CONNECT_SECONDS": "2",
    "HTTP__READ_SECONDS": "5",
    "HTTP__TOTAL_SECONDS": "8",
    "POLL__GATE_PROBE_SECONDS": "1",
    **_LEASE,
    **_PULSE,
}
_TRANSFORMER: Final = {"MAPPING__LAG_INTERVAL_SECONDS": "1"}
_PUBLISHER: Final = {
    "HTTP__CONNECT_SECONDS": "1",
    "HTTP__READ_SECONDS": f"{HTTP_TOTAL_SECONDS:g}",
    "HTTP__TOTAL_SECONDS": f"{HTTP_TOTAL_SECONDS:g}",
    "DELIVERY__SETTLE_SECONDS": f"{SETTLE_SECONDS:g}",
    "DELIVERY__BACKOFF_SECONDS": "0.3",
    "DELIVERY__BACKOFF_CAP_SECONDS": "2",
    "DELIVERY__GATE_PROBE_SECONDS": "1",
    **_LEASE,
    **_PULSE,
}


def variables(service: str) -> dict[str, str]:
    """Return the short values of a service as its environment variables."""
    found = {"poller": _POLLER, "transformer": _TRANSFORMER, "publisher": _PUBLISHER}[service]
    return {f"{service.upper()}_{name}": value for name, value in found.items()}
