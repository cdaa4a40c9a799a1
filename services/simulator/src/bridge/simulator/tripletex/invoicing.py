"""Which path of the invoice half answers what.

Owns the routes of orders, invoices and their registers, and the rights that may be missing for any path.
"""

from collections.abc import Callable, Mapping

from bridge.simulator.clock import Clock
from bridge.simulator.exchange import Answer, Request
from bridge.simulator.tripletex import errors, invoices, orders, references
from bridge.simulator.tripletex.state import Company

_Routes = Mapping[str, Callable[[], Answer]]


def check_rights(company: Company, request: Request) -> None:
    """Refuse what the company's token has no right to.

    Raises:
        TripletexError: 403/9000.
    """
    for beginning in company.settings.rules.missing_rights:
        if request.path.startswith(beginning) or f"{request.method} {request.path}".startswith(beginning):
            raise errors.forbidden()


def invoicing_answer(
    company: Company, request: Request, *, url_base: str, clock: Clock, hidden: frozenset[int]
) -> Answer | None:
    """The answer with its effect done; None if the path is none of the invoice half.

    Args:
        hidden: Invoice numbers that lists leave out.
    """
    register = references.register_answer(company, request, url_base=url_base, clock=clock)
    if register is not None:
        return register
    fixed: Mapping[str, _Routes] = {
        "/invoice": {
            "GET": lambda: invoices.list_invoices(company, request, url_base=url_base, hidden=hidden),
            "POST": lambda: invoices.post_invoice(company, request, url_base=url_base, clock=clock),
        },
        "/invoice/list": {"POST": lambda: invoices.post_invoices(company, request, url_base=url_base, clock=clock)},
        "/invoice/settings": {"GET": lambda: invoices.get_settings(company, request, url_base=url_base)},
        "/order": {
            "GET": lambda: orders.list_orders(company, request, url_base=url_base),
            "POST": lambda: orders.post_order(company, request, url_base=url_base, clock=clock),
        },
        "/ledger/vatSettings": {"GET": lambda: references.vat_settings(company, request, url_base=url_base)},
    }
    routes = fixed.get(request.path) or _by_id(company, request, url_base)
    if routes is None:
        return None
    if request.method not in routes:
        raise errors.wrong_method()
    return routes[request.method]()


def _by_id(company: Company, request: Request, url_base: str) -> _Routes | None:
    collection, _, last = request.path.rpartition("/")
    if collection not in ("/invoice", "/order", "/order/orderline", "/ledger/account"):
        return None
    if not (last.isascii() and last.isdigit()):
        raise errors.not_a_number(last)
    number = int(last)
    match collection:
        case "/invoice":
            return {"GET": lambda: invoices.get_invoice(company, number, request, url_base=url_base)}
        case "/order":
            return {
                "GET": lambda: orders.get_order(company, number, request, url_base=url_base),
                "PUT": lambda: orders.put_order(company, number, request, url_base=url_base),
            }
        case "/order/orderline":
            return {"GET": lambda: orders.get_line(company, number, request, url_base=url_base)}
        case _:
            return {"PUT": lambda: references.put_account(company, number, request, url_base=url_base)}
