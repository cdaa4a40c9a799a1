"""Rules that several fields share: limits, blanks, line breaks, graphemes, and the notes they leave.

Owns no field of any entity. Nothing here reads text as a number, so no zero is ever lost.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import regex

from bridge.contracts.events.customer import MappingNote

NOTE_CHARACTERS: Final = 300
_GRAPHEME: Final = regex.compile(r"\X")
_TWO_CAPITALS: Final = re.compile(r"[A-Z]{2}")
_THREE_CAPITALS: Final = re.compile(r"[A-Z]{3}")


class Rule(StrEnum):
    """Why a value arrives changed or not at all; the code on a note in the import log."""

    CUT_TO_LIMIT = "cut_to_limit"
    TOO_LONG = "too_long"
    LINE_BREAKS_JOINED = "line_breaks_joined"
    NOT_TWO_CAPITALS = "not_two_capitals"
    CURRENCY_DEFAULT = "currency_default"
    MONTHS_AS_DAYS = "months_as_days"
    DAY_OF_MONTH_AS_DAYS = "day_of_month_as_days"
    DAYS_OUT_OF_RANGE = "days_out_of_range"
    DUE_TYPE_UNKNOWN = "due_type_unknown"
    DELIVERY_DATE_DEFAULT = "delivery_date_default"
    NORMAL_FORM_C = "normal_form_c"


@dataclass(slots=True)
class Notes:
    """Collects what the mapping changed or left out, in the order of the fields."""

    taken: list[MappingNote] = field(default_factory=list)

    def add(self, source_field: str, rule: Rule, *, was: str, now: str | None) -> None:
        """Record that `source_field` held `was` and arrives as `now`, or not at all if `now` is None."""
        shown = None if now is None else cut_at_grapheme(now, NOTE_CHARACTERS)
        self.taken.append(
            MappingNote(field=source_field, rule=rule.value, was=cut_at_grapheme(was, NOTE_CHARACTERS), now=shown)
        )


def present(text: str | None) -> str | None:
    """Return the text without outer blanks, or None if nothing is left: null, "" and blanks all mean absent."""
    return (text or "").strip() or None


def within(text: str | None, *, limit: int, source_field: str, notes: Notes) -> str | None:
    """Return an optional text that keeps the target's limit in code points; a longer one is left out and noted."""
    if text is None or len(text) <= limit:
        return text
    notes.add(source_field, Rule.TOO_LONG, was=text, now=None)
    return None


def cut_at_grapheme(text: str, limit: int) -> str:
    """Return the longest start of `text` with at most `limit` code points that splits no grapheme.

    A first grapheme that is longer than the limit by itself is cut by code points: something must arrive.
    """
    if len(text) <= limit:
        return text
    end = 0
    for grapheme in _GRAPHEME.finditer(text):
        if grapheme.end() > limit:
            break
        end = grapheme.end()
    return text[: end or limit]


def single_line(text: str | None, *, source_field: str, notes: Notes) -> str | None:
    """Join the lines of a text that holds line breaks by ", ", blank lines left out, and note it."""
    value = present(text)
    if value is None:
        return None
    lines = value.splitlines()
    if len(lines) == 1:
        return value
    joined = ", ".join(line.strip() for line in lines if line.strip())
    notes.add(source_field, Rule.LINE_BREAKS_JOINED, was=value, now=joined)
    return joined


def country_code(text: str | None, *, source_field: str, notes: Notes) -> str | None:
    """Return a country code as given if it is two capitals; no table of countries decides."""
    value = present(text)
    if value is None or _TWO_CAPITALS.fullmatch(value):
        return value
    notes.add(source_field, Rule.NOT_TWO_CAPITALS, was=value, now=None)
    return None


def is_currency_code(text: str) -> bool:
    """Tell whether the text is three capitals of A to Z; no table of currencies decides."""
    return _THREE_CAPITALS.fullmatch(text) is not None
