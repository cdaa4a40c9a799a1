"""The short time-outs of a system under test, and the environment that carries them and the addresses to it.

Owns numbers only: the processes are those of production.
"""

import os
from collections.abc import Mapping
from typing import Final

from pydantic import SecretStr

from bridge.runtime.settings import KafkaSettings
from bridge.testkit.databases import as_role

LEASE_SECONDS: Final = 6.0
HTTP_TOTAL_SECONDS: Final = 3.0
SETTLE_SECONDS: Final = 6.0
DRAIN_SECONDS: Final = 20.0
ROLE_PASSWORD: Final = SecretStr("only-for-tests")

_OURS: Final = ("BRIDGE_", "CONSOLE_", "POLLER_", "TRANSFORMER_", "PUBLISHER_", "DATABASE_URL", "KAFKA_BOOTSTRAP")

_BOTH: Final = {
    "LEASE__TTL_SECONDS": f"{LEASE_SECONDS:g}",
    "LEASE__MARGIN_SECONDS": "0.5",
    "RELAY__DEADLINE_SECONDS": "4",
    "RELAY__IDLE_SECONDS": "0.1",
    "HTTP__ALLOW_LOOPBACK": "1",
    "POSTGRES__CONNECT_TIMEOUT_SECONDS": "5",
}
_VALUES: Final[Mapping[str, Mapping[str, str]]] = {
    "poller": {
        **_BOTH,
        "HTTP__CONNECT_SECONDS": "2",
        "HTTP__READ_SECONDS": "3",
        "HTTP__TOTAL_SECONDS": "4",
        "POLL__GATE_PROBE_SECONDS": "0.5",
    },
    "transformer": {"MAPPING__SEND_DEADLINE_SECONDS": "15"},
    "publisher": {
        **_BOTH,
        "HTTP__CONNECT_SECONDS": "2",
        "HTTP__READ_SECONDS": f"{HTTP_TOTAL_SECONDS:g}",
        "HTTP__TOTAL_SECONDS": f"{HTTP_TOTAL_SECONDS:g}",
        "INGEST__WAIT_SECONDS": "0.05",
        "DELIVERY__SETTLE_SECONDS": f"{SETTLE_SECONDS:g}",
        "DELIVERY__BACKOFF_SECONDS": "0.2",
        "DELIVERY__BACKOFF_CAP_SECONDS": "1",
        "DELIVERY__LOOK_EVERY_SECONDS": "0.05",
        "DELIVERY__GATE_PROBE_SECONDS": "0.5",
        "DELIVERY__ERRANDS_EVERY_SECONDS": "0.2",
    },
}


def clean_environment() -> dict[str, str]:
    """Return this process's environment without anything that leads to other servers."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}


def service_environment(service: str, *, dsn: str, kafka: KafkaSettings) -> dict[str, str]:
    """Return the whole environment of a service with short time-outs, signed in by its own role.

    Args:
        dsn: The database owner's.
    """
    values = {
        "KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "KAFKA__TOPIC_PREFIX": kafka.topic_prefix,
        # The shortest that is allowed: a killed member's partitions are free after it.
        "KAFKA__SESSION_TIMEOUT_SECONDS": "6",
        "LIFECYCLE__DRAIN_SECONDS": f"{DRAIN_SECONDS:g}",
        **_VALUES[service],
    }
    if service != "transformer":
        role = as_role(dsn, f"bridge_{service}", ROLE_PASSWORD)
        values["POSTGRES__DSN"] = role.dsn.get_secret_value()
    return {**clean_environment(), **{f"{service.upper()}_{name}": value for name, value in values.items()}}
