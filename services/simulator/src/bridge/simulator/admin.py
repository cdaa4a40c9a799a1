"""The admin door: builds companies and tenants, edits and misbehaves by order, and shows what happened.

Owns its JSON bodies. It stands outside both systems: nothing here is part of their contracts.
"""

import secrets
from dataclasses import replace
from datetime import datetime

from aiohttp import web

from bridge.simulator.admin_books import read_rules
from bridge.simulator.admin_http import COMPANY, TENANT, Handler, admin_routes, company_of, tenant_of
from bridge.simulator.exchange import Json, JsonObject
from bridge.simulator.fault_reading import parse_fault
from bridge.simulator.faults import Fault
from bridge.simulator.oc2.state import UNLIMITED as OC2_UNLIMITED
from bridge.simulator.oc2.state import Tenant
from bridge.simulator.reading import AdminError, Reader
from bridge.simulator.tripletex.books import InvoiceRules
from bridge.simulator.tripletex.fields import parse_fields, project
from bridge.simulator.tripletex.hand import write_customers
from bridge.simulator.tripletex.model import CUSTOMER
from bridge.simulator.tripletex.state import (
    UNLIMITED,
    ChangedSinceMode,
    Company,
    FullResultMode,
    SessionStyle,
    Settings,
    Snapshot,
)
from bridge.simulator.world import World

_VISIBLE = parse_fields(
    "*,currency(code),postalAddress(addressLine1,addressLine2,postalCode,city,country(isoAlpha2Code))",
    CUSTOMER,
)


