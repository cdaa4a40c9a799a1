"""OC2 behind `application.target.CustomerTarget` and `application.source.ReceiptSource`.

Finds each tenant's address and key, and asks our client.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from bridge.contracts.identity import TenantId
from bridge.oc2.access import Oc2Tenant
from bridge.oc2.client import ListOutcome, Oc2Client, TermOutcome
from bridge.oc2.receipts import Receipt
from bridge.oc2.terms import chosen_term
from bridge.publisher.application.target import CustomerBody
from bridge.remote.outcome import Outcome
from bridge.runtime.errors import TargetUnavailableError
from bridge.tenancy.directory import TenantDirectory
from bridge.tenancy.secrets import read

PROBE_DAYS: Final = 0
"""The probe asks for the terms of 0 days: the smallest answer there is."""


class Oc2Target:
    """All tenants' OC2s; a tenant that has moved is asked at its new address from the next call on."""

    def __init__(self, client: Oc2Client, directory: TenantDirectory) -> None:
        self._client = client
        self._directory = directory

    async def put_list(self, tenant: TenantId, customers: Sequence[CustomerBody], *, not_after: float) -> ListOutcome:
        return await self._client.put_customers(self._access(tenant), customers, not_after=not_after)

    async def put_one(
        self, tenant: TenantId, customer: CustomerBody, *, not_after: float, idempotency_key: str
    ) -> Outcome:
        return await self._client.put_customer(
            self._access(tenant), customer, not_after=not_after, idempotency_key=idempotency_key
        )

    async def held(self, tenant: TenantId, number: int) -> CustomerBody | None:
        return await self._client.get_customer(self._access(tenant), number)

    async def term_id(self, tenant: TenantId, days: int) -> int | None:
        found = chosen_term(await self._client.list_payment_terms(self._access(tenant), days), days)
        return found.id if found else None

    async def create_term(self, tenant: TenantId, days: int, *, not_after: float) -> TermOutcome:
        return await self._client.create_payment_term(self._access(tenant), days, not_after=not_after)

    async def tell(self, tenant: TenantId, batch: int, receipts: Sequence[Receipt], *, not_after: float) -> Outcome:
        return await self._client.post_receipts(self._access(tenant), batch, receipts, not_after=not_after)

    async def told(self, tenant: TenantId, batch: int) -> Mapping[int, Receipt] | None:
        return await self._client.list_receipts(self._access(tenant), batch)

    async def probe(self, tenant: TenantId) -> None:
        # A key that was changed after a refusal is in its file already, so the one remembered must go first.
        self._client.forget(tenant)
        await self._client.list_payment_terms(self._access(tenant), PROBE_DAYS)

    def _access(self, tenant: TenantId) -> Oc2Tenant:
        known = self._directory.tenants.get(tenant)
        if known is None:
            raise TargetUnavailableError(f"Tenant {tenant} cannot be read from the table, so its OC2 is not known.")
        spec = known.spec.oc2
        return Oc2Tenant(tenant, spec.base_url, lambda: read(spec.api_key, tenant=tenant))
