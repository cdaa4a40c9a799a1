"""Reads the rules of misbehaviour from admin bodies.

Owns which parameters each kind takes, and a sentence for every mistake. When a fault acts is decided in `faults`.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from bridge.simulator.exchange import Json, JsonObject
from bridge.simulator.faults import Fault, Kind, Match, System, Then
from bridge.simulator.reading import AdminError, Reader

_PARAMS: Mapping[Kind, frozenset[str]] = {
    Kind.LATENCY: frozenset({"seconds"}),
    Kind.STATUS: frozenset({"status", "body", "contentType", "headers"}),
    Kind.ALWAYS_500_FOR: frozenset({"body", "contentType", "headers"}),
    Kind.RATE_LIMITED: frozenset({"retryAfter"}),
    Kind.HANG: frozenset({"seconds"}),
    Kind.EFFECT_AFTER: frozenset({"seconds", "answerSeconds"}),
    Kind.STORED_ALTHOUGH: frozenset({"then", "body", "contentType", "headers"}),
    Kind.ORDER_LEFT: frozenset({"then", "body", "contentType", "headers", "invoices", "orders"}),
    Kind.STALE_PAGE: frozenset({"changes", "numbers"}),
    Kind.MISSING_ROWS: frozenset({"ids", "numbers", "invoiceNumbers", "batchNumbers"}),
    Kind.PAGE_SHIFT: frozenset({"at_page", "rows"}),
    Kind.NULL_FIELDS: frozenset({"fields", "numbers"}),
    Kind.EXTRA_FIELDS: frozenset({"fields", "count"}),
    Kind.BULK_PARTIAL: frozenset({"errors"}),
}
_NUMERIC = frozenset({"seconds", "answerSeconds", "status", "changes", "at_page", "count", "invoices", "orders"})
_REQUIRED: Mapping[Kind, frozenset[str]] = {
    Kind.LATENCY: frozenset({"seconds"}),
    Kind.STATUS: frozenset({"status"}),
    Kind.HANG: frozenset({"seconds"}),
    Kind.EFFECT_AFTER: frozenset({"seconds"}),
    Kind.STORED_ALTHOUGH: frozenset({"then"}),
    Kind.ORDER_LEFT: frozenset({"then"}),
    Kind.PAGE_SHIFT: frozenset({"at_page", "rows"}),
    Kind.BULK_PARTIAL: frozenset({"errors"}),
}


def parse_fault(document: Json) -> Fault:
    """The rule that an admin body describes.

    Raises:
        AdminError: A key is unknown, missing or of the wrong type.
    """
    reader = Reader(document, "fault")
    name = reader.text("name")
    scope = reader.take("scope")
    kind = reader.choice("kind", Kind)
    match = Match(
        system=reader.choice("system", System),
        scope=None if scope is None else str(scope),
        method=reader.optional_text("method"),
        path=_pattern(reader.optional_text("path")),
    )
    match = _with_details(match, reader.take("match"))
    times = reader.take("times")
    after = reader.integer("after", 0)
    params = reader.rest()
    unknown = sorted(set(params) - _PARAMS.get(kind, frozenset()))
    missing = sorted(_REQUIRED.get(kind, frozenset()) - set(params))
    if unknown or missing:
        raise AdminError(f"fault {name} ({kind}): unknown key(s) {unknown}, missing key(s) {missing}")
    _check_values(name, kind, params)
    if kind is Kind.ALWAYS_500_FOR and match.customer_number is None and match.invoice_number is None:
        raise AdminError(f"fault {name} ({kind}): match.customerNumber or match.invoiceNumber must be given")
    return Fault(name, match, kind, params, times if isinstance(times, int) else None, after)


def _check_values(name: str, kind: Kind, params: JsonObject) -> None:
    wrong = sorted(key for key in _NUMERIC & set(params) if not isinstance(params[key], int | float))
    if wrong:
        raise AdminError(f"fault {name} ({kind}): {', '.join(wrong)} must be a number")
    if "then" in params and params["then"] not in {member.value for member in Then}:
        raise AdminError(f"fault {name} ({kind}): then must be one of {', '.join(Then)}")
    errors = params.get("errors", {})
    if not isinstance(errors, dict) or not all(number.isdigit() for number in errors):
        raise AdminError(f"fault {name} ({kind}): errors must be an object from customer number to messages")


def _pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return None if text is None else re.compile(text)
    except re.error as cause:
        raise AdminError(f"fault: path is not a regular expression: {cause}") from cause


def _with_details(match: Match, document: Json) -> Match:
    reader = Reader(document or {}, "fault match")
    number = reader.take("customerNumber")
    invoice_number = reader.take("invoiceNumber")
    query = reader.take("query")
    contains = reader.optional_text("bodyContains")
    reader.finish()
    return replace(
        match,
        customer_number=number if isinstance(number, int) else None,
        query={key: str(value) for key, value in query.items()} if isinstance(query, dict) else {},
        body_contains=contains,
        invoice_number=invoice_number if isinstance(invoice_number, int) else None,
    )
