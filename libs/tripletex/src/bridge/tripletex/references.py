"""What an invoice refers to, found by the number that people use.

Owns the exact comparison: Tripletex ignores a filter that it does not know, and some filters are "contains", so every
row is compared here and no row is ever taken because it came first. Nothing is remembered: an object that is made a
moment later is found by the next call.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bridge.tripletex import reading
from bridge.tripletex.access import TripletexTenant
from bridge.tripletex.calls import Calls
from bridge.tripletex.failing import read_each
from bridge.tripletex.reading import FieldError, Raw

MAX_NUMBERS: Final = 100
"""Customer numbers in one query: the address stays below 2,000 characters."""
_CUSTOMER_FIELDS: Final = "id,name,customerNumber,isInactive,invoiceSendMethod,discountPercentage"


@dataclass(frozen=True, slots=True)
class CustomerRef:
    """A customer as an invoice needs it. `discount_percentage` is the customer's own default, if it was told."""

    id: int
    number: int
    name: str
    is_inactive: bool
    invoice_send_method: str | None = None
    discount_percentage: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """A department, project or currency; `is_active` is false for an inactive, closed or disabled one."""

    id: int
    number: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class VatType:
    """A VAT code (`number`) and the id that Tripletex wants instead; `percentage` is 25 for 25 %."""

    id: int
    number: str
    percentage: Decimal


class ReferenceCalls(Calls):
    """Look-ups by number.

    Each raises AccessDeniedError (close the gate) or TransientError (try again later); an empty result is a fact.
    """

    async def customers_by_number(
        self, tenant: TripletexTenant, numbers: Sequence[int]
    ) -> Mapping[int, tuple[CustomerRef, ...]]:
        """Return the customers of each number, active and inactive, in ascending id; each number is a key.

        A party that is only a supplier has no customer number, so it is nobody's answer.
        """
        found: dict[int, dict[int, CustomerRef]] = {number: {} for number in numbers}
        for some in _in_lists(sorted(found)):
            for inactive in ("false", "true"):
                for ref in await self._customers(tenant, some, inactive):
                    # A filter that is ignored gives rows of other numbers, or the same row twice.
                    if ref.number in found:
                        found[ref.number][ref.id] = ref
        return {number: tuple(refs[ref_id] for ref_id in sorted(refs)) for number, refs in found.items()}

    async def departments(self, tenant: TripletexTenant, number: str) -> tuple[Reference, ...]:
        """Return the departments with exactly that number, inactive ones too."""
        what = f"department {number}"
        query = [("departmentNumber", number), ("fields", "id,departmentNumber,isInactive")]
        rows = await self._rows(tenant, "/department", query, what)
        return _exact(read_each(tenant, what, rows, _department), number)

    async def projects(self, tenant: TripletexTenant, number: str) -> tuple[Reference, ...]:
        """Return the projects with exactly that number, closed ones too; an offer is no project."""
        what = f"project {number}"
        query = [("number", number), ("isOffer", "false"), ("fields", "id,number,isClosed,isOffer")]
        rows = [row for row in await self._rows(tenant, "/project", query, what) if row.get("isOffer") is not True]
        return _exact(read_each(tenant, what, rows, _project), number)

    async def currencies(self, tenant: TripletexTenant, code: str) -> tuple[Reference, ...]:
        """Return the currencies with exactly that code, disabled ones too."""
        what = f"currency {code}"
        rows = await self._rows(tenant, "/currency", [("code", code), ("fields", "id,code,isDisabled")], what)
        return _exact(read_each(tenant, what, rows, _currency), code)

    async def vat_types(self, tenant: TripletexTenant, on: str) -> Mapping[str, VatType]:
        """Return the codes for sales that the company may use on that day (YYYY-MM-DD), by code."""
        what = f"VAT codes for sales on {on}"
        query = [("typeOfVat", "OUTGOING"), ("vatDate", on), ("fields", "id,number,percentage")]
        rows = await self._rows(tenant, "/ledger/vatType", query, what)
        return {found.number: found for found in read_each(tenant, what, rows, _vat_type)}

    async def _customers(
        self, tenant: TripletexTenant, numbers: Sequence[int], inactive: str
    ) -> tuple[CustomerRef, ...]:
        what = f"customers by number ({len(numbers)} of them)"
        query = [
            ("customerAccountNumber", ",".join(map(str, numbers))),
            ("isInactive", inactive),
            ("fields", _CUSTOMER_FIELDS),
        ]
        return read_each(tenant, what, await self._rows(tenant, "/customer", query, what), _customer)


def _in_lists(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    return (numbers[start : start + MAX_NUMBERS] for start in range(0, len(numbers), MAX_NUMBERS))


def _exact(found: Sequence[Reference], number: str) -> tuple[Reference, ...]:
    return tuple(ref for ref in found if ref.number == number)


def _customer(raw: Raw) -> CustomerRef:
    inactive = reading.flag(raw, "isInactive")
    if inactive is None:
        raise FieldError("isInactive", "is missing")
    return CustomerRef(
        id=reading.need(raw, "id"),
        number=reading.need(raw, "customerNumber", at_least=0),
        name=reading.text(raw, "name") or "",
        is_inactive=inactive,
        invoice_send_method=reading.text(raw, "invoiceSendMethod"),
        discount_percentage=reading.decimal(raw, "discountPercentage"),
    )


def _department(raw: Raw) -> Reference:
    return _reference(raw, "departmentNumber", "isInactive")


def _project(raw: Raw) -> Reference:
    return _reference(raw, "number", "isClosed")


def _currency(raw: Raw) -> Reference:
    return _reference(raw, "code", "isDisabled")


def _reference(raw: Raw, number: str, off: str) -> Reference:
    value = raw.get(number)
    # Compared as it stands: a number that was trimmed or read as a whole number would be another number.
    return Reference(reading.need(raw, "id"), value if isinstance(value, str) else "", not reading.flag(raw, off))


def _vat_type(raw: Raw) -> VatType:
    percentage = reading.decimal(raw, "percentage")
    number = reading.text(raw, "number")
    if percentage is None or number is None:
        raise FieldError("percentage" if percentage is None else "number", "is missing")
    # Code 0 has id 0.
    return VatType(reading.need(raw, "id", at_least=0), number, percentage)
