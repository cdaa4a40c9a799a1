"""The customers of Tripletex as the poller's source.

Translates rows, errors and pauses. Owns no cursor and no gate.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from bridge.contracts.identity import SourceId, TenantId
from bridge.contracts.reasons import Reason
from bridge.poller.adapters.customer_rows import to_seen
from bridge.poller.application.ports import Page, SourceClosedError, SourcePausedError
from bridge.poller.domain.memory import SeenGone, Sight
from bridge.remote.errors import AccessDeniedError, RateLimitedError
from bridge.runtime.errors import SourceUnavailableError
from bridge.tenancy.secrets import SecretMissingError
from bridge.tripletex.access import TripletexTenant
from bridge.tripletex.client import TripletexClient
from bridge.tripletex.customer import CustomerRow, UnreadableRow
from bridge.tripletex.customers import CustomerPage


class TripletexSource:
    """Reads through one client for all tenants; see `ports.CustomerSource`."""

    def __init__(self, client: TripletexClient, access: Callable[[TenantId], TripletexTenant]) -> None:
        self._client = client
        self._access = access

    async def list_page(
        self, tenant: TenantId, *, changed_since: datetime | None, inactive: bool, offset: int, count: int
    ) -> Page:
        """Read one page; a page without a `Date` is no use, since the cursor could not move by it."""
        page = await self._list(tenant, changed_since=changed_since, inactive=inactive, offset=offset, count=count)
        if page.server_date is None:
            raise SourceUnavailableError(
                f"Tripletex answered tenant {tenant} without a Date; the next poll tries again."
            )
        rows = page.parsed()
        return Page(
            sights=tuple(to_seen(row) for row in rows),
            rows=len(rows),
            first=_id_of(rows[0]) if rows else None,
            last=_id_of(rows[-1]) if rows else None,
            server_date=page.server_date,
        )

    async def count_after(self, tenant: TenantId, *, bound: datetime, inactive: bool) -> int:
        """Ask for one row changed since `bound`."""
        page = await self._list(tenant, changed_since=bound, inactive=inactive, offset=0, count=1)
        return len(page.rows)

    async def get(self, tenant: TenantId, source_id: SourceId) -> Sight:
        """Read one row alone; only Tripletex's own 404 means that it is gone."""
        with self._paced_and_translated(tenant):
            row = await self._client.get_customer(self._access(tenant), source_id)
        return SeenGone(source_id) if row is None else to_seen(row, alone=True)

    async def check(self, tenant: TenantId) -> None:
        """Prove session, company, and the right to read customers."""
        with self._paced_and_translated(tenant):
            await self._client.check_access(self._access(tenant))
        await self._list(tenant, changed_since=None, inactive=False, offset=0, count=1)

    async def _list(
        self, tenant: TenantId, *, changed_since: datetime | None, inactive: bool, offset: int, count: int
    ) -> CustomerPage:
        with self._paced_and_translated(tenant):
            return await self._client.list_customers(
                self._access(tenant), inactive=inactive, offset=offset, count=count, changed_since=changed_since
            )

    @contextmanager
    def _paced_and_translated(self, tenant: TenantId) -> Iterator[None]:
        if (pause := self._client.pause(tenant)) > 0:
            message = f"The poller's share of the rate window of tenant {tenant} is used up."
            raise SourcePausedError(message, retry_after=timedelta(seconds=pause))
        try:
            yield
        except RateLimitedError as error:
            raise SourcePausedError(str(error), retry_after=error.pause) from error
        except AccessDeniedError as error:
            raise SourceClosedError(error.reason, str(error)) from error
        except SecretMissingError as error:
            raise SourceClosedError(Reason.SECRET_MISSING, str(error)) from error


def _id_of(row: CustomerRow | UnreadableRow) -> SourceId | None:
    return row.id
