"""Tripletex behind `application.target.InvoiceTarget`: finds each tenant's address and tokens, asks our client.

Reading calls wait their turn in the tenant's rate window here, so that no use case has to count requests.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from bridge.contracts.identity import TenantId
from bridge.contracts.reasons import Reason
from bridge.remote.errors import AccessDeniedError, RateLimitedError, RightsMissingError
from bridge.remote.outcome import Outcome
from bridge.runtime.clock import Clock
from bridge.runtime.errors import TargetUnavailableError
from bridge.tenancy import secrets
from bridge.tenancy.directory import TenantDirectory
from bridge.tripletex.access import Tokens, TripletexTenant
from bridge.tripletex.client import TripletexClient
from bridge.tripletex.invoice_body import InvoiceRequest
from bridge.tripletex.invoices import InvoiceOutcome, StoredInvoice
from bridge.tripletex.orders import FoundOrder
from bridge.tripletex.references import CustomerRef, Reference, VatType

_LONGEST_WAIT_SECONDS: Final = 30.0


class BankAccountMissingError(AccessDeniedError):
    """The company can make no invoice until it has a bank account number."""

    reason = Reason.BANK_ACCOUNT_MISSING


class TripletexTarget:
    """All tenants' Tripletex; a tenant that has moved is asked at its new address from the next call on."""

    def __init__(self, client: TripletexClient, directory: TenantDirectory, clock: Clock) -> None:
        self._client = client
        self._directory = directory
        self._clock = clock

    async def customers(self, tenant: TenantId, numbers: Sequence[int]) -> Mapping[int, Sequence[CustomerRef]]:
        return await self._client.customers_by_number(await self._in_turn(tenant), numbers)

    async def departments(self, tenant: TenantId, number: str) -> Sequence[Reference]:
        return await self._client.departments(await self._in_turn(tenant), number)

    async def projects(self, tenant: TenantId, number: str) -> Sequence[Reference]:
        return await self._client.projects(await self._in_turn(tenant), number)

    async def currencies(self, tenant: TenantId, code: str) -> Sequence[Reference]:
        return await self._client.currencies(await self._in_turn(tenant), code)

    async def vat_types(self, tenant: TenantId, on: str) -> Mapping[str, VatType]:
        return await self._client.vat_types(await self._in_turn(tenant), on)

    async def room_for_invoice(self, tenant: TenantId, *, latest: float) -> float | None:
        if await self._client.wait_for_room(tenant, latest=latest):
            return None
        return self._client.pause(tenant)

    async def create_invoice(self, tenant: TenantId, invoice: InvoiceRequest, *, not_after: float) -> InvoiceOutcome:
        return await self._client.create_invoice(self._access(tenant), invoice, not_after=not_after)

    async def find_invoices(self, tenant: TenantId, number: int) -> Sequence[StoredInvoice]:
        return await self._client.find_invoices(await self._in_turn(tenant), number)

    async def orders_by_number(self, tenant: TenantId, number: str) -> Sequence[FoundOrder]:
        return await self._client.find_orders_by_number(await self._in_turn(tenant), number)

    async def orders_by_invoice(self, tenant: TenantId, invoice_number: int) -> Sequence[FoundOrder]:
        return await self._client.find_orders_by_marker(await self._in_turn(tenant), invoice_number)

    async def order_state(self, tenant: TenantId, order_id: int) -> FoundOrder | None:
        return await self._client.get_order(await self._in_turn(tenant), order_id)

    async def close_order(self, tenant: TenantId, order: FoundOrder, *, not_after: float) -> Outcome:
        access = await self._in_turn(tenant)
        return await self._client.close_order(access, order.id, order.version, not_after=not_after)

    async def bank_account_ready(self, tenant: TenantId) -> bool | None:
        return await self._client.bank_account_ready(await self._in_turn(tenant))

    async def period_closed(self, tenant: TenantId, day: str) -> bool | None:
        return await self._client.period_closed(await self._in_turn(tenant), day)

    async def probe(self, tenant: TenantId, reason: Reason) -> None:
        access = self._access(tenant)
        await self._client.check_access(access)
        if reason is Reason.RATE_LIMITED:
            # Tripletex answers again, however long the pause was said to last: the window begins anew.
            self._client.forget(tenant)
        if reason is Reason.BANK_ACCOUNT_MISSING and await self._client.bank_account_ready(access) is False:
            raise BankAccountMissingError(f"Tripletex, tenant {tenant}: the company still has no bank account number.")
        if reason in (Reason.RIGHTS_MISSING, Reason.TARGET_DOWN) and not await self._client.may_invoice(access):
            raise RightsMissingError(f"Tripletex, tenant {tenant}: the token still may not read invoices or orders.")

    async def _in_turn(self, tenant: TenantId) -> TripletexTenant:
        """Wait for room in the rate window.

        Raises:
            RateLimitedError: The window is closed for longer than a reading call is worth waiting for.
        """
        if not await self._client.wait_for_room(tenant, latest=self._clock.boot() + _LONGEST_WAIT_SECONDS):
            pause = timedelta(seconds=self._client.pause(tenant))
            raise RateLimitedError(f"Tripletex, tenant {tenant}: its rate window has no room.", retry_after=pause)
        return self._access(tenant)

    def _access(self, tenant: TenantId) -> TripletexTenant:
        known = self._directory.tenants.get(tenant)
        if known is None:
            raise TargetUnavailableError(
                f"Tenant {tenant} cannot be read from the table, so its Tripletex is not known."
            )
        spec = known.spec.tripletex

        def read_tokens() -> Tokens:
            return Tokens(
                consumer=secrets.read(spec.consumer_token, tenant=tenant),
                employee=secrets.read(spec.employee_token, tenant=tenant),
            )

        return TripletexTenant(tenant, spec.base_url, spec.company_id, read_tokens)
