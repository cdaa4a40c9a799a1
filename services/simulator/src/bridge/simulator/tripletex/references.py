"""The registers that an invoice refers to: departments, projects, VAT codes, accounts, periods, VAT settings.

Owns their lists, each with its own idea of what a number filter means. It must not know orders.
"""

import calendar
from collections.abc import Callable, Mapping
from datetime import date, timedelta

from bridge.simulator.clock import Clock
from bridge.simulator.exchange import Answer, Json, JsonObject, Request, as_object, encode
from bridge.simulator.tripletex import errors
from bridge.simulator.tripletex.bodies import parsed
from bridge.simulator.tripletex.errors import JSON_TYPE, Message
from bridge.simulator.tripletex.fields import parse_fields, project
from bridge.simulator.tripletex.invoice_model import (
    ACCOUNT,
    ACCOUNTING_PERIOD,
    DEPARTMENT,
    PROJECT,
    VAT_SETTINGS,
    VAT_TYPE,
)
from bridge.simulator.tripletex.listing import integer_param, list_answer
from bridge.simulator.tripletex.model import Model
from bridge.simulator.tripletex.reading_lists import (
    Test,
    contains,
    date_param,
    equals,
    kept,
    of_ids,
    optional_range,
)
from bridge.simulator.tripletex.registers import CURRENCIES
from bridge.simulator.tripletex.state import Company

_VAT_KINDS = frozenset({"OUTGOING", "INCOMING", "INCOMING_INVOICE", "PROJECT", "LEDGER"})
_YEARS_BACK, _YEARS_AHEAD = 2, 1
_BANK_WEIGHTS = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)


def departments(company: Company, request: Request) -> tuple[list[JsonObject], Model]:
    """GET /department: `departmentNumber` is contains; inactive ones too unless asked."""
    tests = [
        *of_ids(request, "id", "id"),
        *contains(request, "departmentNumber", "name"),
        *equals(request, "isInactive"),
    ]
    return kept(list(company.books.departments.values()), tests), DEPARTMENT


def projects(company: Company, request: Request) -> tuple[list[JsonObject], Model]:
    """GET /project: `number` is equals; closed ones too unless asked."""
    tests = [
        *of_ids(request, "id", "id"),
        *contains(request, "name"),
        *equals(request, "number", "isClosed", "isOffer"),
    ]
    return kept(list(company.books.projects.values()), tests), PROJECT


def vat_types(company: Company, request: Request) -> tuple[list[JsonObject], Model]:
    """GET /ledger/vatType: with `typeOfVat` only codes in use, without it all; `number` is equals."""
    kind = request.param("typeOfVat")
    date_param(request, "vatDate")
    if kind and kind not in _VAT_KINDS:
        raise errors.unconvertible_query()
    codes = list(company.books.vat.values())
    if kind == "OUTGOING":
        codes = [code for code in codes if code.outgoing and code.active]
    elif kind:
        codes = [code for code in codes if not code.outgoing]
    tests = [*of_ids(request, "id", "id"), *equals(request, "number")]
    return kept([code.graph() for code in codes], tests), VAT_TYPE


def accounts(company: Company, request: Request) -> tuple[list[JsonObject], Model]:
    """GET /ledger/account: receivables, the bank and sales; `number` is a list of numbers."""
    tests = [
        *of_ids(request, "id", "id"),
        *of_ids(request, "number", "number"),
        *equals(request, "isBankAccount", "isInactive"),
    ]
    return kept(account_rows(company), tests), ACCOUNT


def account_rows(company: Company) -> list[JsonObject]:
    """The three accounts of every company; the bank's carries the bank account number, `""` without one."""
    plan = (
        (1, 1500, "Kundefordringer", "CUSTOMER"),
        (2, 1920, "Bankinnskudd", "GENERAL"),
        (3, 3000, "Salg", "GENERAL"),
    )
    return [
        {
            "id": company.id * 100 + offset,
            "version": 1,
            "number": number,
            "numberPretty": str(number),
            "name": name,
            "description": "",
            "type": "OPERATING_REVENUES" if number == 3000 else "ASSETS",
            "ledgerType": ledger,
            "vatType": company.books.vat["0"].graph(),
            "currency": CURRENCIES["NOK"],
            "isInactive": False,
            "isBankAccount": number == 1920,
            "isInvoiceAccount": number == 1920,
            "bankAccountNumber": (company.books.bank_account or "") if number == 1920 else "",
            "bankName": "",
            "displayName": f"{number} {name}",
        }
        for offset, number, name, ledger in plan
    ]


