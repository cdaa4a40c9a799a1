"""The admin door to a company's books: the registers that invoices refer to, the switches, and what was stored.

Owns its JSON bodies. Money is shown as text, since that is what it is compared as.
"""

from collections import Counter
from dataclasses import replace
from typing import Protocol

from aiohttp import web

from bridge.simulator.admin_http import COMPANY, Handler, admin_routes, company_of
from bridge.simulator.clock import Clock
from bridge.simulator.exchange import Answer, Json, JsonObject, Request, as_list, as_object
from bridge.simulator.reading import AdminError, Reader
from bridge.simulator.tripletex import invoices, orders
from bridge.simulator.tripletex.amounts import VatRounding, decimal_of
from bridge.simulator.tripletex.books import Books, DuplicateForm, Invoice, InvoiceRules, Line, Order
from bridge.simulator.tripletex.errors import TripletexError
from bridge.simulator.tripletex.order_making import sorted_lines
from bridge.simulator.tripletex.state import Company, new_id
from bridge.simulator.tripletex.vat import VatType, vat_register
from bridge.simulator.world import World


def read_rules(reader: Reader, before: InvoiceRules) -> InvoiceRules:
    """The switches of a body; what it does not name stays as before."""
    rights = reader.take("missingRights")
    return InvoiceRules(
        unique_invoice_numbers=reader.boolean("uniqueInvoiceNumbers", before.unique_invoice_numbers),
        unique_order_numbers=reader.boolean("uniqueOrderNumbers", before.unique_order_numbers),
        duplicate_form=reader.choice("duplicateForm", DuplicateForm, before.duplicate_form),
        ignore_unit_price=reader.boolean("ignoreUnitPrice", before.ignore_unit_price),
        apply_customer_discount=reader.boolean("applyCustomerDiscount", before.apply_customer_discount),
        unit_price_decimals=reader.integer("unitPriceDecimals", before.unit_price_decimals),
        vat_rounding=reader.choice("vatRounding", VatRounding, before.vat_rounding),
        round_to_kroner=reader.boolean("roundToKroner", before.round_to_kroner),
        prices_include_vat=reader.boolean("pricesIncludeVat", before.prices_include_vat),
        ehf_refusal=reader.boolean("ehfRefusal", before.ehf_refusal),
        supplier_numbers_match=reader.boolean("supplierNumbersMatch", before.supplier_numbers_match),
        internal_comment=reader.boolean("internalComment", before.internal_comment),
        missing_rights=before.missing_rights if rights is None else tuple(str(item) for item in as_list(rights)),
    )


class BooksAdmin:
    """The admin routes of the invoice half of Tripletex."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """All routes, below a company."""
        table: list[tuple[str, str, Handler]] = [
            ("PATCH", f"{COMPANY}/rules", self.patch_rules),
            ("POST", f"{COMPANY}/departments", self.post_departments),
            ("POST", f"{COMPANY}/projects", self.post_projects),
            ("POST", f"{COMPANY}/vat-types", self.post_vat_types),
            ("POST", f"{COMPANY}/bank-account", self.post_bank_account),
            ("POST", f"{COMPANY}/accounting-periods", self.post_periods),
            ("POST", f"{COMPANY}/invoices", self.post_invoice),
            ("GET", f"{COMPANY}/invoices", self.show_invoices),
            ("POST", f"{COMPANY}/orders", self.post_order),
            ("GET", f"{COMPANY}/orders", self.show_orders),
        ]
        return admin_routes(table)

    def _company(self, request: web.Request) -> Company:
        return company_of(self._world, request)

    async def patch_rules(self, request: web.Request) -> Json:
        """PATCH some of the switches; the others stay."""
        company = self._company(request)
        reader = Reader(await request.json(), "rules")
        rules = read_rules(reader, company.settings.rules)
        language = reader.text("language", company.settings.language)
        reader.finish()
        company.settings = replace(company.settings, rules=rules, language=language)
        return {}

    async def post_departments(self, request: web.Request) -> Json:
        """POST a list of `{number, name?, isInactive?}`; one with a known `id` is replaced."""
        register = self._company(request).books.departments
        return [_put(register, _department(Reader(row, "department"))) for row in await _rows(request)]

    async def post_projects(self, request: web.Request) -> Json:
        """POST a list of `{number, name?, isClosed?, isOffer?}`; one with a known `id` is replaced."""
        register = self._company(request).books.projects
        return [_put(register, _project(Reader(row, "project"))) for row in await _rows(request)]

    async def post_vat_types(self, request: web.Request) -> Json:
        """POST `{status?, codes?: [{number, active?, id?, percentage?, name?}]}`; a status begins anew."""
        books = self._company(request).books
        reader = Reader(await request.json(), "vat-types")
        status = reader.optional_text("status")
        codes = reader.objects("codes")
        reader.finish()
        if status is not None:
            books.vat_status = status
            books.vat = vat_register(registered=status == "VAT_REGISTERED")
        for row in codes:
            code = _vat_type(books, Reader(row, "VAT code"))
            books.vat[code.number] = code
        return {"active": [code.number for code in books.vat.values() if code.active]}

    async def post_bank_account(self, request: web.Request) -> Json:
        """POST `{number}`: null takes the bank account away."""
        reader = Reader(await request.json(), "bank-account")
        self._company(request).books.bank_account = reader.optional_text("number") or None
        reader.finish()
        return {}

    async def post_periods(self, request: web.Request) -> Json:
        """POST `{closed?: [months], opened?: [months]}`, months such as 2026-10."""
        months = self._company(request).books.closed_months
        reader = Reader(await request.json(), "accounting-periods")
        months.update(str(month) for month in as_list(reader.take("closed")))
        months.difference_update(str(month) for month in as_list(reader.take("opened")))
        reader.finish()
        return {"closed": [*sorted(months)]}

    async def post_invoice(self, request: web.Request) -> Json:
        """POST one invoice by hand, with the body of Tripletex's own call; no fault meets it, nothing is mailed."""
        return _by_hand(invoices.post_invoice, self._company(request), await request.read(), self._world)

    async def post_order(self, request: web.Request) -> Json:
        """POST one order by hand, with the body of Tripletex's own call."""
        return _by_hand(orders.post_order, self._company(request), await request.read(), self._world)

    async def show_invoices(self, request: web.Request) -> Json:
        """GET every stored invoice in order, with how often its number and its order's number were stored."""
        books = self._company(request).books
        numbers = Counter(invoice.number for invoice in books.invoices.values())
        return {
            "invoices": [_invoice_json(invoice) for invoice in books.invoices.values()],
            "doubled": [number for number, count in numbers.items() if count > 1],
        }

    async def show_orders(self, request: web.Request) -> Json:
        """GET every order in the order of their making, with the numbers of its invoices."""
        books = self._company(request).books
        return [_order_json(books, order) for order in books.orders.values()]


