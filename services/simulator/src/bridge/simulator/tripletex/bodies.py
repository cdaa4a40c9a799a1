"""Reads the bodies of orders and invoices: a JSON object whose every field exists and has the right type.

Owns 422/22000 and 422/16000. Rules on the values are `order_rules`' affair; it must not know storage.
"""

from collections.abc import Iterable
from datetime import date

from bridge.simulator.exchange import Json, JsonObject, NotJsonError, Request, words
from bridge.simulator.tripletex import errors
from bridge.simulator.tripletex.errors import Message
from bridge.simulator.tripletex.invoice_model import ORDER, ORDER_LINE
from bridge.simulator.tripletex.model import Model

_UNKNOWN = "Feltet eksisterer ikke i objektet."
_WRONG_TYPE = "Verdien er ikke av korrekt type for dette feltet."
_LISTS = frozenset(
    words(
        "orders orderLines orderGroups travelReports projectInvoiceDetails postings reminders attachment"
        " attachmentRelation accountingDimensionValues changes"
    )
)
_INTEGERS = frozenset(
    words(
        "id version invoiceNumber creditedInvoice invoicesDueIn sortIndex paymentTypeId documentId"
        " subscriptionDuration subscriptionPeriodsOnInvoice subscriptionInvoicingTime backorderParentId"
    )
)
_NUMBERS = frozenset(
    words(
        "count unitCostCurrency unitPriceExcludingVatCurrency unitPriceIncludingVatCurrency markup discount"
        " discountPercentage markUpOrderLines orderedQuantity paidAmount sumRemits"
        " totalInvoicedOnAccountAmountAbsoluteCurrency"
    )
)
_BOOLEANS = frozenset(words("invoiceOnAccountVatHigh invoiceSendSMSNotification"))
_DATES = frozenset(words("invoiceDate invoiceDueDate orderDate deliveryDate pickedDate"))
_INSIDE = {"orders": ORDER, "orderLines": ORDER_LINE}
_MAX_INT32 = 2**31 - 1


def read_body(request: Request, model: Model, *, absent: frozenset[str] = frozenset()) -> JsonObject:
    """The body as an object of this model.

    Args:
        absent: Names that this release does not know although the model has them.

    Raises:
        TripletexError: 422/22000 if it is no JSON object; 422/16000 with every unknown or mistyped field.
    """
    return checked(parsed(request), model, absent=absent)


def parsed(request: Request) -> Json:
    """The body as JSON, whatever it is.

    Raises:
        TripletexError: 422/22000 if it does not parse.
    """
    try:
        return request.json()
    except NotJsonError as cause:
        raise errors.invalid_json() from cause


def checked(document: Json, model: Model, *, absent: frozenset[str] = frozenset()) -> JsonObject:
    """The document as an object of this model; raises as `read_body` does."""
    if not isinstance(document, dict):
        raise errors.invalid_json()
    found = tuple(_problems(document, model, absent, field="", path=""))
    if found:
        raise errors.mapping_failed(found)
    return document


def _problems(values: JsonObject, model: Model, absent: frozenset[str], *, field: str, path: str) -> Iterable[Message]:
    for name, value in values.items():
        if (not model.knows(name) and name != "changes") or name in absent:
            yield Message(field + name, _UNKNOWN)
        elif value is not None and not _has_right_type(name, value, model):
            yield Message(field + name, _WRONG_TYPE, path=path + name)
        elif name in _INSIDE and isinstance(value, list):
            for index, row in enumerate(value):
                if isinstance(row, dict):
                    inside = f"{path}{name}[{index}]."
                    yield from _problems(row, _INSIDE[name], absent, field=f"{field}{name}.", path=inside)


def _has_right_type(name: str, value: Json, model: Model) -> bool:
    if name in _LISTS:
        return isinstance(value, list) and all(isinstance(row, dict) for row in value)
    if name in model.refs:
        return isinstance(value, dict) and _is_integer(value.get("id", 0))
    if name in _INTEGERS:
        return _is_integer(value) and (name in ("id", "documentId") or _fits_int32(value))
    if name in _NUMBERS or name.startswith("amount"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if name in _BOOLEANS or name.startswith("is"):
        return isinstance(value, bool)
    return isinstance(value, str) and (name not in _DATES or is_date(value))


def _is_integer(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _fits_int32(value: Json) -> bool:
    return isinstance(value, int) and abs(value) <= _MAX_INT32


def is_date(text: str) -> bool:
    """Whether the text is a date such as 2026-11-25."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
