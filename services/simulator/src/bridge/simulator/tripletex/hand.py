"""Edits by the hand of a test: partial customers, with the switches that no API of Tripletex has.

Owns the reading of those switches. It writes whatever it is told: nulls, numbers used twice, future fields.
"""

from collections.abc import Sequence
from datetime import datetime

from bridge.simulator.exchange import Json, JsonObject
from bridge.simulator.reading import AdminError, Reader
from bridge.simulator.tripletex.editing import EditMode, create_customer, edit_customer
from bridge.simulator.tripletex.state import Change, Company, Customer


def write_customers(company: Company, rows: Sequence[JsonObject], *, now: datetime) -> list[Customer]:
    """Create each row, or edit it if its `id` is known; all at the same moment.

    Besides Tripletex's own fields a row may hold `touch`, `freezeVersion`, `freezeChanges` and `changes`
    (a timestamp for the new entry, or the whole list).
    """
    return [_write(company, row, now=now) for row in rows]


def _write(company: Company, row: JsonObject, *, now: datetime) -> Customer:
    reader = Reader(row, "customer")
    changes = reader.take("changes")
    mode = EditMode(
        touch=reader.boolean("touch"),
        freeze_version=reader.boolean("freezeVersion"),
        freeze_changes=reader.boolean("freezeChanges"),
        timestamp=_checked_timestamp(changes) if isinstance(changes, str) else None,
        changes=_change_list(changes) if isinstance(changes, list) else None,
    )
    values = reader.rest()
    number = values.get("id")
    known = company.customers.get(number) if isinstance(number, int) else None
    if known is None:
        return create_customer(company, values, now=now, mode=mode)
    return edit_customer(company, known, values, now=now, mode=mode)


def delete_numbers(company: Company, numbers: frozenset[int], *, at: float) -> None:
    """Delete every customer that carries one of the numbers."""
    for customer in list(company.customers.values()):
        if customer.number in numbers:
            company.remove(customer.id, at=at)


def _checked_timestamp(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError as cause:
        raise AdminError(f"customer: changes is no ISO 8601 timestamp: {text}") from cause
    return text


def _change_list(items: list[Json]) -> tuple[Change, ...]:
    changes = []
    for item in items:
        reader = Reader(item, "customer change")
        changes.append(
            Change(
                reader.integer("employeeId", 0),
                _checked_timestamp(reader.text("timestamp")),
                reader.text("changeType", "UPDATE"),
            )
        )
        reader.finish()
    return tuple(changes)