class _Post(Protocol):
    def __call__(self, company: Company, request: Request, *, url_base: str, clock: Clock) -> Answer: ...


def _by_hand(post: _Post, company: Company, body: bytes, world: World) -> Json:
    request = Request("POST", "/by-hand", {"sendToCustomer": ("false",)}, body=body)
    try:
        answer = post(company, request, url_base="", clock=world.clock)
    except TripletexError as refusal:
        raise AdminError(f"Tripletex refuses it: {refusal}: {refusal.messages}") from refusal
    return {"id": as_object(as_object(answer.json()).get("value")).get("id")}


async def _rows(request: web.Request) -> list[Json]:
    rows: Json = await request.json()
    if not isinstance(rows, list):
        raise AdminError("send a list of objects")
    return rows


def _put(register: dict[int, JsonObject], row: JsonObject) -> JsonObject:
    number = row["id"]
    if isinstance(number, int):
        register[number] = row
    return {"id": number}


def _department(reader: Reader) -> JsonObject:
    number = reader.text("number")
    name = reader.text("name", "Avdeling")
    row: JsonObject = {
        "id": reader.integer("id", new_id()),
        "version": 0,
        "name": name,
        "departmentNumber": number,
        "displayName": f"{number} {name}".strip(),
        "isInactive": reader.boolean("isInactive"),
    }
    reader.finish()
    return row


def _project(reader: Reader) -> JsonObject:
    number = reader.text("number")
    name = reader.text("name", "Prosjekt")
    row: JsonObject = {
        "id": reader.integer("id", new_id()),
        "version": 1,
        "name": name,
        "number": number,
        "displayName": f"{number} {name}",
        "description": "",
        "startDate": "2020-01-01",
        "endDate": None,
        "isClosed": reader.boolean("isClosed"),
        "isOffer": reader.boolean("isOffer"),
        "isInternal": False,
    }
    reader.finish()
    return row


def _vat_type(books: Books, reader: Reader) -> VatType:
    number = reader.text("number")
    before = books.vat.get(number) or VatType(new_id(), number, f"Kode {number}", decimal_of(0), True)
    percentage = reader.take("percentage")
    code = replace(
        before,
        id=reader.integer("id", before.id),
        name=reader.text("name", before.name),
        percentage=before.percentage if percentage is None else decimal_of(percentage),
        active=reader.boolean("active", True),
    )
    reader.finish()
    return code


def _invoice_json(invoice: Invoice) -> JsonObject:
    content, order = invoice.content, invoice.order.content
    charged = {line.id for line in invoice.lines}
    return {
        "seq": invoice.seq,
        "at": invoice.at,
        "id": invoice.id,
        "invoiceNumber": invoice.number,
        "invoiceDate": content["invoiceDate"],
        "invoiceDueDate": content["invoiceDueDate"],
        "kid": content["kid"],
        "customerNumber": as_object(order["customer"]).get("customerNumber"),
        "currency": as_object(order["currency"]).get("code"),
        "orderId": invoice.order.id,
        "orderNumber": invoice.order.number,
        "net": str(invoice.totals.net),
        "gross": str(invoice.totals.gross),
        "roundoff": str(invoice.totals.roundoff),
        "lines": [_line_json(line) for line in sorted_lines(invoice.order) if line.id in charged],
        "mails": invoice.mails,
    }


def _line_json(line: Line) -> JsonObject:
    return {
        "description": line.content["description"],
        "unitPrice": f"{line.price.normalize():f}",
        "count": str(line.count),
        "vatNumber": line.vat.number,
        "net": str(line.amount.net),
        "gross": str(line.amount.gross),
        "isCharged": line.charged,
    }


def _order_json(books: Books, order: Order) -> JsonObject:
    department, project = as_object(order.content["department"]), as_object(order.content["project"])
    return {
        "id": order.id,
        "at": order.at,
        "number": order.number,
        "orderDate": order.content["orderDate"],
        "deliveryDate": order.content["deliveryDate"],
        "customerNumber": as_object(order.content["customer"]).get("customerNumber"),
        "departmentNumber": department.get("departmentNumber"),
        "projectNumber": project.get("number"),
        "internalComment": order.content["internalComment"],
        "deliveryComment": order.content["deliveryComment"],
        "reference": order.content["reference"],
        "isClosed": order.closed,
        "version": order.version,
        "invoiceNumbers": [invoice.number for invoice in books.invoices_of(order)],
        "lines": [_line_json(line) for line in sorted_lines(order)],
    }
