"""The source of the invoices flow, as far as it is told what became of them."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from bridge.contracts.identity import TenantId
from bridge.oc2.receipts import Receipt
from bridge.remote.outcome import Outcome


class ReceiptSource(Protocol):
    """OC2, for all tenants of the process. `not_after` is in boot seconds: no first byte leaves after it."""

    async def tell(self, tenant: TenantId, batch: int, receipts: Sequence[Receipt], *, not_after: float) -> Outcome:
        """Record up to 500 receipts of one batch, all or none.

        `Refused` with 404 means that the batch is archived, or that the address is wrong: see `probe`.
        """
        ...

    async def told(self, tenant: TenantId, batch: int) -> Mapping[int, Receipt] | None:
        """Return the newest receipt of each invoice of a batch, by number; None if there is no such batch.

        Raises:
            AccessDeniedError, SecretMissingError: The tenant's gate closes.
            TransientError: Try again later.
        """
        ...

    async def probe(self, tenant: TenantId) -> None:
        """Make one safe call outside of any batch, to show that address and key are right. Raises as `told`."""
        ...
