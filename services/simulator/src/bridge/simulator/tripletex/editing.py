"""How a customer comes into being and changes: defaults, merged edits, versions, `changes`.

Owns the values; it trusts its caller on validity, so that the admin door can write what Tripletex itself
would refuse (nulls, a number used twice). It must not know HTTP.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from bridge.simulator.exchange import Json, JsonObject, as_object, words
from bridge.simulator.tripletex.model import CUSTOMER
from bridge.simulator.tripletex.registers import COUNTRIES, CURRENCIES, find
from bridge.simulator.tripletex.state import Change, Company, Customer, new_id, oslo_timestamp

_EMPTY_TEXT = words(
    "name organizationNumber email invoiceEmail overdueNoticeEmail phoneNumber phoneNumberMobile description"
    " invoiceSMSNotificationNumber website"
)
_FALSE = words(
    "isSupplier isInactive isPrivateIndividual singleCustomerInvoice isFactoring invoiceSendSMSNotification"
    " isAutomaticSoftReminderEnabled isAutomaticReminderEnabled isAutomaticNoticeOfDebtCollectionEnabled"
)
_NULL = words("accountManager department deliveryAddress category1 category2 category3")
_ADDRESS_TEXT = words("addressLine1 addressLine2 postalCode city")
ADDRESS_FIELDS = ("postalAddress", "physicalAddress", "deliveryAddress")
COMPUTED = frozenset({"id", "version", "url", "changes", "displayName"})


@dataclass(frozen=True, slots=True)
class EditMode:
    """How an edit shows in version and `changes`.

    Attributes:
        freeze_version: The version stays although the content changes.
        freeze_changes: No entry is added to `changes`.
        touch: The version rises even if nothing changes.
        timestamp: The time that the new entry of `changes` shows instead of now.
        changes: The whole list of `changes`, instead of one more entry.
    """

    freeze_version: bool = False
    freeze_changes: bool = False
    touch: bool = False
    timestamp: str | None = None
    changes: tuple[Change, ...] | None = None


def create_customer(
    company: Company, values: Mapping[str, Json], *, now: datetime, mode: EditMode | None = None
) -> Customer:
    """Store a new customer, version 1, numbered automatically unless `customerNumber` is given."""
    wanted_id = values.get("id")
    wanted_version = values.get("version")
    content = _merge(_defaults(company), values)
    if "customerNumber" not in values:
        content["customerNumber"] = company.next_number()
    elif content["customerNumber"] == 0 and "isCustomer" not in values:
        content.update(isCustomer=False, isSupplier=True)
    customer = Customer(
        id=wanted_id if isinstance(wanted_id, int) else new_id(),
        version=wanted_version if isinstance(wanted_version, int) else 1,
        content=content,
        changes=_next_changes((), "CREATE", company, now, mode or EditMode()),
        extra=_extra(values),
    )
    return company.store(customer, at=now.timestamp())


def edit_customer(
    company: Company,
    customer: Customer,
    values: Mapping[str, Json],
    *,
    now: datetime,
    mode: EditMode | None = None,
) -> Customer:
    """Merge the values into the customer; an edit that changes nothing leaves version and history alone."""
    mode = mode or EditMode()
    content = _merge(customer.content, values)
    extra = {**customer.extra, **_extra(values)}
    same = content == dict(customer.content) and extra == dict(customer.extra)
    if same and not mode.touch and mode.changes is None:
        return customer
    edited = replace(
        customer,
        version=customer.version if mode.freeze_version else customer.version + 1,
        content=content,
        changes=_next_changes(customer.changes, "UPDATE", company, now, mode),
        extra=extra,
    )
    return company.store(edited, at=now.timestamp())


def _next_changes(
    before: tuple[Change, ...], change_type: str, company: Company, now: datetime, mode: EditMode
) -> tuple[Change, ...]:
    if mode.changes is not None:
        return mode.changes
    if mode.freeze_changes:
        return before
    return (*before, Change(company.employee_id, mode.timestamp or oslo_timestamp(now), change_type))


def _defaults(company: Company) -> JsonObject:
    content: JsonObject = dict.fromkeys(_EMPTY_TEXT, "")
    content.update(dict.fromkeys(_FALSE, False))
    content.update(dict.fromkeys(_NULL, None))
    content.update(
        globalLocationNumber=0,
        supplierNumber=0,
        customerNumber=0,
        isCustomer=True,
        language="NO",
        invoiceSendMethod="EMAIL",
        emailAttachmentType="ATTACHMENT",
        physicalAddress=_new_address(),
        postalAddress=_new_address(),
        invoicesDueIn=14,
        invoicesDueInType="DAYS",
        currency=CURRENCIES["NOK"],
        bankAccountPresentation=[],
        bankAccounts=[],
        ledgerAccount={"id": company.id * 100 + 1, "version": 1, "number": 1500, "name": "Kundefordringer"},
        discountPercentage=0,
    )
    return content


def _new_address() -> JsonObject:
    address: JsonObject = dict.fromkeys(_ADDRESS_TEXT, "")
    numbers = dict.fromkeys(("knr", "gnr", "bnr", "fnr", "snr"), 0)
    texts = dict.fromkeys(("displayName", "addressAsString", "displayNameInklMatrikkel", "unitNumber"), "")
    address.update(id=new_id(), version=0, country=COUNTRIES["NO"], changes=[], **numbers, **texts)
    return address


def _merge(content: Mapping[str, Json], values: Mapping[str, Json]) -> JsonObject:
    merged = dict(content)
    for name, value in values.items():
        if name in COMPUTED or not CUSTOMER.knows(name):
            continue
        if name in ADDRESS_FIELDS:
            merged[name] = _merge_address(merged.get(name), value)
        elif name == "currency":
            merged[name] = _reference(CURRENCIES, "code", value)
        else:
            merged[name] = value
    return merged


def _merge_address(before: Json, value: Json) -> Json:
    if not isinstance(value, dict):
        return None
    address = dict(as_object(before) or _new_address())
    for name, part in value.items():
        if name == "country":
            address[name] = _reference(COUNTRIES, "isoAlpha2Code", part)
        elif name not in ("id", "version", "url", "changes"):
            address[name] = part
    return address


def _reference(register: dict[str, JsonObject], code_field: str, wanted: Json) -> Json:
    """The register's entry; an unknown reference is kept as it was given, for tests of strange data."""
    if wanted is None:
        return None
    return find(register, code_field, wanted) or ({"id": 0, code_field: wanted} if isinstance(wanted, str) else wanted)


def _extra(values: Mapping[str, Json]) -> JsonObject:
    return {name: value for name, value in values.items() if not CUSTOMER.knows(name)}
