"""Loopback ports for servers, and where a server remembers its own.

Ports are taken from below the kernel's ephemeral range: a client that knocks at the port of a stopped server
may otherwise be given that very port as its own source port, connect to itself, and block the restart.
"""

import json
import random
import socket
from collections.abc import Sequence
from pathlib import Path

from bridge.devstack.errors import DevstackError
from bridge.devstack.files import write_atomically

_LOWEST = 15_000
_FALLBACK_EPHEMERAL_START = 32_768
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_ATTEMPTS = 1_000


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Return that many different loopback ports on which nothing listens.

    Raises:
        DevstackError: No free port was found.
    """
    highest = max(_ephemeral_start() - 1, _LOWEST + 1_000)
    chosen: list[int] = []
    for _ in range(_ATTEMPTS):
        if len(chosen) == count:
            return chosen
        port = random.randint(_LOWEST, highest)  # noqa: S311 - nothing secret about a port
        if port not in chosen and is_free(port):
            chosen.append(port)
    raise DevstackError(f"No free loopback port between {_LOWEST} and {highest}; stop something and try again.")


def remembered_ports(note: Path, count: int) -> list[int] | None:
    """Return the ports that an earlier start wrote down, or None if there was none."""
    if not note.exists():
        return None
    ports = [int(port) for port in json.loads(note.read_text(encoding="utf-8"))]
    return ports if len(ports) == count else None


def remember_ports(note: Path, ports: Sequence[int]) -> None:
    """Write the ports down for the next start."""
    write_atomically(note, json.dumps(list(ports)))


def _ephemeral_start() -> int:
    try:
        return int(_EPHEMERAL_RANGE.read_text(encoding="ascii").split()[0])
    except OSError:
        return _FALLBACK_EPHEMERAL_START
