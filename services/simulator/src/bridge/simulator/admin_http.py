"""What all admin routes share: a handler from request to JSON, and the look-up of companies and tenants.

Owns the answers to mistakes. It must not know what the routes do.
"""

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from bridge.simulator.exchange import Json, encode
from bridge.simulator.oc2.state import Tenant
from bridge.simulator.reading import AdminError
from bridge.simulator.tripletex.state import Company
from bridge.simulator.world import World

Handler = Callable[[web.Request], Awaitable[Json]]
COMPANY = "/admin/tripletex/companies/{company}"
TENANT = "/admin/oc2/tenants/{tenant}"


def admin_routes(table: Sequence[tuple[str, str, Handler]]) -> list[web.RouteDef]:
    """The routes of a table of method, path and handler."""
    return [web.route(method, path, _json_handler(handler)) for method, path, handler in table]


def company_of(world: World, request: web.Request) -> Company:
    """The company that the path names; 404 if there is none."""
    company = world.tripletex.companies.get(int(request.match_info["company"]))
    if company is None:
        raise AdminError("no company has this id; PUT it first", status=404)
    return company


def tenant_of(world: World, request: web.Request) -> Tenant:
    """The tenant that the path names; 404 if there is none."""
    tenant = world.oc2.tenants.get(request.match_info["tenant"])
    if tenant is None:
        raise AdminError("no tenant has this name; PUT it first", status=404)
    return tenant


def _json_handler(handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def respond(request: web.Request) -> web.Response:
        try:
            document = await handler(request)
        except AdminError as mistake:
            return _respond(mistake.status, {"error": str(mistake)})
        except ValueError as mistake:
            return _respond(400, {"error": f"not understood: {mistake}"})
        return _respond(200, document)

    return respond


def _respond(status: int, document: Json) -> web.Response:
    return web.Response(status=status, body=encode(document), content_type="application/json")
