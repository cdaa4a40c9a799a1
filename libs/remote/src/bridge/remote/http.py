"""The HTTP port: what a client may ask of the network, and the two ways in which it may get no answer.

Owns request and answer as values and the errors of the road between. Must not know a transport, a tenant, or what an
answer means. Credentials travel in `headers`, which no representation shows.

    HttpFailureError
      NotSentError     not one byte of the request left this process: nothing can have happened
      AnswerLostError  bytes left, the answer did not come whole: anything may have happened
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol
from urllib.parse import urlsplit

from bridge.runtime.errors import BridgeError


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits of one call in seconds; `total` runs from the hand-over to the last byte of the answer."""

    connect: float = 5.0
    write: float = 10.0
    read: float = 30.0
    pool: float = 5.0
    total: float = 60.0

    def __post_init__(self) -> None:
        if min(self.connect, self.write, self.read, self.pool, self.total) <= 0:
            raise ValueError("every HTTP time-out must be greater than 0 seconds")


DEFAULT_TIMEOUTS: Final = Timeouts()
"""Answers of Tripletex took up to 25 seconds where they were measured, hence the long read time."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request. `url` is absolute and holds neither query nor secret; `headers` and `body` are never shown."""

    method: str
    url: str
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        """Return the host the request goes to, for logs and errors; empty if the address is none."""
        try:
            return urlsplit(self.url).hostname or ""
        except ValueError:
            return ""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One whole answer. Header names are lower-case; `elapsed` is in seconds."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    elapsed: float = 0.0


class HttpFailureError(BridgeError):
    """A call without a whole answer."""


class NotSentWhy(StrEnum):
    """What kept the first byte from leaving."""

    CONNECT = "connect"
    POOL = "pool"
    DEADLINE = "deadline"
    ADDRESS = "address"
    REQUEST = "request"


class NotSentError(HttpFailureError):
    """No byte of the request left this process; asking again is safe."""

    def __init__(self, reason: NotSentWhy, sentence: str) -> None:
        self.reason = reason
        super().__init__(sentence)


class LostKind(StrEnum):
    """How an answer was lost."""

    TIMEOUT = "timeout"
    RESET = "reset"
    HALF = "half"
    TOO_LARGE = "too_large"


class AnswerLostError(HttpFailureError):
    """The request left and its whole answer did not come; `status` is set if at least that much arrived."""

    def __init__(self, kind: LostKind, sentence: str, status: int | None = None) -> None:
        self.kind = kind
        self.status = status
        super().__init__(sentence)


class HttpPort(Protocol):
    """The edge of the world, as our clients see it."""

    async def send(self, request: HttpRequest, *, timeouts: Timeouts, not_after: float | None = None) -> HttpAnswer:
        """Send one request once and return its whole answer, whatever its status; follow no redirect.

        Args:
            request: What to send.
            timeouts: Limits of this call, in seconds.
            not_after: Boot seconds after which the first byte must not leave; None for no such limit.

        Raises:
            NotSentError: Nothing left this process.
            AnswerLostError: Something left; the effect is unknown.
        """
        ...
