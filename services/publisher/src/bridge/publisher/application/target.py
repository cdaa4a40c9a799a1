"""The target of the customers flow, as the use cases see it.

Writing calls return what became of them; reading calls return what was read, or raise: AccessDeniedError or
SecretMissingError (the tenant's gate closes), TransientError (try again later).
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from bridge.contracts.identity import TenantId
from bridge.oc2.client import ListOutcome, TermOutcome
from bridge.remote.outcome import Outcome

CustomerBody = Mapping[str, object]


class CustomerTarget(Protocol):
    """OC2, for all tenants of the process. `not_after` is in boot seconds: no first byte leaves after it."""

    async def put_list(self, tenant: TenantId, customers: Sequence[CustomerBody], *, not_after: float) -> ListOutcome:
        """Create or replace up to 200 customers, each on its own."""
        ...

    async def put_one(
        self, tenant: TenantId, customer: CustomerBody, *, not_after: float, idempotency_key: str
    ) -> Outcome:
        """Create or replace one customer."""
        ...

    async def held(self, tenant: TenantId, number: int) -> CustomerBody | None:
        """Return the customer as the target holds it, or None if there is none."""
        ...

    async def term_id(self, tenant: TenantId, days: int) -> int | None:
        """Return the lowest id of the payment terms with that number of days, or None if there is none."""
        ...

    async def create_term(self, tenant: TenantId, days: int, *, not_after: float) -> TermOutcome:
        """Create the term; if one exists, it is returned."""
        ...

    async def probe(self, tenant: TenantId) -> None:
        """Make one safe call that shows whether the tenant's target can be used."""
        ...
