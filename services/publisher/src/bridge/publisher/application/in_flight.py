"""What this process has in its hands: every claim from its commit until its result is durable."""

from collections import Counter
from collections.abc import Iterable

from bridge.contracts.identity import TenantId
from bridge.publisher.application.verdict import Claim
from bridge.publisher.domain.delivery.model import EntityKey


class InFlight:
    """The claims in hand, counted per tenant; an entity is in it at most once."""

    def __init__(self) -> None:
        self._claims: dict[EntityKey, Claim] = {}
        self._per_tenant: Counter[TenantId] = Counter()

    def __contains__(self, key: EntityKey) -> bool:
        return key in self._claims

    def __len__(self) -> int:
        return len(self._claims)

    def of(self, tenant: TenantId) -> int:
        """Return how many of the tenant's entities are in hand."""
        return self._per_tenant[tenant]

    def add(self, claims: Iterable[Claim]) -> None:
        """Take claims in hand."""
        for claim in claims:
            self._claims[claim.parcel.key] = claim
            self._per_tenant[claim.parcel.key.tenant] += 1

    def drop(self, claims: Iterable[Claim]) -> None:
        """Let claims go: their results are durable, or another owner has them."""
        for claim in claims:
            if self._claims.pop(claim.parcel.key, None) is None:
                continue
            tenant = claim.parcel.key.tenant
            self._per_tenant[tenant] -= 1
            if not self._per_tenant[tenant]:
                del self._per_tenant[tenant]