def periods(company: Company, request: Request, today: date) -> tuple[list[JsonObject], Model]:
    """GET /ledger/accountingPeriod: every month of some years, closed or open; `end` is the first day after it."""
    months = [
        date(year, month, 1)
        for year in range(today.year - _YEARS_BACK, today.year + _YEARS_AHEAD + 1)
        for month in range(1, 13)
    ]
    rows = [_period(company, first) for first in months]
    first, last = integer_param(request, "numberFrom", 0), integer_param(request, "numberTo", 13)
    tests: list[Test] = [
        *of_ids(request, "id", "id"),
        *optional_range(request, "start", "start"),
        *optional_range(request, "end", "end"),
        lambda row: first <= date.fromisoformat(str(row["start"])).month < last,
    ]
    return kept(rows, tests), ACCOUNTING_PERIOD


def _period(company: Company, first: date) -> JsonObject:
    days = calendar.monthrange(first.year, first.month)[1]
    return {
        "id": company.id * 10_000 + (first.year - 2000) * 12 + first.month,
        "version": 1,
        "name": f"{first:%Y-%m}",
        "number": first.month,
        "start": first.isoformat(),
        "end": (first + timedelta(days=days)).isoformat(),
        "isClosed": f"{first:%Y-%m}" in company.books.closed_months,
    }


def register_answer(company: Company, request: Request, *, url_base: str, clock: Clock) -> Answer | None:
    """The list that the path names, None if it names none of these."""
    lists: Mapping[str, Callable[[], tuple[list[JsonObject], Model]]] = {
        "/department": lambda: departments(company, request),
        "/project": lambda: projects(company, request),
        "/ledger/vatType": lambda: vat_types(company, request),
        "/ledger/account": lambda: accounts(company, request),
        "/ledger/accountingPeriod": lambda: periods(company, request, clock.oslo_date()),
    }
    if request.path not in lists:
        return None
    if request.method != "GET":
        raise errors.wrong_method()
    rows, model = lists[request.path]()
    return list_answer(rows, model, request, url_base=url_base, mode=company.settings.full_result_mode)


def vat_settings(company: Company, request: Request, *, url_base: str) -> Answer:
    """GET /ledger/vatSettings."""
    values: JsonObject = {"id": company.id, "version": 1, "vatRegistrationStatus": company.books.vat_status}
    return _value(project(values, VAT_SETTINGS, parse_fields(request.param("fields"), VAT_SETTINGS), url_base))


def put_account(company: Company, account_id: int, request: Request, *, url_base: str) -> Answer:
    """PUT /ledger/account/{id}: the bank account number, which must have a valid check digit."""
    row = next((row for row in account_rows(company) if row["id"] == account_id), None)
    if row is None:
        raise errors.not_found()
    number = as_object(parsed(request)).get("bankAccountNumber")
    if isinstance(number, str) and number and not is_bank_account(number):
        raise errors.validation((Message("bankAccountNumber", "Dette er ikke et gyldig norsk kontonummer"),))
    if isinstance(number, str) and row["isBankAccount"] is True:
        company.books.bank_account = number or None
        row["bankAccountNumber"] = number
    return _value(project(row, ACCOUNT, parse_fields(None, ACCOUNT), url_base))


def is_bank_account(text: str) -> bool:
    """Whether the text is 11 digits of which the last is the MOD11 check digit of the others."""
    if not (len(text) == 11 and text.isascii() and text.isdigit()):
        return False
    digits = [int(digit) for digit in text]
    total = sum(weight * digit for weight, digit in zip(_BANK_WEIGHTS, digits[:10], strict=True))
    return (11 - total % 11) % 11 == digits[10]


def _value(value: Json) -> Answer:
    return Answer(200, encode({"value": value}), {"Content-Type": JSON_TYPE})
