"""GET, POST and PUT on orders, and GET on a line.

Owns the order's part of the API, its traps included: the lines are absent from the answer to a POST although
they are stored.
"""

from bridge.simulator.clock import Clock
from bridge.simulator.exchange import Answer, JsonObject, Request, encode
from bridge.simulator.tripletex import errors
from bridge.simulator.tripletex.bodies import read_body
from bridge.simulator.tripletex.books import Order
from bridge.simulator.tripletex.errors import JSON_TYPE
from bridge.simulator.tripletex.fields import parse_fields, project
from bridge.simulator.tripletex.invoice_model import ORDER, ORDER_LINE
from bridge.simulator.tripletex.listing import list_answer
from bridge.simulator.tripletex.order_making import line_graph, make_order, order_graph
from bridge.simulator.tripletex.order_rules import ALONE, broken_rules, missing_values
from bridge.simulator.tripletex.reading_lists import contains, equals, kept, mandatory_range, of_ids
from bridge.simulator.tripletex.state import Company, new_id

_EDITABLE = frozenset(
    {
        "receiverEmail",
        "overdueNoticeEmail",
        "reference",
        "invoiceComment",
        "internalComment",
        "deliveryComment",
        "orderDate",
        "deliveryDate",
        "invoicesDueIn",
        "invoicesDueInType",
        "orderLineSorting",
    }
)


def absent_fields(company: Company) -> frozenset[str]:
    """What this company's release does not know yet."""
    return frozenset() if company.settings.rules.internal_comment else frozenset({"internalComment"})


def post_order(company: Company, request: Request, *, url_base: str, clock: Clock) -> Answer:
    """POST /order: the order with its hidden preliminary invoice; its lines are not in the answer."""
    values = read_body(request, ORDER, absent=absent_fields(company))
    missing = missing_values(values, ALONE)
    if missing:
        raise errors.validation(tuple(missing), business_rule=False)
    broken = broken_rules(company, values, ALONE)
    if broken:
        raise errors.validation(tuple(broken))
    order = make_order(company, values, at=clock.epoch())
    order.preliminary_id = new_id()
    return _value(201, project(order_graph(order, shown_lines=[]), ORDER, parse_fields(None, ORDER), url_base))


def list_orders(company: Company, request: Request, *, url_base: str) -> Answer:
    """GET /order: the order date's range is mandatory; `number` is equals."""
    tests = [
        mandatory_range(request, "orderDate"),
        *of_ids(request, "id", "id"),
        *of_ids(request, "customerId", "customer", "id"),
        *equals(request, "number", "isClosed", "isSubscription"),
        *contains(request, "deliveryComment"),
    ]
    rows = kept([order_graph(order) for order in company.books.orders.values()], tests)
    return list_answer(rows, ORDER, request, url_base=url_base, mode=company.settings.full_result_mode)


def get_order(company: Company, order_id: int, request: Request, *, url_base: str) -> Answer:
    """GET /order/{id}."""
    selection = parse_fields(request.param("fields"), ORDER)
    return _value(200, project(order_graph(_existing(company, order_id)), ORDER, selection, url_base))


def put_order(company: Company, order_id: int, request: Request, *, url_base: str) -> Answer:
    """PUT /order/{id}: a partial update of the plain fields and `isClosed`; a stale version is 409."""
    order = _existing(company, order_id)
    values = read_body(request, ORDER, absent=absent_fields(company))
    version = values.get("version")
    if version is not None and version != order.version:
        raise errors.stale_version()
    before = (dict(order.content), order.closed)
    order.content.update({name: value for name, value in values.items() if name in _EDITABLE})
    closed = values.get("isClosed")
    order.closed = closed if isinstance(closed, bool) else order.closed
    if (order.content, order.closed) != before:
        order.version += 1
    return _value(200, project(order_graph(order), ORDER, parse_fields(None, ORDER), url_base))


def get_line(company: Company, line_id: int, request: Request, *, url_base: str) -> Answer:
    """GET /order/orderline/{id}: seen in real logs although no document has the path."""
    selection = parse_fields(request.param("fields"), ORDER_LINE)
    found = company.books.line(line_id)
    if found is None:
        raise errors.not_found()
    return _value(200, project(line_graph(*found), ORDER_LINE, selection, url_base))


def _existing(company: Company, order_id: int) -> Order:
    order = company.books.orders.get(order_id)
    if order is None:
        raise errors.not_found()
    return order


def _value(status: int, value: JsonObject) -> Answer:
    return Answer(status, encode({"value": value}), {"Content-Type": JSON_TYPE})
