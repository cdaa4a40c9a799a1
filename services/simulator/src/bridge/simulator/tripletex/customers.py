"""GET, POST, PUT and DELETE on customers.

Owns the filters, the validation and the version rules. Every trap of the real list is here on purpose:
inactive customers are hidden unless asked for, and unknown parameters are ignored without an error.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bridge.simulator.clock import OSLO, Clock
from bridge.simulator.exchange import Answer, Json, JsonObject, NotJsonError, Request, as_object, encode
from bridge.simulator.tripletex import errors
from bridge.simulator.tripletex.editing import ADDRESS_FIELDS, create_customer, edit_customer
from bridge.simulator.tripletex.errors import JSON_TYPE, Message
from bridge.simulator.tripletex.fields import parse_fields, project
from bridge.simulator.tripletex.listing import id_list_param, list_answer
from bridge.simulator.tripletex.model import ADDRESS, CUSTOMER
from bridge.simulator.tripletex.state import ChangedSinceMode, Company, Customer, numbered

_READ_ONLY = frozenset({"url", "changes", "isCustomer", "displayName"})
_BOOLEAN = frozenset(name for name in CUSTOMER.names if name.startswith("is") or name == "singleCustomerInvoice") | {
    "invoiceSendSMSNotification"
}
_INTEGER = frozenset({"id", "version", "globalLocationNumber", "supplierNumber", "customerNumber", "invoicesDueIn"})
_LISTS = frozenset({"bankAccounts", "bankAccountPresentation"})
_MAX_NAME = 255


@dataclass(frozen=True, slots=True)
class ListView:
    """What a misbehaving list shows instead of the truth.

    Attributes:
        rows: Where the rows come from: a moment in the past, for instance.
        hidden_ids, hidden_numbers: Rows silently absent.
        hidden_invoices: Numbers of invoices silently absent from lists.
        shift: How many rows too far the page starts.
    """

    rows: Callable[[Company], Mapping[int, Customer]] = lambda company: company.customers
    hidden_ids: frozenset[int] = frozenset()
    hidden_numbers: frozenset[int] = frozenset()
    shift: int = 0
    hidden_invoices: frozenset[int] = frozenset()

    def visible(self, company: Company) -> list[Customer]:
        """The rows that this list can show at all."""
        return [
            customer
            for customer in self.rows(company).values()
            if customer.id not in self.hidden_ids and customer.number not in self.hidden_numbers
        ]


HONEST = ListView()


def list_customers(company: Company, request: Request, *, url_base: str, view: ListView = HONEST) -> Answer:
    """GET /customer."""
    keep = _filters(company, request)
    rows = [customer for customer in view.visible(company) if all(test(customer) for test in keep)]
    by_id = {customer.id: customer for customer in rows}
    return list_answer(
        [customer.graph() for customer in rows],
        CUSTOMER,
        request,
        url_base=url_base,
        mode=company.settings.full_result_mode,
        shift=view.shift,
        finish=lambda shown, row: {**shown, **_extra_of(by_id, row)},
    )


def _extra_of(by_id: Mapping[int, Customer], row: Mapping[str, Json]) -> Mapping[str, Json]:
    number = row.get("id")
    return by_id[number].extra if isinstance(number, int) else {}


def get_customer(company: Company, customer_id: int, request: Request, *, url_base: str) -> Answer:
    """GET /customer/{id}: inactive ones too."""
    selection = parse_fields(request.param("fields"), CUSTOMER)
    customer = _existing(company, customer_id)
    shown = project(customer.graph(), CUSTOMER, selection, url_base)
    return _value_answer(200, {**shown, **customer.extra})


def post_customer(company: Company, request: Request, *, url_base: str, clock: Clock) -> Answer:
    """POST /customer: only the name is required."""
    values = _body(request)
    for name in ("id", "version"):
        if values.get(name):
            raise errors.validation((Message(name, "Feltet skal ikke være satt på et nytt objekt."),))
    if not values.get("name"):
        message = Message("name", "Kan ikke være null.", path="null.name")
        raise errors.validation((message,), business_rule=False)
    _check_rules(company, values, None)
    customer = create_customer(company, values, now=clock.now())
    return _shown(customer, 201, url_base)


def put_customer(company: Company, customer_id: int, request: Request, *, url_base: str, clock: Clock) -> Answer:
    """PUT /customer/{id}: a partial update; a stale version is 409, no version overwrites silently."""
    customer = _existing(company, customer_id)
    values = _body(request)
    version = values.get("version")
    if version is not None and version != customer.version:
        raise errors.stale_version()
    _check_rules(company, values, customer)
    return _shown(edit_customer(company, customer, values, now=clock.now()), 200, url_base)


def delete_customer(company: Company, customer_id: int, *, clock: Clock) -> Answer:
    """DELETE /customer/{id}: gone without a tombstone."""
    if not company.remove(customer_id, at=clock.epoch()):
        raise errors.not_found()
    return Answer(204)


def _existing(company: Company, customer_id: int) -> Customer:
    customer = company.customers.get(customer_id)
    if customer is None:
        raise errors.not_found()
    return customer


def _shown(customer: Customer, status: int, url_base: str) -> Answer:
    return _value_answer(status, project(customer.graph(), CUSTOMER, parse_fields(None, CUSTOMER), url_base))


def _value_answer(status: int, value: JsonObject) -> Answer:
    return Answer(status, encode({"value": value}), {"Content-Type": JSON_TYPE})


def _filters(company: Company, request: Request) -> list[Callable[[Customer], bool]]:
    ids = id_list_param(request, "id")
    numbers = id_list_param(request, "customerAccountNumber")
    id_list_param(request, "accountManagerId")
    inactive = _boolean_param(request, "isInactive", default=False)
    tests: list[Callable[[Customer], bool]] = [lambda customer: bool(customer.content.get("isInactive")) is inactive]
    if ids is not None:
        tests.append(lambda customer: customer.id in ids)
    if numbers is not None:
        suppliers = company.settings.rules.supplier_numbers_match
        tests.append(lambda customer: _carries(customer, numbers, suppliers=suppliers))
    for name in ("organizationNumber", "email", "invoiceEmail", "phoneNumberMobile"):
        wanted = request.param(name)
        if wanted:
            tests.append(_equals(name, wanted))
    part = (request.param("customerName") or "").casefold()
    if part:
        tests.append(lambda customer: part in str(customer.content.get("name") or "").casefold())
    since = changed_since_filter(request.param("changedSince"), company.settings.changed_since_mode)
    return [*tests, since] if since is not None else tests


def _carries(customer: Customer, numbers: frozenset[int], *, suppliers: bool) -> bool:
    """Whether the party has one of the numbers; one that is only a supplier by its own number, if that counts."""
    if customer.number == 0 and suppliers:
        return customer.content.get("supplierNumber") in numbers
    return customer.number in numbers


def _equals(name: str, wanted: str) -> Callable[[Customer], bool]:
    return lambda customer: customer.content.get(name) == wanted


def _boolean_param(request: Request, name: str, *, default: bool) -> bool:
    text = request.param(name)
    if text is None or text == "":
        return default
    if text not in ("true", "false"):
        raise errors.unconvertible_query()
    return text == "true"


def changed_since_filter(text: str | None, mode: ChangedSinceMode) -> Callable[[Customer], bool] | None:
    """What `changedSince` lets through in this mode; None if it lets everything through.

    WORKS and INCLUSIVE keep a customer changed at that very second, EXCLUSIVE does not. A value without
    zone is read as UTC, in the two LOCAL modes as Oslo time.

    Raises:
        TripletexError: 404/21000 if the value is no date and time.
    """
    if text is None or text == "" or mode is ChangedSinceMode.IGNORED:
        return None
    try:
        bound = datetime.fromisoformat(text.strip().replace(" ", "+"))
    except ValueError as cause:
        raise errors.unconvertible_query() from cause
    local = mode in (ChangedSinceMode.LOCAL, ChangedSinceMode.LOCAL_EXCLUSIVE)
    if bound.tzinfo is None:
        bound = bound.replace(tzinfo=OSLO if local else UTC)
    exclusive = mode in (ChangedSinceMode.EXCLUSIVE, ChangedSinceMode.LOCAL_EXCLUSIVE)

    def changed(customer: Customer) -> bool:
        stamp = customer.last_changed()
        return stamp is not None and (stamp > bound if exclusive else stamp >= bound)

    return changed


def _body(request: Request) -> JsonObject:
    try:
        parsed = request.json()
    except NotJsonError as cause:
        raise errors.invalid_json() from cause
    if not isinstance(parsed, dict):
        raise errors.invalid_json()
    wrong = tuple(message for name, value in parsed.items() for message in _mapping_messages(name, value))
    if wrong:
        raise errors.mapping_failed(wrong)
    return {name: value for name, value in parsed.items() if name not in _READ_ONLY}


def _mapping_messages(name: str, value: Json) -> list[Message]:
    if not CUSTOMER.knows(name):
        return [Message(name, "Feltet eksisterer ikke i objektet.")]
    if value is not None and not _has_right_type(name, value):
        return [Message(name, "Verdien er ikke av korrekt type for dette feltet.", path=name)]
    if name in ADDRESS_FIELDS:
        return [
            Message(f"{name}.{part}", "Feltet eksisterer ikke i objektet.")
            for part in as_object(value)
            if not ADDRESS.knows(part)
        ]
    return []


def _has_right_type(name: str, value: Json) -> bool:
    if name in _LISTS or name == "changes":
        return isinstance(value, list)
    if name in CUSTOMER.refs:
        return isinstance(value, dict)
    if name in _BOOLEAN:
        return isinstance(value, bool)
    if name in _INTEGER:
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "discountPercentage":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str)


def _check_rules(company: Company, values: JsonObject, before: Customer | None) -> None:
    problems = [*_name_problems(values), *_organisation_number_problems(values, before)]
    number = values.get("customerNumber")
    if isinstance(number, int) and number > 0:
        others = [c for c in numbered(list(company.customers.values()), number) if c is not before]
        if others:
            problems.append(Message("customerNumber", f"Kundenummeret {number} er i bruk."))
    if problems:
        raise errors.validation(tuple(problems))


def _name_problems(values: JsonObject) -> list[Message]:
    name = values.get("name")
    if isinstance(name, str) and len(name) > _MAX_NAME:
        return [Message("name", f"Kan ikke være lengre enn {_MAX_NAME} tegn.")]
    return []


def _organisation_number_problems(values: JsonObject, before: Customer | None) -> list[Message]:
    """Nine digits if the company's physical address is Norwegian; the check digit is not looked at."""
    number = values.get("organizationNumber")
    if not isinstance(number, str) or number == "":
        return []
    address = as_object(values.get("physicalAddress"))
    if "country" not in address and before is not None:
        address = as_object(before.content.get("physicalAddress"))
    country = as_object(address.get("country"))
    norwegian = not country or country.get("isoAlpha2Code") == "NO" or country.get("id") == 161
    if norwegian and not (len(number) == 9 and number.isascii() and number.isdigit()):
        return [Message("organizationNumber", "Organisasjonsnummeret må bestå av 9 siffer.")]
    return []
