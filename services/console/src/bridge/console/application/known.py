"""Whether a tenant that somebody names is one of this cell's."""

from typing import Protocol

from bridge.contracts.identity import TenantId
from bridge.tenancy.apply import UnknownTenantError


class KnowsTenants(Protocol):
    """Something that can be asked for a tenant."""

    async def knows(self, tenant: TenantId) -> bool:
        """Whether this cell ever had the tenant."""
        ...


async def require_known(store: KnowsTenants, tenant: TenantId | None) -> None:
    """Refuse a tenant that this cell never had; None stands for all of them.

    Raises:
        UnknownTenantError: Names the tenant and how to see those there are.
    """
    if tenant is not None and not await store.knows(tenant):
        raise UnknownTenantError(f"There is no tenant {tenant} here. 'bridge tenants list' shows those there are.")
