"""What it takes to speak to Tripletex for one tenant.

Owns no secret: it names how to read them, anew at each log-in, so that a new token in its file works without a restart.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import SecretStr

from bridge.contracts.identity import TenantId


@dataclass(frozen=True, slots=True)
class Tokens:
    """The two tokens of a log-in; neither is ever shown. Any non-empty text is a token: its form says nothing."""

    consumer: SecretStr = field(repr=False)
    employee: SecretStr = field(repr=False)


@dataclass(frozen=True, slots=True)
class TripletexTenant:
    """Where a tenant's Tripletex is and who we are there.

    `base_url` ends before the first path segment of the API, e.g. `https://tripletex.no/v2`. `read_tokens` may raise
    a BridgeError that names the missing secret; it passes through every call unchanged.
    """

    tenant: TenantId
    base_url: str
    company_id: int
    read_tokens: Callable[[], Tokens] = field(repr=False, compare=False)

    def url(self, path: str) -> str:
        """Return the absolute address of an API path that begins with a slash."""
        return self.base_url.rstrip("/") + path