class Admin:
    """The admin routes of one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """All routes, below /admin."""
        company, tenant = COMPANY, TENANT
        table: list[tuple[str, str, Handler]] = [
            ("POST", "/admin/reset", self.reset),
            ("POST", "/admin/clock", self.move_clock),
            ("GET", "/admin/clock", self.show_clock),
            ("PUT", company, self.put_company),
            ("POST", f"{company}/customers", self.post_customers),
            ("DELETE", f"{company}/customers/{{customer}}", self.delete_customer),
            ("POST", f"{company}/tokens", self.new_token),
            ("POST", f"{company}/tokens/revoke", self.revoke_token),
            ("POST", f"{company}/sessions/expire", self.expire_sessions),
            ("GET", f"{company}/sessions", self.show_sessions),
            ("GET", f"{company}/history", self.show_history),
            ("PUT", tenant, self.put_tenant),
            ("GET", f"{tenant}/ledger", self.show_ledger),
            ("PUT", f"{tenant}/customers/{{number}}", self.put_oc2_customer),
            ("DELETE", f"{tenant}/customers/{{number}}", self.delete_oc2_customer),
            ("POST", "/admin/faults", self.add_fault),
            ("GET", "/admin/faults", self.show_faults),
            ("DELETE", "/admin/faults", self.clear_faults),
            ("DELETE", "/admin/faults/{name}", self.remove_fault),
            ("GET", "/admin/requests", self.show_requests),
            ("GET", "/admin/violations", self.show_violations),
        ]
        return admin_routes(table)

    async def reset(self, request: web.Request) -> Json:
        """POST /admin/reset."""
        self._world.reset()
        return {}

    async def move_clock(self, request: web.Request) -> Json:
        """POST /admin/clock: `offsetSeconds` or `now`."""
        reader = Reader(await request.json(), "clock")
        now = reader.optional_text("now")
        if now is None:
            self._world.clock.set_offset(reader.number("offsetSeconds"))
        else:
            self._world.clock.set_now(_moment(now))
        reader.finish()
        return await self.show_clock(request)

    async def show_clock(self, request: web.Request) -> Json:
        """GET /admin/clock."""
        clock = self._world.clock
        return {"now": clock.now().isoformat(), "offsetSeconds": clock.offset_seconds}

    async def put_company(self, request: web.Request) -> Json:
        """PUT a company: creates it or changes its settings; its customers stay."""
        reader = Reader(await request.json(), "company")
        settings = Settings(
            name=reader.text("name"),
            consumer_token=reader.text("consumerToken"),
            employee_token=reader.text("employeeToken"),
            session_style=reader.choice("sessionStyle", SessionStyle, SessionStyle.LETTERS),
            changed_since_mode=reader.choice("changedSinceMode", ChangedSinceMode, ChangedSinceMode.WORKS),
            full_result_mode=reader.choice("fullResultMode", FullResultMode, FullResultMode.PLUS_ONE),
            rate_limit=reader.integer("rateLimit", UNLIMITED),
            single_session=reader.boolean("singleSession"),
            language=reader.text("language", "no"),
            rules=read_rules(reader, InvoiceRules()),
        )
        reader.finish()
        number = int(request.match_info["company"])
        company = self._world.tripletex.companies.setdefault(number, Company(number, settings))
        company.settings = settings
        return {"companyId": number, "customers": len(company.customers)}

    async def post_customers(self, request: web.Request) -> Json:
        """POST a list of partial customers: create, or edit by `id`; all at the same moment."""
        rows = await request.json()
        if not isinstance(rows, list):
            raise AdminError("customers: send a list of partial customers")
        now = self._world.clock.now()
        written = write_customers(self._company(request), rows, now=now)
        return [
            {"id": customer.id, "customerNumber": customer.number, "version": customer.version} for customer in written
        ]

    async def delete_customer(self, request: web.Request) -> Json:
        """DELETE one customer by id."""
        company = self._company(request)
        if not company.remove(int(request.match_info["customer"]), at=self._world.clock.epoch()):
            raise AdminError("this company has no customer of that id", status=404)
        return {}

    async def new_token(self, request: web.Request) -> Json:
        """POST a new employee token: the given one or a random one. The old one stops working."""
        body = await request.json() if request.can_read_body else {}
        reader = Reader(body, "token")
        token = reader.text("employeeToken", secrets.token_urlsafe(24))
        reader.finish()
        company = self._company(request)
        company.revoked.add(company.settings.employee_token)
        company.revoked.discard(token)
        company.settings = replace(company.settings, employee_token=token)
        return {"employeeToken": token}

    async def revoke_token(self, request: web.Request) -> Json:
        """POST: the employee token and all its sessions are refused from now on."""
        company = self._company(request)
        company.revoked.add(company.settings.employee_token)
        return {}

    async def expire_sessions(self, request: web.Request) -> Json:
        """POST: every session of the company is gone."""
        company = self._company(request)
        count = len(company.sessions)
        company.sessions.clear()
        return {"expired": count}

    async def show_sessions(self, request: web.Request) -> Json:
        """GET how many sessions were ever created and how many are kept."""
        company = self._company(request)
        return {"created": company.sessions_created, "kept": len(company.sessions)}

    async def show_history(self, request: web.Request) -> Json:
        """GET every state that the source ever showed, in order."""
        return [_history_entry(entry) for entry in self._company(request).history]

    async def put_tenant(self, request: web.Request) -> Json:
        """PUT a tenant: creates it or changes key and limit; `terms` replaces the register if given."""
        reader = Reader(await request.json(), "tenant")
        api_key = reader.text("apiKey")
        rate_limit = reader.integer("rateLimit", OC2_UNLIMITED)
        terms = reader.take("terms")
        reader.finish()
        name = request.match_info["tenant"]
        tenant = self._world.oc2.tenants.setdefault(name, Tenant(name, api_key))
        tenant.api_key, tenant.rate_limit = api_key, rate_limit
        if isinstance(terms, list):
            tenant.terms.clear()
            for term in terms:
                self._add_term(tenant, term)
        return {"tenant": name, "customers": len(tenant.customers)}

    def _add_term(self, tenant: Tenant, document: Json) -> None:
        reader = Reader(document, "term")
        tenant.add_term(
            reader.text("name"),
            reader.integer("days"),
            at=self._world.clock.epoch(),
            term_id=reader.integer("id", len(tenant.terms) + 1),
        )
        reader.finish()

    async def show_ledger(self, request: web.Request) -> Json:
        """GET every effect in order, what OC2 holds now, and the terms."""
        tenant = self._tenant(request)
        writes: list[Json] = [
            {
                "seq": write.seq,
                "at": write.at,
                "customerNumber": write.customer_number,
                "content": write.content,
                "how": write.how,
                "outcome": write.outcome.value,
            }
            for write in tenant.writes
        ]
        return {
            "writes": writes,
            "customers": {str(number): content for number, content in tenant.customers.items()},
            "terms": [{**term.as_json(), "created_at": term.created_at} for term in tenant.terms],
            "termCreates": tenant.term_creates,
        }

    async def put_oc2_customer(self, request: web.Request) -> Json:
        """PUT a customer by hand: not a write of the bridge, so not in the ledger."""
        content = await request.json()
        if not isinstance(content, dict):
            raise AdminError("customer: send a JSON object")
        self._tenant(request).customers[int(request.match_info["number"])] = content
        return {}

    async def delete_oc2_customer(self, request: web.Request) -> Json:
        """DELETE a customer by hand."""
        self._tenant(request).customers.pop(int(request.match_info["number"]), None)
        return {}

    async def add_fault(self, request: web.Request) -> Json:
        """POST one fault; one of the same name is replaced."""
        fault = parse_fault(await request.json())
        self._world.faults.add(fault)
        return _fault_json(fault)

    async def show_faults(self, request: web.Request) -> Json:
        """GET all faults with their counters."""
        return [_fault_json(fault) for fault in self._world.faults.by_name.values()]

    async def clear_faults(self, request: web.Request) -> Json:
        """DELETE all faults."""
        self._world.faults.by_name.clear()
        return {}

    async def remove_fault(self, request: web.Request) -> Json:
        """DELETE one fault; none of that name is 404."""
        if self._world.faults.by_name.pop(request.match_info["name"], None) is None:
            raise AdminError("there is no fault of that name", status=404)
        return {}

    async def show_requests(self, request: web.Request) -> Json:
        """GET the requests after number `since` (0: all that are kept)."""
        since = int(request.query.get("since", "0"))
        return [entry.as_json() for entry in self._world.log.since(since)]

    async def show_violations(self, request: web.Request) -> Json:
        """GET the requests that broke the contract documents."""
        return [violation.as_json() for violation in self._world.checker.violations]

    def _company(self, request: web.Request) -> Company:
        return company_of(self._world, request)

    def _tenant(self, request: web.Request) -> Tenant:
        return tenant_of(self._world, request)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise AdminError("clock: now needs a zone, for instance Z")
    return moment


def _history_entry(entry: Snapshot) -> JsonObject:
    shown = project(entry.customer.graph(), CUSTOMER, _VISIBLE, "")
    content = {name: value for name, value in shown.items() if name not in ("id", "version", "url")}
    return {
        "seq": entry.seq,
        "at": entry.at,
        "id": entry.customer.id,
        "customerNumber": entry.customer.number,
        "version": entry.customer.version,
        "content": content,
        "deleted": entry.deleted,
    }


def _fault_json(fault: Fault) -> JsonObject:
    return {
        "name": fault.name,
        "system": fault.match.system.value,
        "scope": fault.match.scope,
        "kind": fault.kind.value,
        "times": fault.times,
        "after": fault.after,
        "seen": fault.seen,
        "hits": fault.hits,
    }
