"""How an order comes into being, and what it looks like when it is shown.

Owns the values of orders and their lines; validity is `order_rules`' affair. It must not know HTTP.
"""

from decimal import Decimal

from bridge.simulator.exchange import Json, JsonObject, as_list, as_object
from bridge.simulator.tripletex.amounts import cut_price, decimal_of, json_number, line_amount, rounded
from bridge.simulator.tripletex.books import Line, Order
from bridge.simulator.tripletex.order_rules import prices_include_vat, reference, vat_of
from bridge.simulator.tripletex.registers import CURRENCIES, find
from bridge.simulator.tripletex.state import Company, new_id

_TEXTS = (
    "receiverEmail",
    "overdueNoticeEmail",
    "reference",
    "contractReference",
    "invoiceComment",
    "internalComment",
    "deliveryComment",
    "invoiceSMSNotificationNumber",
)
_COPIED = ("orderDate", "deliveryDate", "orderLineSorting", "invoicesDueIn", "invoicesDueInType")
_DEFAULTS: JsonObject = {
    "orderLineSorting": "PRODUCT",
    "isShowOpenPostsOnInvoices": False,
    "isSubscription": False,
    "isSubscriptionAutoInvoicing": False,
    "subscriptionDuration": 0,
    "subscriptionDurationType": "MONTHS",
    "subscriptionPeriodsOnInvoice": 0,
    "subscriptionPeriodsOnInvoiceType": "MONTHS",
    "subscriptionInvoicingTimeInAdvanceOrArrears": "ADVANCE",
    "subscriptionInvoicingTime": 0,
    "subscriptionInvoicingTimeType": "MONTHS",
    "sendMethodDescription": "Faktura må sendes manuelt.",
    "backorderParentId": 0,
    "invoiceOnAccountVatHigh": False,
    "totalInvoicedOnAccountAmountAbsoluteCurrency": 0,
    "invoiceSendSMSNotification": False,
    "markUpOrderLines": 0,
    "projectManagerNameAndNumber": "",
}
_LISTS = ("orderGroups", "attachment", "attachmentRelation", "travelReports", "accountingDimensionValues")


def make_order(company: Company, values: JsonObject, *, at: float) -> Order:
    """Store a new order with all its lines, version 0, numbered by the shared series unless it has a number."""
    number = values.get("number")
    order = Order(
        id=new_id(),
        number=number if isinstance(number, str) and number else company.books.next_order_number(),
        content=_content(company, values),
        lines=[_line(company, values, as_object(line)) for line in as_list(values.get("orderLines"))],
        at=at,
        closed=values.get("isClosed") is True,
    )
    company.books.add_order(order)
    return order


def _content(company: Company, values: JsonObject) -> JsonObject:
    books = company.books
    customer = company.customers[reference(values.get("customer")) or 0].graph()
    return {
        **_DEFAULTS,
        **{name: [] for name in _LISTS},
        **{name: values.get(name) or "" for name in _TEXTS},
        "invoicesDueIn": customer.get("invoicesDueIn"),
        "invoicesDueInType": customer.get("invoicesDueInType"),
        **{name: values[name] for name in _COPIED if values.get(name) is not None},
        "customer": customer,
        "customerName": customer.get("name"),
        "department": books.departments.get(reference(values.get("department")) or 0),
        "project": books.projects.get(reference(values.get("project")) or 0),
        "currency": _currency(values),
        "isPrioritizeAmountsIncludingVat": prices_include_vat(values, company.settings.rules),
        "discountPercentage": json_number(_order_discount(company, values)),
    }


def _currency(order: JsonObject) -> JsonObject:
    return find(CURRENCIES, "code", order.get("currency")) or CURRENCIES["NOK"]


def _order_discount(company: Company, values: JsonObject) -> Decimal:
    sent = values.get("discountPercentage")
    if sent is None and company.settings.rules.apply_customer_discount:
        customer = company.customers[reference(values.get("customer")) or 0]
        return decimal_of(customer.content.get("discountPercentage"))
    return decimal_of(sent)


def _line(company: Company, order: JsonObject, values: JsonObject) -> Line:
    rules = company.settings.rules
    has_vat = prices_include_vat(order, rules)
    name = "unitPriceIncludingVatCurrency" if has_vat else "unitPriceExcludingVatCurrency"
    price = cut_price(decimal_of(values.get(name)), decimals=rules.unit_price_decimals)
    price = Decimal(0) if rules.ignore_unit_price else price
    vat, count = vat_of(company, values), decimal_of(values.get("count"))
    discounts = (decimal_of(values.get("discount")), _order_discount(company, order))
    amount = line_amount(price, count, rate=vat.percentage, discounts=discounts, price_has_vat=has_vat)
    factor = 1 + vat.percentage / 100
    net, gross = (rounded(price / factor), price) if has_vat else (price, rounded(price * factor))
    content = _line_content(order, values)
    content["unitPriceExcludingVatCurrency"] = json_number(net)
    content["unitPriceIncludingVatCurrency"] = json_number(gross)
    return Line(new_id(), content, vat, price, count, amount)


def _line_content(order: JsonObject, values: JsonObject) -> JsonObject:
    return {
        "description": values.get("description") or "",
        "displayName": values.get("description") or "",
        "count": json_number(decimal_of(values.get("count"))),
        "unitCostCurrency": 0,
        "markup": 0,
        "discount": json_number(decimal_of(values.get("discount"))),
        "sortIndex": values.get("sortIndex") or 0,
        "currency": _currency(order),
        "isSubscription": False,
        "isPicked": False,
        "orderedQuantity": 0,
    }


def sorted_lines(order: Order) -> list[Line]:
    """The lines as the order sorts them: by product unless it says otherwise, thus not as they were sent."""
    match order.content.get("orderLineSorting"):
        case "ID":
            return sorted(order.lines, key=lambda line: line.id)
        case "CUSTOM":
            return sorted(order.lines, key=lambda line: (str(line.content["sortIndex"]).zfill(10), line.id))
        case "PRODUCT_DESCENDING":
            return sorted(order.lines, key=lambda line: str(line.content["displayName"]), reverse=True)
        case _:
            return sorted(order.lines, key=lambda line: str(line.content["displayName"]))


def order_graph(order: Order, *, shown_lines: list[Line] | None = None) -> JsonObject:
    """The order with all its objects; `shown_lines` instead of all its lines."""
    lines = sorted_lines(order) if shown_lines is None else shown_lines
    rows: list[Json] = [line_graph(order, line) for line in lines]
    return {**_plain(order), "orderLines": rows}


def line_graph(order: Order, line: Line) -> JsonObject:
    """The line with all its objects; the lines of its order are left out."""
    return {
        **line.content,
        "id": line.id,
        "version": line.version,
        "vatType": line.vat.graph(),
        "amountExcludingVatCurrency": json_number(line.amount.net),
        "amountIncludingVatCurrency": json_number(line.amount.gross),
        "order": {**_plain(order), "orderLines": []},
        "isCharged": line.charged,
    }


def _plain(order: Order) -> JsonObject:
    preliminary: Json = None if order.preliminary_id is None else {"id": order.preliminary_id}
    return {
        **order.content,
        "id": order.id,
        "version": order.version,
        "number": order.number,
        "displayName": f"{order.number} Ordre",
        "isClosed": order.closed,
        "preliminaryInvoice": preliminary,
    }
