"""What Tripletex refuses about an order: missing values, references to nothing, VAT codes, prices, numbers.

Owns the rules and the fields they name. Where no answer is published the choice made here says so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from bridge.simulator.exchange import Json, JsonObject, as_list, as_object
from bridge.simulator.tripletex.amounts import decimal_of
from bridge.simulator.tripletex.books import DuplicateForm, InvoiceRules
from bridge.simulator.tripletex.errors import Message
from bridge.simulator.tripletex.registers import CURRENCIES, find
from bridge.simulator.tripletex.state import Company
from bridge.simulator.tripletex.vat import VatType, by_id

NULL = "Kan ikke være null."
BAD_REFERENCE = "ID-en må enten referere til et gyldig object eller være 0."
SET_ON_NEW = "Feltet skal ikke være satt på et nytt objekt."
_BAD_VAT = "Ugyldig mva-kode."
_TOLERANCE = Decimal("0.01")
_MAX_NUMBER = 100


@dataclass(frozen=True, slots=True)
class Place:
    """Where an order stands in the body: alone, or as the one order of an invoice."""

    field: str = ""
    path: str = ""

    def null(self, name: str) -> Message:
        """The null check of a value; at the root the path begins with `null`."""
        return Message(self.field + name, NULL, path=f"{self.path or 'null.'}{name}")

    def rule(self, name: str, text: str) -> Message:
        """A broken rule; its path is null."""
        return Message(self.field + name, text)


ALONE = Place()
IN_INVOICE = Place("orders.", "orders[0].")


def missing_values(order: JsonObject, place: Place) -> list[Message]:
    """The null checks of a new order."""
    return [place.null(name) for name in ("customer", "orderDate", "deliveryDate") if not order.get(name)]


def broken_rules(company: Company, order: JsonObject, place: Place) -> list[Message]:
    """Every broken rule of a new order, in one go."""
    found = [place.rule(name, SET_ON_NEW) for name in ("id", "version") if order.get(name)]
    found += _references(company, order, place)
    found += _order_number(company, order, place)
    lines = [as_object(line) for line in as_list(order.get("orderLines"))]
    found += _vat_types(company, order, lines, place)
    for line in lines:
        found += _line_rules(company, order, line, place)
    return found


def _references(company: Company, order: JsonObject, place: Place) -> Iterable[Message]:
    known: Mapping[str, Mapping[int, object]] = {
        "customer": company.customers,
        "department": company.books.departments,
        "project": company.books.projects,
    }
    for name, register in known.items():
        number = reference(order.get(name))
        if number is not None and number not in register:
            yield place.rule(f"{name}.id", BAD_REFERENCE)
    if reference(order.get("currency")) is not None and find(CURRENCIES, "code", order.get("currency")) is None:
        yield place.rule("currency.id", BAD_REFERENCE)


def reference(value: Json) -> int | None:
    """The id that a reference names; None for no reference and for id 0."""
    number = as_object(value).get("id")
    return number if isinstance(number, int) and number else None


def _order_number(company: Company, order: JsonObject, place: Place) -> list[Message]:
    number = order.get("number")
    if not isinstance(number, str) or not number:
        return []
    if len(number) > _MAX_NUMBER:
        return [place.rule("number", f"Kan ikke være lengre enn {_MAX_NUMBER} tegn.")]
    rules = company.settings.rules
    if rules.unique_order_numbers and company.books.is_order_number_taken(number):
        text = "Dette nummeret er i bruk på en annen ordre, tilbud eller prosjekt."
        return duplicate(rules.duplicate_form, f"{place.field}number", text)
    return []


def duplicate(form: DuplicateForm, field: str, text: str) -> list[Message]:
    """A number in use, in one of the three forms seen: the field named, no field, or both in two messages."""
    link = 'Nummeret er allerede i bruk: <a href="/execute/projectMenu?projectId=9000001">Gå til prosjekt</a>'
    match form:
        case DuplicateForm.FIELD:
            return [Message(field, text)]
        case DuplicateForm.NO_FIELD:
            return [Message(None, "Nummeret er i bruk.")]
        case DuplicateForm.BOTH:
            return [Message(None, link), Message(field, text)]


def _vat_types(company: Company, order: JsonObject, lines: list[JsonObject], place: Place) -> list[Message]:
    """One message for all lines, its field a comma list; an incoming code adds one with no field."""
    codes = company.books.vat.values()
    ids = [line_vat for line in lines if isinstance(line_vat := as_object(line.get("vatType")).get("id"), int)]
    bad = [vat_id for vat_id in ids if (code := by_id(codes, vat_id)) is None or not code.fits_sale]
    if not bad:
        return []
    names = ["orderGroups.orderLines.vatType.id", "orderLines.vatType.id"]
    fields = [place.field + name for name in names]
    if place.field:
        fields.append("orderLines.vatType.id")
    if reference(order.get("project")) is not None:
        fields += [f"{place.field}project.{name}" for name in names]
    found = [Message(",".join(fields), _BAD_VAT, root_id=0)]
    incoming = [code for vat_id in bad if (code := by_id(codes, vat_id)) is not None and not code.outgoing]
    if incoming:
        found.append(Message(None, f"Det finnes ingen gyldig konto for mva-kode {incoming[0].number}."))
    return found


def _line_rules(company: Company, order: JsonObject, line: JsonObject, place: Place) -> Iterable[Message]:
    if not line.get("description") and reference(line.get("product")) is None:
        yield place.rule("orderLines.description", NULL)
        yield place.rule("orderLines.product.id", NULL)
    if reference(line.get("product")) is not None:
        yield place.rule("orderLines.product.id", BAD_REFERENCE)
    has_vat = prices_include_vat(order, company.settings.rules)
    if _price_contradicts(line, has_vat=has_vat, rate=vat_of(company, line).percentage):
        name, wanted = ("Excluding", "med") if has_vat else ("Including", "uten")
        yield place.rule(f"orderLines.unitPrice{name}VatCurrency", f"Enhetspris må være {wanted} mva.")


def prices_include_vat(order: JsonObject, rules: InvoiceRules) -> bool:
    """Which unit price of this order counts; the company's setting where the order is silent."""
    return bool(order.get("isPrioritizeAmountsIncludingVat", rules.prices_include_vat))


def vat_of(company: Company, line: JsonObject) -> VatType:
    """The line's code; code 0, thus 0 %, for a line that names none: no warning is given."""
    codes = company.books.vat
    number = as_object(line.get("vatType")).get("id")
    found = by_id(codes.values(), number) if isinstance(number, int) else None
    return found or codes["0"]


def _price_contradicts(line: JsonObject, *, has_vat: bool, rate: Decimal) -> bool:
    """Whether the price of the wrong kind stands alone, or both are there and do not fit each other."""
    net, gross = line.get("unitPriceExcludingVatCurrency"), line.get("unitPriceIncludingVatCurrency")
    counted, other = (gross, net) if has_vat else (net, gross)
    if other is None:
        return False
    return counted is None or abs(decimal_of(net) * (1 + rate / 100) - decimal_of(gross)) > _TOLERANCE
