"""The log of all requests to both systems, without anything secret.

Owns what is written down and what is blotted out. It must not know what an answer means.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.simulator.exchange import Json, JsonObject, Request

_BLOT = "***"
_TOKEN_NAMES = frozenset({"consumerToken", "employeeToken", "token", "refreshToken"})
_SESSION_PATH = "/token/session/"
_MAX_ENTRIES = 200_000


@dataclass(slots=True)
class Entry:
    """One request; `status` is None until it is answered and stays None if no answer was sent."""

    seq: int
    at: float
    system: str
    scope: str | None
    method: str
    path: str
    query: JsonObject
    body: Json
    traceparent: str | None
    status: int | None = None
    faults: tuple[str, ...] = ()

    def as_json(self) -> JsonObject:
        """The entry as the admin door shows it."""
        return {
            "seq": self.seq,
            "at": self.at,
            "system": self.system,
            "scope": self.scope,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "body": self.body,
            "traceparent": self.traceparent,
            "status": self.status,
            "faults": list(self.faults),
        }


@dataclass(slots=True)
class RequestLog:
    """The newest 200,000 requests, numbered from 1."""

    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=_MAX_ENTRIES))
    last_seq: int = 0

    def begin(self, request: Request, *, system: str, scope: str | None, at: float) -> Entry:
        """Write the request down; the caller sets status and faults later."""
        self.last_seq += 1
        entry = Entry(
            seq=self.last_seq,
            at=at,
            system=system,
            scope=scope,
            method=request.method,
            path=public_path(request.path),
            query=_public_query(request.query),
            body=_public_body(request),
            traceparent=request.headers.get("traceparent"),
        )
        self.entries.append(entry)
        return entry

    def since(self, seq: int) -> list[Entry]:
        """The entries after number `seq`."""
        return [entry for entry in self.entries if entry.seq > seq]


def public_path(path: str) -> str:
    """The path without a session token in it."""
    rest = path.removeprefix(_SESSION_PATH)
    secret = path.startswith(_SESSION_PATH) and not rest.startswith((":", ">"))
    return _SESSION_PATH + _BLOT if secret else path


def _public_query(query: Mapping[str, tuple[str, ...]]) -> JsonObject:
    shown: JsonObject = {}
    for name, values in query.items():
        if name in _TOKEN_NAMES:
            shown[name] = _BLOT
        else:
            shown[name] = values[0] if len(values) == 1 else list(values)
    return shown


def _public_body(request: Request) -> Json:
    if not request.body:
        return None
    try:
        parsed = request.json()
    except ValueError:
        return "(not JSON)"
    if isinstance(parsed, dict):
        return {name: _BLOT if name in _TOKEN_NAMES else value for name, value in parsed.items()}
    return parsed
