"""What OC2 ought to hold, worked out anew from the two systems' documents.

Owns a small mapping of its own and the sequence of contents that each number should go through. It must share no code
with the services: a mistake of theirs would then be judged right.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.testkit.simulator_answers import Json, JsonObject, SourceState

Content = tuple[tuple[str, Json], ...]
"""A customer of OC2 field by field, in order of the fields' names, absent ones left out; the term as days."""

_TEXTS: Final = ("line1", "line2", "postalCode", "city", "country")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the source shows from epoch second `at` on: a content, or a reason why there can be none."""

    at: float
    content: Content | None
    unmappable: str | None = None


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """From epoch second `at` on nobody at the source has the number: OC2 keeps what it has, no longer active."""

    at: float


Step = Wanted | Withdrawn


def timelines(history: Iterable[SourceState]) -> Mapping[int, Sequence[Step]]:
    """Return for each customer number what should happen to it, in order; equal neighbours are one step."""
    found: defaultdict[int, list[Step]] = defaultdict(list)
    number_of: dict[int, int] = {}
    for state in history:
        before = number_of.pop(state.id, 0)
        if before and (state.deleted or before != state.customer_number):
            found[before].append(Withdrawn(state.at))
        if state.deleted or not state.customer_number:
            continue
        number_of[state.id] = state.customer_number
        steps, step = found[state.customer_number], wanted(state)
        last = steps[-1] if steps else None
        if not (isinstance(last, Wanted) and (last.content, last.unmappable) == (step.content, step.unmappable)):
            steps.append(step)
    return found


def changes(history: Iterable[SourceState]) -> int:
    """Return how many changes the source has shown so far, each of one number."""
    return sum(map(len, timelines(history).values()))


def wanted(state: SourceState) -> Wanted:
    """Map one state of the source."""
    row = state.content
    name = _text(row.get("name"))
    currency = _text(_object(row.get("currency")).get("code")) or "NOK"
    if name is None:
        return Wanted(state.at, None, "name_missing")
    if not (len(currency) == 3 and currency.isascii() and currency.isupper()):
        return Wanted(state.at, None, "currency_invalid")
    fields: dict[str, Json] = {
        "customerNumber": state.customer_number,
        "name": name,
        "active": row.get("isInactive") is not True,
        "organizationNumber": _text(row.get("organizationNumber")),
        "currency": currency,
        "days": _days(row),
        "phone1": _text(row.get("phoneNumber")) or _text(row.get("phoneNumberMobile")),
        "email1": _text(row.get("email")) or _first(_text(row.get("invoiceEmail"))),
        "website": _text(row.get("website")),
        **_address(_object(row.get("postalAddress"))),
    }
    return Wanted(state.at, _content(fields))


def held(body: JsonObject, days_of_term: Mapping[int, int]) -> Content:
    """Return what OC2 holds in the same form, the payment term's id turned into its days."""
    fields = {name: value for name, value in body.items() if name not in ("invoiceAddress", "paymentTermId")}
    address = _object(body.get("invoiceAddress"))
    term = body.get("paymentTermId")
    days = days_of_term.get(term, -1) if isinstance(term, int) else None
    return _content({**fields, **{name: address.get(name) for name in _TEXTS}, "days": days})


def inactive(content: Content) -> Content:
    """Return the same customer, no longer active."""
    return _content({**dict(content), "active": False})


def _content(fields: Mapping[str, Json]) -> Content:
    return tuple(sorted((name, value) for name, value in fields.items() if value not in (None, "")))


def _days(row: JsonObject) -> int | None:
    count = row.get("invoicesDueIn")
    if not isinstance(count, int):
        return None
    return count * 30 if row.get("invoicesDueInType") == "MONTHS" else count


def _address(address: JsonObject) -> dict[str, Json]:
    return {
        "line1": _text(address.get("addressLine1")),
        "line2": _text(address.get("addressLine2")),
        "postalCode": _text(address.get("postalCode")),
        "city": _text(address.get("city")),
        "country": _text(_object(address.get("country")).get("isoAlpha2Code")),
    }


def _first(addresses: str | None) -> str | None:
    return _text((addresses or "").split(";")[0])


def _text(value: Json) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}
