"""The OC2 client: customers and payment terms, on top of batches and receipts.

Owns paths and the reading of answers. Must not know deliveries or gates. Writing calls return what became of them;
reading calls return what was read, or raise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.contracts.reasons import Reason
from bridge.oc2.access import Oc2Tenant
from bridge.oc2.batches import BatchCalls
from bridge.oc2.customer import CustomerBody
from bridge.oc2.failing import failure
from bridge.oc2.receipts import ReceiptCalls
from bridge.oc2.terms import PaymentTerm, chosen_term, read_term, term_name
from bridge.remote.classify import CallKind
from bridge.remote.outcome import Applied, NotSent, Outcome, Refused, Unauthorized, Unknown
from bridge.remote.problem import FieldProblem, read_problem

MAX_BULK: Final = 200


@dataclass(frozen=True, slots=True)
class Stored:
    """OC2 holds the customer as sent; `how` is CREATED, REPLACED or UNCHANGED."""

    how: str


CustomerResult = Stored | Refused | Unknown
"""What became of one customer of a list that OC2 worked through."""


@dataclass(frozen=True, slots=True)
class ListResults:
    """OC2 worked through the list: one result a customer, in the order sent."""

    results: tuple[CustomerResult, ...]


ListOutcome = ListResults | Refused | NotSent | Unknown | Unauthorized
"""A `Refused` here is about the list: its customers are then sent alone."""

TermOutcome = PaymentTerm | Refused | NotSent | Unknown | Unauthorized


class Oc2Client(ReceiptCalls, BatchCalls):
    """Calls for all tenants of a process; the arguments are those of `bridge.oc2.calls.Oc2Calls`."""

    async def put_customers(
        self, tenant: Oc2Tenant, customers: Sequence[CustomerBody], *, not_after: float | None = None
    ) -> ListOutcome:
        """Create or replace up to 200 customers, each on its own.

        A customer that the answer does not mention, or mentions in an unknown way, is Unknown.

        Args:
            tenant: Whose OC2.
            customers: Bodies with different customer numbers.
            not_after: Boot seconds after which the first byte must not leave.
        """
        if not 1 <= len(customers) <= MAX_BULK:
            raise ValueError(f"a list holds 1 to {MAX_BULK} customers, not {len(customers)}")
        outcome = await self._write(
            tenant, "POST", "/v1/customers/bulk", CallKind.BULK_PUT, {"customers": list(customers)}, not_after
        )
        if not isinstance(outcome, Applied):
            return outcome
        answered = _results(outcome.body)
        if answered is None:
            return Unknown("the answer holds no list of results")
        return ListResults(tuple(_result(answered.get(body["customerNumber"], ())) for body in customers))

    async def put_customer(
        self,
        tenant: Oc2Tenant,
        customer: CustomerBody,
        *,
        not_after: float | None = None,
        idempotency_key: str | None = None,
    ) -> Outcome:
        """Create or replace one customer; repeating the same request changes nothing."""
        headers = {"idempotency-key": idempotency_key} if idempotency_key else {}
        path = f"/v1/customers/{customer['customerNumber']}"
        return await self._write(tenant, "PUT", path, CallKind.IDEMPOTENT_PUT, customer, not_after, headers)

    async def get_customer(self, tenant: Oc2Tenant, customer_number: int) -> CustomerBody | None:
        """Return the customer as OC2 holds it, or None if OC2 itself says that there is none.

        Raises:
            CredentialsRefusedError, RightsMissingError: Close the gate.
            RateLimitedError: Come back after `retry_after`.
            TargetUnavailableError: Try again later.
        """
        what = f"customer {customer_number}"
        outcome = await self._read(tenant, f"/v1/customers/{customer_number}", ())
        match outcome:
            case Applied(body=dict() as body) if body.get("customerNumber") == customer_number:
                return body
            case Refused(status=404):
                return None
            case _:
                raise failure(tenant, outcome, what)

    async def list_payment_terms(self, tenant: Oc2Tenant, days: int | None = None) -> tuple[PaymentTerm, ...]:
        """Return all payment terms, or those with that number of days. Raises as `get_customer` does."""
        query = () if days is None else (("days", str(days)),)
        what = "payment terms"
        outcome = await self._read(tenant, "/v1/payment-terms", query)
        if not isinstance(outcome, Applied) or not isinstance(outcome.body, Mapping):
            raise failure(tenant, outcome, what)
        values = outcome.body.get("values")
        terms = [read_term(value) for value in values] if isinstance(values, list) else [None]
        found = tuple(term for term in terms if term is not None)
        if len(found) != len(terms):
            raise failure(tenant, outcome, what)
        # Compared here too: a filter that the far side ignores must not give a term of other days.
        return found if days is None else tuple(term for term in found if term.days == days)

    async def create_payment_term(self, tenant: Oc2Tenant, days: int, *, not_after: float | None = None) -> TermOutcome:
        """Create the term with that number of days; if one exists, it is returned instead (409)."""
        body = {"name": term_name(days), "days": days}
        outcome = await self._write(tenant, "POST", "/v1/payment-terms", CallKind.POST_CREATE, body, not_after)
        match outcome:
            case Applied(body=found) | Refused(status=409, body=found):
                term = read_term(found)
                return term if term is not None and term.days == days else Unknown("the answer is no such term")
            case _:
                return outcome

    async def ensure_payment_term(self, tenant: Oc2Tenant, days: int, *, not_after: float | None = None) -> TermOutcome:
        """Return the term to use for that number of days, created if there is none: the lowest id of several.

        Raises as `get_customer` does if the register cannot be read.
        """
        existing = chosen_term(await self.list_payment_terms(tenant, days), days)
        return existing or await self.create_payment_term(tenant, days, not_after=not_after)


def _results(body: object) -> dict[object, list[Mapping[str, object]]] | None:
    results = body.get("results") if isinstance(body, Mapping) else None
    if not isinstance(results, list):
        return None
    found: dict[object, list[Mapping[str, object]]] = {}
    for entry in results:
        if isinstance(entry, Mapping) and type(number := entry.get("customerNumber")) is int:
            found.setdefault(number, []).append(entry)
    return found


def _result(entries: Sequence[Mapping[str, object]]) -> CustomerResult:
    if any(one.get("status") != entries[0].get("status") for one in entries):
        return Unknown("the answer holds results for this customer that contradict each other")
    entry = entries[0] if entries else None
    status = entry.get("status") if entry else None
    match status:
        case "CREATED" | "REPLACED" | "UNCHANGED":
            return Stored(str(status))
        case "REJECTED":
            fields = _fields(entry)
            detail = "; ".join(f"{f.field}: {f.message}" for f in fields)
            return Refused(Reason.TARGET_REFUSED, 422, fields=fields, detail=detail)
        case _:
            return Unknown("the answer holds no result for this customer")


def _fields(entry: Mapping[str, object] | None) -> tuple[FieldProblem, ...]:
    problem = read_problem({"status": 422, "errors": (entry or {}).get("errors")})
    return problem.fields if problem else ()
