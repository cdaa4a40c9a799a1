"""A row of `GET /customer` as values, and the hash that tells whether its content changed.

Pure. Owns which fields are asked for and what each must be. One row is read at a time, so that one bad row stops no
other. Source of the field paths: Tripletex OpenAPI 2.74.00, schema Customer.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bridge.contracts.events.customer import CustomerSnapshot, PostalAddress
from bridge.contracts.identity import SourceId
from bridge.tripletex import reading
from bridge.tripletex.reading import FieldError, Raw

FIELDS: Final = (
    "id,version,name,customerNumber,organizationNumber,isInactive,phoneNumber,phoneNumberMobile,email,invoiceEmail,"
    "website,invoicesDueIn,invoicesDueInType,currency(code),"
    "postalAddress(addressLine1,addressLine2,postalCode,city,country(isoAlpha2Code)),changes"
)


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """One readable customer.

    `customer_number` and `snapshot` are None for a party without a customer number (0: supplier only).
    `newest_change` is in UTC.
    """

    id: SourceId
    version: int
    customer_number: int | None
    newest_change: datetime | None
    snapshot: CustomerSnapshot | None


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """One row that breaks the source's contract in `field`; what else could be read is kept.

    `raw` is the row as JSON in ASCII, so that it can be carried and shown whatever it holds.
    """

    field: str
    detail: str
    raw: bytes = dataclasses.field(repr=False)
    id: SourceId | None = None
    version: int | None = None
    customer_number: int | None = None
    newest_change: datetime | None = None


def parse_customer(raw: object) -> CustomerRow | UnreadableRow:
    """Read one element of `values[]`; never raises, whatever it holds. Unknown fields are ignored."""
    if not isinstance(raw, dict):
        return UnreadableRow("", "the row is not an object", _raw_bytes(raw))
    try:
        return _read(raw)
    except FieldError as error:
        identity = _try_whole(raw, "id")
        number = _try_whole(raw, "customerNumber")
        return UnreadableRow(
            field=error.path,
            detail=error.detail,
            raw=_raw_bytes(raw),
            id=SourceId(str(identity)) if identity else None,
            version=_try_whole(raw, "version"),
            customer_number=number if number and number > 0 else None,
            newest_change=_try_newest_change(raw),
        )


def source_hash(snapshot: CustomerSnapshot) -> str:
    """Return the hex SHA-256 of the snapshot's content: absent values left out, 0 and false kept, keys sorted."""
    content = snapshot.model_dump(mode="json", by_alias=True, exclude_none=True)
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def raw_hash(raw: bytes) -> str:
    """Return the hex SHA-256 of an unreadable row, so that it too is emitted once per content."""
    return hashlib.sha256(raw).hexdigest()


def _read(raw: Raw) -> CustomerRow:
    identity = reading.need(raw, "id")
    version = reading.need(raw, "version", at_least=0)
    number = reading.whole(raw, "customerNumber")
    if number is None:
        # 0 says "supplier only". An absent number says nothing: to believe it would withdraw a customer for a gap.
        raise FieldError("customerNumber", "is missing")
    if number < 0:
        raise FieldError("customerNumber", f"is negative: {number}")
    return CustomerRow(
        id=SourceId(str(identity)),
        version=version,
        customer_number=number or None,
        newest_change=reading.newest_change(raw),
        snapshot=_snapshot(raw, number) if number else None,
    )


def _snapshot(raw: Raw, number: int) -> CustomerSnapshot:
    inactive = reading.flag(raw, "isInactive")
    if inactive is None:
        raise FieldError("isInactive", "is missing")
    currency = reading.part(raw, "currency") or {}
    return CustomerSnapshot(
        customer_number=number,
        name=reading.text(raw, "name"),
        is_inactive=inactive,
        organization_number=reading.text(raw, "organizationNumber"),
        currency_code=reading.text(currency, "code", "currency.code"),
        invoices_due_in=reading.whole(raw, "invoicesDueIn"),
        invoices_due_in_type=reading.text(raw, "invoicesDueInType"),
        postal_address=_address(raw),
        phone_number=reading.text(raw, "phoneNumber"),
        phone_number_mobile=reading.text(raw, "phoneNumberMobile"),
        email=reading.text(raw, "email"),
        invoice_email=reading.text(raw, "invoiceEmail"),
        website=reading.text(raw, "website"),
    )


def _address(raw: Raw) -> PostalAddress | None:
    found = reading.part(raw, "postalAddress")
    if found is None:
        return None
    country = reading.part(found, "country", "postalAddress.country") or {}
    address = PostalAddress(
        address_line1=reading.text(found, "addressLine1", "postalAddress.addressLine1"),
        address_line2=reading.text(found, "addressLine2", "postalAddress.addressLine2"),
        postal_code=reading.text(found, "postalCode", "postalAddress.postalCode"),
        city=reading.text(found, "city", "postalAddress.city"),
        country_code=reading.text(country, "isoAlpha2Code", "postalAddress.country.isoAlpha2Code"),
    )
    # An address of nothing and no address are the same content.
    return None if address == PostalAddress() else address


def _try_whole(raw: Raw, name: str) -> int | None:
    try:
        return reading.whole(raw, name)
    except FieldError:
        return None


def _try_newest_change(raw: Raw) -> datetime | None:
    try:
        return reading.newest_change(raw)
    except FieldError:
        return None


def _raw_bytes(raw: object) -> bytes:
    # ASCII escapes keep lone surrogates and U+0000 readable without being invalid anywhere.
    return json.dumps(raw, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
