"""What it takes to speak to OC2 for one tenant. Owns no secret: it names how to read the key."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import SecretStr

from bridge.contracts.identity import TenantId


@dataclass(frozen=True, slots=True)
class Oc2Tenant:
    """Where a tenant's OC2 is and how its key is read.

    `base_url` ends before `/v1`. `read_key` may raise a BridgeError that names the missing secret; it passes through
    every call unchanged.
    """

    tenant: TenantId
    base_url: str
    read_key: Callable[[], SecretStr] = field(repr=False, compare=False)

    def url(self, path: str) -> str:
        """Return the absolute address of a path that begins with a slash."""
        return self.base_url.rstrip("/") + path
