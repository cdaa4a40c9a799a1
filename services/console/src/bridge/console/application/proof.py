"""The proof that no change is lost: the counts of every flow, and whether they add up."""

from dataclasses import dataclass
from typing import Protocol

from bridge.console.application.known import KnowsTenants, require_known
from bridge.console.domain.proof import FlowCounts
from bridge.contracts.identity import TenantId


class ProofStore(KnowsTenants, Protocol):
    """Where the counts come from."""

    async def counts(self, tenant: TenantId | None) -> list[FlowCounts]:
        """Return the counts of every flow, all taken at one moment."""
        ...


@dataclass(frozen=True, slots=True)
class Proof:
    """The counts and the verdict."""

    flows: tuple[FlowCounts, ...]

    @property
    def holds(self) -> bool:
        """Whether every sum matches."""
        return not any(flow.problems for flow in self.flows)

    @property
    def quiet(self) -> bool:
        """Whether nothing is on its way any more."""
        return all(flow.quiet for flow in self.flows)


async def prove(store: ProofStore, tenant: TenantId | None) -> Proof:
    """Count and judge, for one tenant or all.

    Raises:
        UnknownTenantError: There is no such tenant.
    """
    await require_known(store, tenant)
    return Proof(tuple(await store.counts(tenant)))
