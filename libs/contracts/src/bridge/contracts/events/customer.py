"""Customer events: what the source said, and what the target shall hold.

`CustomerSnapshot` speaks the source's words (Tripletex), `CustomerWanted` the target's (OC2). Sources: the official
OpenAPI document for the first, the OC2 contract for the second.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class PostalAddress(_Event):
    """Postal address at the source; absent means the source gave null, an empty string or nothing."""

    address_line1: str | None = Field(None, alias="addressLine1")
    address_line2: str | None = Field(None, alias="addressLine2")
    postal_code: str | None = Field(None, alias="postalCode")
    city: str | None = None
    country_code: str | None = Field(None, alias="countryCode")


class CustomerSnapshot(_Event):
    """Body of `customer.changed.v1`: the visible content of one Tripletex customer.

    Strings are in normal form C without outer blanks or byte-order marks; empty ones are absent. 0 and absent differ.
    """

    customer_number: int = Field(alias="customerNumber", ge=1)
    name: str | None = None
    is_inactive: bool = Field(alias="isInactive")
    organization_number: str | None = Field(None, alias="organizationNumber")
    currency_code: str | None = Field(None, alias="currencyCode")
    invoices_due_in: int | None = Field(None, alias="invoicesDueIn")
    invoices_due_in_type: str | None = Field(None, alias="invoicesDueInType")
    postal_address: PostalAddress | None = Field(None, alias="postalAddress")
    phone_number: str | None = Field(None, alias="phoneNumber")
    phone_number_mobile: str | None = Field(None, alias="phoneNumberMobile")
    email: str | None = None
    invoice_email: str | None = Field(None, alias="invoiceEmail")
    website: str | None = None


class WithdrawnBecause(StrEnum):
    """Why a number no longer belongs to a customer."""

    DELETED = "deleted"
    RENUMBERED = "renumbered"
    NUMBER_REMOVED = "number_removed"


class CustomerWithdrawn(_Event):
    """Body of `customer.withdrawn.v1`, before and after mapping: put back with active = false."""

    customer_number: int = Field(alias="customerNumber", ge=1)
    because: WithdrawnBecause


class Address(_Event):
    """Invoice address as OC2 takes it."""

    line1: str | None = Field(None, max_length=100)
    line2: str | None = Field(None, max_length=100)
    postal_code: str | None = Field(None, alias="postalCode", max_length=20)
    city: str | None = Field(None, max_length=60)
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None


class MappingNote(_Event):
    """A value that the mapping changed or left out, for the import log. `was` is cut to 300 characters.

    `now` is None where it was left out. Absent values do not travel, so that it must have a default to be read again.
    """

    field: str
    rule: str
    was: str
    now: str | None = None


class CustomerWanted(_Event):
    """Body of `customer.mapped.v1`: what OC2 shall hold, but for the id of the payment term.

    `payment_term_days` becomes OC2's `paymentTermId` at delivery, where a missing term is created first.
    """

    customer_number: int = Field(alias="customerNumber", ge=1)
    name: str = Field(min_length=1, max_length=120)
    active: bool
    organization_number: str | None = Field(None, alias="organizationNumber", max_length=20)
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    payment_term_days: int | None = Field(None, alias="paymentTermDays", ge=0, le=365)
    invoice_address: Address | None = Field(None, alias="invoiceAddress")
    phone1: str | None = Field(None, max_length=30)
    email1: str | None = Field(None, max_length=254)
    website: str | None = Field(None, max_length=200)
    notes: tuple[MappingNote, ...] = ()
