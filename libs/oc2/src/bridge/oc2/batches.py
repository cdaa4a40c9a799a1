"""Invoice batches as the poller reads them: the list of generated batches, and a batch's invoices page by page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from bridge.oc2.access import Oc2Tenant
from bridge.oc2.calls import Oc2Calls
from bridge.oc2.failing import failure
from bridge.remote.outcome import Applied, Refused
from bridge.remote.pacing import http_date

MAX_BATCHES: Final = 100
MAX_INVOICES: Final = 500
_MAX_NUMBER: Final = 10**18
_GENERATED: Final = "GENERATED"


@dataclass(frozen=True, slots=True)
class Batch:
    """One generated batch. `changed_at` (UTC) and `invoice_count` are None where they cannot be read."""

    number: int
    changed_at: datetime | None
    invoice_count: int | None


@dataclass(frozen=True, slots=True)
class BatchPage:
    """One page of the list in ascending number. `rows` counts those that are no generated batch, too.

    A page with fewer rows than asked for is the last one; `last` is the highest number on it, where the next begins.
    `unreadable` counts rows without a readable number. `server_date` is the answer's `Date`.
    """

    batches: tuple[Batch, ...]
    rows: int
    unreadable: int
    last: int | None
    server_date: datetime | None


@dataclass(frozen=True, slots=True)
class InvoicePage:
    """One page of a batch's invoices as it came: raw rows, to be read one by one (`invoice.parse_invoice`).

    `total` is what OC2 says the batch holds, None where it does not say.
    """

    rows: tuple[object, ...]
    total: int | None
    server_date: datetime | None


class BatchCalls(Oc2Calls):
    """`GET /v1/invoice-batches` and `GET /v1/invoice-batches/{batchNumber}/invoices`."""

    async def list_batches(self, tenant: Oc2Tenant, *, after: int, count: int = MAX_BATCHES) -> BatchPage:
        """Return one page of the generated batches above number `after`.

        Args:
            tenant: Whose OC2.
            after: The last number of the page before, 0 for the first page.
            count: Batches wanted, 1 to 100.

        Raises:
            CredentialsRefusedError, RightsMissingError: Close the gate.
            RateLimitedError: Come back after `retry_after`.
            TargetUnavailableError: Try again later; an answer that does not go on from `after`, too.
        """
        if not 1 <= count <= MAX_BATCHES:
            raise ValueError(f"a page holds 1 to {MAX_BATCHES} batches, not {count}")
        query = (("state", _GENERATED), ("afterBatch", str(after)), ("limit", str(count)))
        what = f"batches after {after}"
        outcome = await self._read(tenant, "/v1/invoice-batches", query)
        body = outcome.body if isinstance(outcome, Applied) else None
        values = body.get("values") if isinstance(body, Mapping) else None
        if not isinstance(outcome, Applied) or not isinstance(values, list):
            raise failure(tenant, outcome, what)
        numbers = [number for value in values if (number := _number(value)) is not None]
        if any(number <= after for number in numbers) or (len(values) >= count and not numbers):
            # The next page would be this one again, for ever.
            raise failure(tenant, outcome, what)
        return BatchPage(
            batches=tuple(batch for value in values if (batch := _batch(value)) is not None),
            rows=len(values),
            unreadable=len(values) - len(numbers),
            last=max(numbers, default=None),
            server_date=http_date(outcome.answer.headers.get("date", "")),
        )

    async def list_invoices(self, tenant: Oc2Tenant, batch: int, *, offset: int, count: int) -> InvoicePage | None:
        """Return one page of a batch's invoices, None if OC2 has no such batch (any more). Raises as `list_batches`.

        Args:
            tenant: Whose OC2.
            batch: The batch's number.
            offset: Rows to leave out before this page.
            count: Rows wanted, 1 to 500; fewer in the answer means that it is the last page.
        """
        if not 1 <= count <= MAX_INVOICES or offset < 0:
            raise ValueError(f"no such page: offset {offset}, count {count}")
        query = (("offset", str(offset)), ("limit", str(count)))
        outcome = await self._read(tenant, f"/v1/invoice-batches/{batch}/invoices", query)
        if isinstance(outcome, Refused) and outcome.status == 404:
            return None
        body = outcome.body if isinstance(outcome, Applied) else None
        values = body.get("values") if isinstance(body, Mapping) else None
        if not isinstance(outcome, Applied) or not isinstance(body, Mapping) or not isinstance(values, list):
            raise failure(tenant, outcome, f"invoices of batch {batch} from row {offset}")
        date = http_date(outcome.answer.headers.get("date", ""))
        return InvoicePage(tuple(values), _whole(body.get("total")), date)


def _number(value: object) -> int | None:
    return _whole(value.get("batchNumber")) or None if isinstance(value, Mapping) else None


def _batch(value: object) -> Batch | None:
    number = _number(value)
    if not isinstance(value, Mapping) or number is None or value.get("state", _GENERATED) != _GENERATED:
        return None
    return Batch(number, _instant(value.get("changedAt")), _whole(value.get("invoiceCount")))


def _whole(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < _MAX_NUMBER else None


def _instant(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    # Without a zone it would mean another instant to each reader.
    return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
