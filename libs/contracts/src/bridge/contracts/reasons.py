"""The closed set of reasons: code, sentence, remedy.

Shared by dead letters, gates, metrics, console, receipts and runbooks, so a reason means one thing everywhere.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Stage(StrEnum):
    """Where a record stopped."""

    READING = "reading"
    MAPPING = "mapping"
    INGEST = "ingest"
    DELIVERY = "delivery"
    RELAY = "relay"


class Reason(StrEnum):
    """Why an event became a dead letter, waits, or a gate is closed."""

    # Rows at the source
    SOURCE_ROW_UNREADABLE = "source_row_unreadable"
    SOURCE_NUMBER_MISSING = "source_number_missing"
    NUMBER_HELD_BY_ANOTHER = "number_held_by_another"
    EVENT_TOO_LARGE = "event_too_large"
    # Mapping
    NAME_MISSING = "name_missing"
    CURRENCY_INVALID = "currency_invalid"
    EVENT_UNREADABLE = "event_unreadable"
    UNKNOWN_SCHEMA = "unknown_schema"
    UNEXPECTED = "unexpected"
    # Delivery
    TARGET_REFUSED = "target_refused"
    TARGET_FAILS_ON_THIS = "target_fails_on_this"
    PAYMENT_TERM_REFUSED = "payment_term_refused"
    TENANT_REMOVED = "tenant_removed"
    UNKNOWN_TENANT = "unknown_tenant"
    BROKER_REFUSED_RECORD = "broker_refused_record"
    # Gates
    NOT_LIVE = "not_live"
    CLOSED_BY_OPERATOR = "closed_by_operator"
    CREDENTIALS_REFUSED = "credentials_refused"
    SECRET_MISSING = "secret_missing"  # noqa: S105 (a reason's code, not a secret)
    WRONG_COMPANY = "wrong_company"
    RIGHTS_MISSING = "rights_missing"
    RATE_LIMITED = "rate_limited"
    TARGET_DOWN = "target_down"
    SOURCE_DOWN = "source_down"
    TOO_MANY_CUSTOMERS = "too_many_customers"
    TOO_MANY_MISSING = "too_many_missing"
    REFUSED_ALIKE = "refused_alike"


@dataclass(frozen=True, slots=True)
class ReasonText:
    """A reason in words. `sentence` says what happened, `remedy` what to do next; both are whole sentences."""

    sentence: str
    remedy: str


_R: Final = ReasonText

REASONS: Final[dict[Reason, ReasonText]] = {
    Reason.SOURCE_ROW_UNREADABLE: _R(
        "The row at the source breaks the source's own contract in the field named.",
        "Correct the field at the source; the next poll reads the row again and closes this letter.",
    ),
    Reason.SOURCE_NUMBER_MISSING: _R(
        "The row at the source has no number, so it belongs to no entity.",
        "Give the customer a customer number at the source; the next poll sends it.",
    ),
    Reason.NUMBER_HELD_BY_ANOTHER: _R(
        "Another row at the source already holds this number.",
        "Give one of the two another number at the source; the waiting one then follows by itself.",
    ),
    Reason.EVENT_TOO_LARGE: _R(
        "The content is larger than one event may be.",
        "Shorten the longest text at the source; the error names the size and the limit.",
    ),
    Reason.NAME_MISSING: _R(
        "The customer has no name.", "Enter a name on the customer at the source; the next poll sends it."
    ),
    Reason.CURRENCY_INVALID: _R(
        "The currency is not a code of three capital letters.",
        "Correct the customer's currency at the source; the next poll sends it.",
    ),
    Reason.EVENT_UNREADABLE: _R(
        "The record's headers or body are not what this event type promises.",
        "Look at the raw bytes in the letter, mend the sender, then retry the letter or resync the entity.",
    ),
    Reason.UNKNOWN_SCHEMA: _R(
        "The record carries a schema version that this release does not know.",
        "Deploy the release that knows it, then retry the letter.",
    ),
    Reason.UNEXPECTED: _R(
        "The mapping failed on this record in a way that nobody foresaw.",
        "Report the error with the letter's id; retry the letter once a release has mended it.",
    ),
    Reason.TARGET_REFUSED: _R(
        "The target refused the content; the error names its fields.",
        "Correct the named fields at the source, or retry the letter when the target accepts them.",
    ),
    Reason.TARGET_FAILS_ON_THIS: _R(
        "The target fails on this entity each time while others of the tenant pass.",
        "Ask the target's support with the request ids in the log, then retry the letter.",
    ),
    Reason.PAYMENT_TERM_REFUSED: _R(
        "The target refused to create the payment term that the customer needs.",
        "Create a term with that number of days at the target by hand, then retry the letter.",
    ),
    Reason.TENANT_REMOVED: _R(
        "The tenant has been removed from the tenant file.",
        "Add the tenant again to resume, or discard the letter.",
    ),
    Reason.UNKNOWN_TENANT: _R(
        "The record names a tenant that was never declared here.",
        "Check which cell the record came from; add the tenant or discard the letter.",
    ),
    Reason.BROKER_REFUSED_RECORD: _R(
        "The broker refuses this one record for itself.",
        "Look at the error (size or topic), mend the cause, then retry or discard the outbox row.",
    ),
    Reason.NOT_LIVE: _R(
        "The tenant is new and has not been opened.",
        "Check it with 'bridge doctor', then run 'bridge tenants go-live'.",
    ),
    Reason.CLOSED_BY_OPERATOR: _R(
        "An operator closed the gate.", "Open it with 'bridge gates open' when the reason given has passed."
    ),
    Reason.CREDENTIALS_REFUSED: _R(
        "The system refuses the tenant's credentials.",
        "Put a valid key or token in the secret that the tenant file names; the gate opens by itself.",
    ),
    Reason.SECRET_MISSING: _R(
        "A secret that the tenant file names cannot be read or is empty.",
        "Provide the file or variable that is named; the gate opens by itself.",
    ),
    Reason.WRONG_COMPANY: _R(
        "The credentials belong to another company than the one pinned for this tenant.",
        "Correct the company id or the token in the tenant file, then apply it.",
    ),
    Reason.RIGHTS_MISSING: _R(
        "The token lacks a right that this flow needs.",
        "Give the employee and the token the right in the system named; the gate opens by itself.",
    ),
    Reason.RATE_LIMITED: _R(
        "The system asked for a pause.", "Nothing to do: the gate opens by itself at the time shown."
    ),
    Reason.TARGET_DOWN: _R(
        "The target does not answer as it should.",
        "Nothing to do here: the gate opens when a probe succeeds.",
    ),
    Reason.SOURCE_DOWN: _R(
        "The source does not answer as it should.", "Nothing to do here: the next poll tries again."
    ),
    Reason.TOO_MANY_CUSTOMERS: _R(
        "The source holds more customers than one query can return (10,000).",
        "Archive customers at the source, or wait for the release that reads by lists of numbers.",
    ),
    Reason.TOO_MANY_MISSING: _R(
        "Implausibly many customers are missing at the source, so none was withdrawn.",
        "Check the token's rights and the company; if the customers are really gone, open the gate by hand.",
    ),
    Reason.REFUSED_ALIKE: _R(
        "Many entities in a row were refused alike, which points at a setting rather than at them.",
        "Look at the letters' common field, mend the cause at the target, then open the gate.",
    ),
}


def describe(reason: Reason) -> str:
    """Return the reason's sentence followed by its remedy."""
    text = REASONS[reason]
    return f"{text.sentence} {text.remedy}"
