"""Asking a Kafka broker for the requests that it understands: the smallest real request there is.

Owns the few bytes of the ApiVersions request, version 0, which every broker answers. Used to know that a
broker is ready, ours or an existing one; nothing is decided by what the answer lists.
"""

import socket
import struct

_API_VERSIONS = 18
_CORRELATION_ID = 7
_CLIENT_ID = b"devstack"
_LONGEST_ANSWER_BYTES = 1_000_000


def kafka_answers(bootstrap_servers: str, *, timeout_seconds: float = 2.0) -> bool:
    """Tell whether one of the brokers (`host:port,host:port`) answers an ApiVersions request in time."""
    return any(
        _broker_answers(*_host_and_port(server), timeout_seconds=timeout_seconds)
        for server in bootstrap_servers.split(",")
    )


def _host_and_port(server: str) -> tuple[str, int]:
    host, _, port = server.strip().rpartition(":")
    return (host.strip("[]"), int(port)) if host and port.isdigit() else (server.strip(), 9092)


def _broker_answers(host: str, port: int, *, timeout_seconds: float) -> bool:
    body = struct.pack(">hhih", _API_VERSIONS, 0, _CORRELATION_ID, len(_CLIENT_ID)) + _CLIENT_ID
    try:
        with socket.create_connection((host, port), timeout=timeout_seconds) as connection:
            connection.settimeout(timeout_seconds)
            connection.sendall(struct.pack(">i", len(body)) + body)
            (length,) = struct.unpack(">i", _read(connection, 4))
            if not 6 <= length <= _LONGEST_ANSWER_BYTES:
                return False
            correlation_id, error_code = struct.unpack(">ih", _read(connection, length)[:6])
    except (OSError, EOFError):
        return False
    return bool(correlation_id == _CORRELATION_ID and error_code == 0)


def _read(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        part = connection.recv(count - len(received))
        if not part:
            raise EOFError
        received += part
    return received
