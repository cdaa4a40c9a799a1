"""A customer as OC2's wire format has it.

Pure. Owns turning wanted content into a body, comparing two bodies, and reading one back. A body always names every
field: what is absent is an explicit null, so that replacing a customer clears what the source has cleared.
"""

from collections.abc import Mapping
from typing import Final

from bridge.contracts.events.customer import Address, CustomerWanted

CustomerBody = Mapping[str, object]

ADDRESS_FIELDS: Final = ("line1", "line2", "postalCode", "city", "country")
FIELDS: Final = (
    "customerNumber",
    "name",
    "active",
    "organizationNumber",
    "currency",
    "paymentTermId",
    "invoiceAddress",
    "phone1",
    "email1",
    "website",
)


def customer_body(wanted: CustomerWanted, *, payment_term_id: int | None) -> dict[str, object]:
    """Return the body that makes OC2 hold the wanted content; the id stands for `payment_term_days`."""
    address = wanted.invoice_address or Address()
    return {
        "customerNumber": wanted.customer_number,
        "name": wanted.name,
        "active": wanted.active,
        "organizationNumber": wanted.organization_number,
        "currency": wanted.currency,
        "paymentTermId": payment_term_id,
        "invoiceAddress": address.model_dump(by_alias=True),
        "phone1": wanted.phone1,
        "email1": wanted.email1,
        "website": wanted.website,
    }


def deactivated(held: CustomerBody) -> dict[str, object]:
    """Return the body that puts back what OC2 holds with active = false; fields outside the contract are left out."""
    return {**_contract_fields(held), "active": False}


def differences(wanted: CustomerBody, held: CustomerBody) -> tuple[str, ...]:
    """Return the names of the fields that differ (`invoiceAddress.city`), in the contract's order; null = missing."""
    left, right = _flat(wanted), _flat(held)
    return tuple(name for name in left if left[name] != right[name])


def _contract_fields(body: CustomerBody) -> dict[str, object]:
    found = {name: body.get(name) for name in FIELDS if name != "invoiceAddress"}
    return {**found, "invoiceAddress": _address(body)}


def _flat(body: CustomerBody) -> dict[str, object]:
    flat: dict[str, object] = {}
    for name in FIELDS:
        if name == "invoiceAddress":
            flat |= {f"invoiceAddress.{part}": value for part, value in _address(body).items()}
        else:
            flat[name] = body.get(name)
    return flat


def _address(body: CustomerBody) -> dict[str, object]:
    address = body.get("invoiceAddress")
    return {name: address.get(name) if isinstance(address, Mapping) else None for name in ADDRESS_FIELDS}
