"""A Tripletex customer as OC2 shall hold it.

Owns the thirteen fields and the rule of each; `docs/mapping-customers.md` tells them as a table. Only the limits of
OC2's contract are checked: an e-mail address that looks odd travels as it is.
"""

from typing import Final

from bridge.contracts.events.customer import Address, CustomerSnapshot, CustomerWanted, PostalAddress
from bridge.contracts.reasons import Reason
from bridge.transformer.domain.rules import (
    Notes,
    Rule,
    country_code,
    cut_at_grapheme,
    is_currency_code,
    present,
    single_line,
    within,
)
from bridge.transformer.domain.unmapped import Unmapped

HOME_CURRENCY: Final = "NOK"
"""What an absent currency means: Tripletex companies keep Norwegian accounts."""

NAME_CHARACTERS: Final = 120
ORGANIZATION_NUMBER_CHARACTERS: Final = 20
ADDRESS_LINE_CHARACTERS: Final = 100
POSTAL_CODE_CHARACTERS: Final = 20
CITY_CHARACTERS: Final = 60
PHONE_CHARACTERS: Final = 30
EMAIL_CHARACTERS: Final = 254
WEBSITE_CHARACTERS: Final = 200
MAX_TERM_DAYS: Final = 365
DAYS_PER_MONTH: Final = 30


def map_customer(snapshot: CustomerSnapshot) -> CustomerWanted | Unmapped:
    """Return what OC2 shall hold for this customer, or the one reason why it can hold nothing.

    The result keeps every limit of OC2's contract; each value that was changed or left out for that has a note.
    """
    notes = Notes()
    name = present(snapshot.name)
    if name is None:
        return Unmapped(Reason.NAME_MISSING, "name", "The customer's name is empty.")
    currency = present(snapshot.currency_code)
    if currency is not None and not is_currency_code(currency):
        detail = f"The currency code {cut_at_grapheme(currency, 40)!r} is not three capital letters."
        return Unmapped(Reason.CURRENCY_INVALID, "currency.code", detail)
    return CustomerWanted(
        customer_number=snapshot.customer_number,
        name=_name(name, notes),
        active=not snapshot.is_inactive,
        organization_number=within(
            present(snapshot.organization_number),
            limit=ORGANIZATION_NUMBER_CHARACTERS,
            source_field="organizationNumber",
            notes=notes,
        ),
        currency=currency or _home_currency(notes),
        payment_term_days=_term_days(snapshot.invoices_due_in, snapshot.invoices_due_in_type, notes),
        invoice_address=_address(snapshot.postal_address, notes),
        phone1=_phone(snapshot, notes),
        email1=_email(snapshot, notes),
        website=within(present(snapshot.website), limit=WEBSITE_CHARACTERS, source_field="website", notes=notes),
        notes=tuple(notes.taken),
    )


def _name(name: str, notes: Notes) -> str:
    cut = cut_at_grapheme(name, NAME_CHARACTERS).rstrip()
    if cut != name:
        notes.add("name", Rule.CUT_TO_LIMIT, was=name, now=cut)
    return cut


def _home_currency(notes: Notes) -> str:
    notes.add("currency.code", Rule.CURRENCY_DEFAULT, was="", now=HOME_CURRENCY)
    return HOME_CURRENCY


def _term_days(due_in: int | None, due_type: str | None, notes: Notes) -> int | None:
    if due_in is None:
        return None
    given = f"{due_in} {due_type}"
    match present(due_type):
        case None | "DAYS":
            given, days, rule = str(due_in), due_in, None
        case "MONTHS":
            days, rule = due_in * DAYS_PER_MONTH, Rule.MONTHS_AS_DAYS
        case "RECURRING_DAY_OF_MONTH":
            # Issued on the last day of a month, due on this day of the next: never earlier than the source means it.
            days, rule = due_in, Rule.DAY_OF_MONTH_AS_DAYS
        case _:
            notes.add("invoicesDueInType", Rule.DUE_TYPE_UNKNOWN, was=given, now=None)
            return None
    if not 0 <= days <= MAX_TERM_DAYS:
        notes.add("invoicesDueIn", Rule.DAYS_OUT_OF_RANGE, was=given, now=None)
        return None
    if rule is not None:
        notes.add("invoicesDueIn", rule, was=given, now=str(days))
    return days


def _address(postal: PostalAddress | None, notes: Notes) -> Address | None:
    if postal is None:
        return None
    address = Address(
        line1=_address_line(postal.address_line1, "postalAddress.addressLine1", notes),
        line2=_address_line(postal.address_line2, "postalAddress.addressLine2", notes),
        postal_code=within(
            present(postal.postal_code),
            limit=POSTAL_CODE_CHARACTERS,
            source_field="postalAddress.postalCode",
            notes=notes,
        ),
        city=within(present(postal.city), limit=CITY_CHARACTERS, source_field="postalAddress.city", notes=notes),
        country=country_code(postal.country_code, source_field="postalAddress.country.isoAlpha2Code", notes=notes),
    )
    return None if address == Address() else address


def _address_line(text: str | None, source_field: str, notes: Notes) -> str | None:
    line = single_line(text, source_field=source_field, notes=notes)
    return within(line, limit=ADDRESS_LINE_CHARACTERS, source_field=source_field, notes=notes)


def _phone(snapshot: CustomerSnapshot, notes: Notes) -> str | None:
    phone, source_field = present(snapshot.phone_number), "phoneNumber"
    if phone is None:
        phone, source_field = present(snapshot.phone_number_mobile), "phoneNumberMobile"
    return within(phone, limit=PHONE_CHARACTERS, source_field=source_field, notes=notes)


def _email(snapshot: CustomerSnapshot, notes: Notes) -> str | None:
    email, source_field = present(snapshot.email), "email"
    if email is None:
        pieces = (present(piece) for piece in (snapshot.invoice_email or "").split(";"))
        email, source_field = next((piece for piece in pieces if piece), None), "invoiceEmail"
    return within(email, limit=EMAIL_CHARACTERS, source_field=source_field, notes=notes)
