"""The targets of the flows, as the use cases see them.

Writing calls return what became of them; reading calls return what was read, or raise: AccessDeniedError or
SecretMissingError (the tenant's gate closes), TransientError (try again later). `not_after` is in boot seconds: no
first byte leaves after it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

from bridge.contracts.identity import Flow, TenantId
from bridge.contracts.reasons import Reason
from bridge.oc2.client import ListOutcome, TermOutcome
from bridge.remote.outcome import Outcome
from bridge.tenancy.gates import System
from bridge.tripletex.invoice_body import InvoiceRequest
from bridge.tripletex.invoices import InvoiceOutcome, StoredInvoice
from bridge.tripletex.orders import FoundOrder
from bridge.tripletex.references import CustomerRef, Reference, VatType

CustomerBody = Mapping[str, object]

TARGETS: Final[Mapping[Flow, System]] = {Flow.CUSTOMERS: System.OC2, Flow.INVOICES: System.TRIPLETEX}
"""The system that each flow writes to."""

Probe = Callable[[TenantId, Reason], Awaitable[None]]
"""One safe call that shows whether what the reason names is mended; it raises as reading calls do if it is not."""


class CustomerTarget(Protocol):
    """OC2, for all tenants of the process."""

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


class ReferenceTarget(Protocol):
    """Tripletex's registers that an invoice refers to. Each gives exact matches only; an empty result is a fact."""

    async def customers(self, tenant: TenantId, numbers: Sequence[int]) -> Mapping[int, Sequence[CustomerRef]]:
        """Return the customers of each number, active and inactive; each number is a key."""
        ...

    async def departments(self, tenant: TenantId, number: str) -> Sequence[Reference]:
        """Return the departments with that number."""
        ...

    async def projects(self, tenant: TenantId, number: str) -> Sequence[Reference]:
        """Return the projects with that number."""
        ...

    async def currencies(self, tenant: TenantId, code: str) -> Sequence[Reference]:
        """Return the currencies with that code."""
        ...

    async def vat_types(self, tenant: TenantId, on: str) -> Mapping[str, VatType]:
        """Return the codes for sales that are active on that day (YYYY-MM-DD), by code."""
        ...


class InvoiceTarget(ReferenceTarget, Protocol):
    """Tripletex's invoices, for all tenants of the process. Reading calls wait for room in the tenant's rate window."""

    async def room_for_invoice(self, tenant: TenantId, *, latest: float) -> float | None:
        """Wait until the next call may begin and return None; if that is not before `latest`, return the wait left."""
        ...

    async def create_invoice(self, tenant: TenantId, invoice: InvoiceRequest, *, not_after: float) -> InvoiceOutcome:
        """Make the invoice and, unless it names one, its order; nothing is mailed."""
        ...

    async def find_invoices(self, tenant: TenantId, number: int) -> Sequence[StoredInvoice]:
        """Return every invoice with that number, whatever its date."""
        ...

    async def orders_by_number(self, tenant: TenantId, number: str) -> Sequence[FoundOrder]:
        """Return every order with that number."""
        ...

    async def orders_by_invoice(self, tenant: TenantId, invoice_number: int) -> Sequence[FoundOrder]:
        """Return the orders that we made for that invoice, with or without it."""
        ...

    async def bank_account_ready(self, tenant: TenantId) -> bool | None:
        """Tell whether invoices can be made at all for want of a bank account; None if it does not tell."""
        ...

    async def period_closed(self, tenant: TenantId, day: str) -> bool | None:
        """Tell whether the accounting period of that day is closed; None if it does not tell."""
        ...

    async def probe(self, tenant: TenantId, reason: Reason) -> None:
        """Make the safe calls that show whether what the reason names is mended."""
        ...


class OrderTarget(Protocol):
    """Tripletex's orders behind confirmed invoices, for all tenants of the process."""

    async def order_state(self, tenant: TenantId, order_id: int) -> FoundOrder | None:
        """Return the order as it is there, None if there is none."""
        ...

    async def close_order(self, tenant: TenantId, order: FoundOrder, *, not_after: float) -> Outcome:
        """Close an order that was just read; repeating it changes nothing."""
        ...
