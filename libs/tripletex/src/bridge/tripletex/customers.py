"""Customers as the poller reads them: page by page, and one by one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bridge.contracts.identity import SourceId
from bridge.remote.outcome import Applied, Refused
from bridge.remote.pacing import RateReading, http_date, read_rate
from bridge.tripletex.access import TripletexTenant
from bridge.tripletex.calls import MAX_COUNT, Calls
from bridge.tripletex.customer import FIELDS, CustomerRow, UnreadableRow, parse_customer
from bridge.tripletex.failing import CODE_NOT_FOUND, failure, value_of


@dataclass(frozen=True, slots=True)
class CustomerPage:
    """One page as it came.

    `rows` are the raw elements of `values[]`, to be read one by one (`parsed`). A page with fewer rows than asked for
    is the last one; `full_result` is for display only, since it is no total. `server_date` is the answer's `Date`.
    """

    rows: tuple[object, ...]
    server_date: datetime | None
    full_result: int | None
    rate: RateReading

    def parsed(self) -> list[CustomerRow | UnreadableRow]:
        """Read every row on its own."""
        return [parse_customer(row) for row in self.rows]


class CustomerCalls(Calls):
    """`GET /customer`. A row is read with floats, as its hash and its raw form have always been made."""

    async def list_customers(
        self,
        tenant: TripletexTenant,
        *,
        inactive: bool,
        offset: int,
        count: int,
        changed_since: datetime | None = None,
        ids: Sequence[SourceId] | None = None,
    ) -> CustomerPage:
        """Return one page of customers in ascending id.

        Args:
            tenant: Whose customers.
            inactive: Which half: the API hides inactive customers unless it is asked for them.
            offset: Rows to leave out before this page.
            count: Rows wanted, 1 to 1,000; fewer in the answer means that it is the last page.
            changed_since: Only what changed since then; sent as UTC without a zone. The far side may ignore it.
            ids: Only these rows; not empty.

        Raises:
            CredentialsRefusedError, WrongCompanyError, RightsMissingError, TooManyCustomersError: Close the gate.
            RateLimitedError: Come back after `retry_after`.
            SourceUnavailableError: Try again later; nothing of the page can be used.
        """
        if not 1 <= count <= MAX_COUNT or offset < 0 or (ids is not None and not ids):
            raise ValueError(f"no such page: offset {offset}, count {count}, {ids if ids is None else len(ids)} ids")
        query = [
            ("fields", FIELDS),
            ("sorting", "id"),
            ("isInactive", "true" if inactive else "false"),
            ("from", str(offset)),
            ("count", str(count)),
        ]
        if changed_since is not None:
            query.append(("changedSince", changed_since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")))
        if ids is not None:
            query.append(("id", ",".join(ids)))
        what = f"customers from row {offset}"
        outcome = await self._read(tenant, "/customer", query, decimals=False)
        if not isinstance(outcome, Applied) or not isinstance(outcome.body, Mapping):
            raise failure(tenant, outcome, what)
        values = outcome.body.get("values")
        if not isinstance(values, list):
            raise failure(tenant, outcome, what)
        headers, total = outcome.answer.headers, outcome.body.get("fullResultSize")
        return CustomerPage(
            rows=tuple(values),
            server_date=http_date(headers.get("date", "")),
            full_result=total if isinstance(total, int) else None,
            rate=read_rate(headers),
        )

    async def get_customer(self, tenant: TripletexTenant, customer_id: SourceId) -> CustomerRow | UnreadableRow | None:
        """Return one customer, or None if Tripletex itself says that there is no such id (404, code 6000).

        Any other 404 is a failure: a page of a proxy must not pass for a deleted customer.

        Raises:
            The same as `list_customers`.
        """
        what = f"customer with id {customer_id}"
        outcome = await self._read(tenant, f"/customer/{customer_id}", [("fields", FIELDS)], decimals=False)
        match outcome:
            case Applied() if value := value_of(outcome):
                return parse_customer(value)
            case Refused(status=404, code=code) if code == CODE_NOT_FOUND:
                return None
            case _:
                raise failure(tenant, outcome, what)
