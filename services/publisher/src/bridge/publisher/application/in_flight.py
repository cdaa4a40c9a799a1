"""What this process has in its hands: every claim from its commit until its result is durable."""

from collections import Counter
from collections.abc import Iterable

from bridge.contracts.identity import Flow, TenantId
from bridge.publisher.application.verdict import Claim
from bridge.publisher.domain.delivery.model import EntityKey


class InFlight:
    """The claims in hand, counted per tenant and flow; an entity is in it at most once."""

    def __init__(self) -> None:
        self._claims: dict[EntityKey, Claim] = {}
        self._per_flow: Counter[tuple[TenantId, Flow]] = Counter()

    def __contains__(self, key: EntityKey) -> bool:
        return key in self._claims

    def __len__(self) -> int:
        return len(self._claims)

    def of(self, tenant: TenantId, flow: Flow) -> int:
        """Return how many entities of the tenant's flow are in hand."""
        return self._per_flow[tenant, flow]

    def add(self, claims: Iterable[Claim]) -> None:
        """Take claims in hand."""
        for claim in claims:
            key = claim.parcel.key
            self._claims[key] = claim
            self._per_flow[key.tenant, key.flow] += 1

    def drop(self, claims: Iterable[Claim]) -> None:
        """Let claims go: their results are durable, or another owner has them. A later claim of one stays in hand."""
        for claim in claims:
            key = claim.parcel.key
            if self._claims.get(key) is not claim:
                continue
            del self._claims[key]
            self._per_flow[key.tenant, key.flow] -= 1
            if not self._per_flow[key.tenant, key.flow]:
                del self._per_flow[key.tenant, key.flow]
