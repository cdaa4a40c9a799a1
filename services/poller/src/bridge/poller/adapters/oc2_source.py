"""The invoice batches of OC2 as the poller's source.

Translates rows, errors and pauses. Owns no cursor and no gate.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bridge.contracts.identity import TenantId
from bridge.contracts.reasons import Reason
from bridge.oc2.access import Oc2Tenant
from bridge.oc2.batches import MAX_BATCHES
from bridge.oc2.client import Oc2Client
from bridge.poller.adapters.invoice_rows import to_seen
from bridge.poller.application.ports import BatchList, InvoicePage, SourceClosedError, SourcePausedError
from bridge.poller.domain.batches import ListedBatch
from bridge.remote.errors import AccessDeniedError, RateLimitedError
from bridge.runtime.errors import SourceUnavailableError
from bridge.tenancy.secrets import SecretMissingError


class Oc2Source:
    """Reads through one client for all tenants; see `ports.InvoiceSource`."""

    def __init__(self, client: Oc2Client, access: Callable[[TenantId], Oc2Tenant]) -> None:
        self._client = client
        self._access = access

    async def list_batches(self, tenant: TenantId, *, after: int) -> BatchList:
        """Read one page; a page without a `Date` is no use, since nothing could be called settled by it."""
        with _translated():
            page = await self._client.list_batches(self._access(tenant), after=after)
        if page.server_date is None:
            raise SourceUnavailableError(f"OC2 answered tenant {tenant} without a Date; the next poll tries again.")
        return BatchList(
            batches=tuple(ListedBatch(one.number, one.changed_at, one.invoice_count) for one in page.batches),
            unreadable=page.unreadable,
            last=page.last if page.rows >= MAX_BATCHES else None,
            server_date=page.server_date,
        )

    async def list_invoices(
        self, tenant: TenantId, batch: ListedBatch, *, offset: int, count: int
    ) -> InvoicePage | None:
        """Read one page of a batch, each row on its own."""
        with _translated():
            page = await self._client.list_invoices(self._access(tenant), batch.number, offset=offset, count=count)
        return None if page is None else InvoicePage(tuple(to_seen(row, batch) for row in page.rows), page.total)

    async def check(self, tenant: TenantId) -> None:
        """Prove key and right by asking for one batch."""
        with _translated():
            await self._client.list_batches(self._access(tenant), after=0, count=1)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except RateLimitedError as error:
        raise SourcePausedError(str(error), retry_after=error.pause) from error
    except AccessDeniedError as error:
        raise SourceClosedError(error.reason, str(error)) from error
    except SecretMissingError as error:
        raise SourceClosedError(Reason.SECRET_MISSING, str(error)) from error
