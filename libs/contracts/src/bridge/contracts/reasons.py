"""The closed set of reasons: code, sentence, remedy.

Shared by dead letters, gates, metrics, console, receipts and runbooks, so a reason means one thing everywhere.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Stage(StrEnum):
    """Where a record stopped."""

    MAPPING = "mapping"
    INGEST = "ingest"
    DELIVERY = "delivery"


class Reason(StrEnum):
    """Why an event became a dead letter, waits, or a gate is closed."""

    # Rows at the source
    SOURCE_ROW_UNREADABLE = "source_row_unreadable"
    NUMBER_HELD_BY_ANOTHER = "number_held_by_another"
    EVENT_TOO_LARGE = "event_too_large"
    # Mapping
    NAME_MISSING = "name_missing"
    CURRENCY_INVALID = "currency_invalid"
    INVOICE_NUMBER_INVALID = "invoice_number_invalid"
    INVALID_KID = "invalid_kid"
    ORDER_NUMBER_MISSING = "order_number_missing"
    DATES_INVALID = "dates_invalid"
    LINE_TEXT_MISSING = "line_text_missing"
    VAT_CODE_UNKNOWN = "vat_code_unknown"
    VAT_CODE_NOT_FOR_SALES = "vat_code_not_for_sales"
    TOTAL_DIFFERS_FROM_LINES = "total_differs_from_lines"
    INVOICE_OF_ZERO = "invoice_of_zero"
    INVOICE_NEGATIVE = "invoice_negative"
    EVENT_UNREADABLE = "event_unreadable"
    UNKNOWN_SCHEMA = "unknown_schema"
    UNEXPECTED = "unexpected"
    # Delivery
    TARGET_REFUSED = "target_refused"
    TARGET_FAILS_ON_THIS = "target_fails_on_this"
    PAYMENT_TERM_REFUSED = "payment_term_refused"
    CUSTOMER_UNKNOWN = "customer_unknown"
    CUSTOMER_AMBIGUOUS = "customer_ambiguous"
    DEPARTMENT_UNKNOWN = "department_unknown"
    PROJECT_UNKNOWN = "project_unknown"
    CURRENCY_UNKNOWN = "currency_unknown"
    VAT_CODE_INACTIVE = "vat_code_inactive"
    INVOICE_NUMBER_TAKEN = "invoice_number_taken"
    ORDER_NUMBER_TAKEN = "order_number_taken"
    PERIOD_CLOSED = "period_closed"
    SENDING_METHOD_REFUSED = "sending_method_refused"
    ADOPTED_BUT_DIFFERENT = "adopted_but_different"
    AMOUNT_DIFFERS = "amount_differs"
    INVOICE_CHANGED_AFTER_TRANSFER = "invoice_changed_after_transfer"
    INVOICE_MISSING_AT_TARGET = "invoice_missing_at_target"
    INVOICE_TAKEN_BACK = "invoice_taken_back"
    GIVEN_UP_BY_OPERATOR = "given_up_by_operator"
    TENANT_REMOVED = "tenant_removed"
    UNKNOWN_TENANT = "unknown_tenant"
    # Gates
    NOT_LIVE = "not_live"
    CLOSED_BY_OPERATOR = "closed_by_operator"
    CREDENTIALS_REFUSED = "credentials_refused"
    SECRET_MISSING = "secret_missing"  # noqa: S105 (a reason's code, not a secret)
    WRONG_COMPANY = "wrong_company"
    RIGHTS_MISSING = "rights_missing"
    BANK_ACCOUNT_MISSING = "bank_account_missing"
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
    Reason.NUMBER_HELD_BY_ANOTHER: _R(
        "Another row at the source already holds this number.",
        "Give one of the two another number at the source; the waiting one then follows by itself.",
    ),
    Reason.EVENT_TOO_LARGE: _R(
        "The content is larger than one event may be.",
        "Shorten its texts or split it at the source; the error names the size and the limit.",
    ),
    Reason.NAME_MISSING: _R(
        "The customer has no name.", "Enter a name on the customer at the source; the next poll sends it."
    ),
    Reason.CURRENCY_INVALID: _R(
        "The currency is not a code of three capital letters.",
        "Correct the customer's currency at the source; the next poll sends it.",
    ),
    Reason.INVOICE_NUMBER_INVALID: _R(
        "A number of the invoice cannot be stored at Tripletex, which takes whole numbers up to 2147483647.",
        "Correct the number named (invoice or customer) in OC2; the corrected invoice goes through by itself.",
    ),
    Reason.INVALID_KID: _R(
        "The KID's last character is neither its MOD10 nor its MOD11 check digit.",
        "Correct or remove the KID in OC2; the corrected invoice goes through by itself.",
    ),
    Reason.ORDER_NUMBER_MISSING: _R(
        "The invoice has no order number.",
        "Enter the order number in OC2; the corrected invoice goes through by itself.",
    ),
    Reason.DATES_INVALID: _R(
        "The due date is before the invoice date, or a date is no day of this century.",
        "Correct the dates in OC2; the corrected invoice goes through by itself.",
    ),
    Reason.LINE_TEXT_MISSING: _R(
        "A line has no description, and Tripletex takes no line without one.",
        "Enter a text on the line in OC2; the corrected invoice goes through by itself.",
    ),
    Reason.VAT_CODE_UNKNOWN: _R(
        "A line carries a VAT code that the standard list does not hold; nothing is guessed.",
        "Enter the code exactly as Tripletex numbers it (3, 31, 33, 5, 6, 7, 51, 52, ...) in OC2.",
    ),
    Reason.VAT_CODE_NOT_FOR_SALES: _R(
        "A line carries a VAT code for purchases, which no sales invoice may have.",
        "Choose a code for sales in OC2; the corrected invoice goes through by itself.",
    ),
    Reason.TOTAL_DIFFERS_FROM_LINES: _R(
        "The total without VAT that OC2 gives is not the sum of the lines.",
        "Find the line or the total that is wrong in OC2; the corrected invoice goes through by itself.",
    ),
    Reason.INVOICE_OF_ZERO: _R(
        "The invoice sums to zero or has no line with an amount; Tripletex would charge an empty invoice.",
        "Take the invoice out of the batch in OC2, or correct its lines.",
    ),
    Reason.INVOICE_NEGATIVE: _R(
        "The invoice sums to less than zero. Credit notes are not carried, and it is not sent as an ordinary invoice.",
        "Credit the original invoice in Tripletex by hand, then take this one out of the batch in OC2.",
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
    Reason.CUSTOMER_UNKNOWN: _R(
        "Tripletex has no customer with the invoice's customer number.",
        "Create the customer at Tripletex with that number, or correct the number in OC2, then retry the letter.",
    ),
    Reason.CUSTOMER_AMBIGUOUS: _R(
        "More than one customer at Tripletex has the invoice's customer number, and not exactly one is active.",
        "Leave the number to one of them at Tripletex, then retry the letter.",
    ),
    Reason.DEPARTMENT_UNKNOWN: _R(
        "Tripletex has no department with exactly that number.",
        "Create the department at Tripletex, or correct the number in OC2, then retry the letter.",
    ),
    Reason.PROJECT_UNKNOWN: _R(
        "Tripletex has no project with exactly that number.",
        "Create the project at Tripletex, or correct the number in OC2, then retry the letter.",
    ),
    Reason.CURRENCY_UNKNOWN: _R(
        "Tripletex has no such currency for this company.",
        "Activate the currency at Tripletex, or correct it in OC2, then retry the letter.",
    ),
    Reason.VAT_CODE_INACTIVE: _R(
        "A line carries a VAT code that is not active in this company at Tripletex.",
        "Activate the code at Tripletex (Company, Settings, Accounting, VAT codes), or choose another in OC2, "
        "then retry the letter.",
    ),
    Reason.INVOICE_NUMBER_TAKEN: _R(
        "Another invoice at Tripletex carries this invoice number; it is not ours.",
        "Keep the number series of OC2 and Tripletex apart; give the invoice another number in OC2.",
    ),
    Reason.ORDER_NUMBER_TAKEN: _R(
        "Another order, project or offer at Tripletex carries this order number; they share one series.",
        "Give the order another number in OC2, or free it at Tripletex, then retry the letter.",
    ),
    Reason.PERIOD_CLOSED: _R(
        "The invoice date lies in an accounting period that is closed at Tripletex.",
        "Open the period at Tripletex, or change the invoice date in OC2, then retry the letter.",
    ),
    Reason.SENDING_METHOD_REFUSED: _R(
        "The customer's sending method (EHF or eFaktura) is not possible for this customer, so Tripletex refuses "
        "the invoice although nothing is to be sent.",
        "Change the sending method on the customer's card at Tripletex, then retry the letter.",
    ),
    Reason.ADOPTED_BUT_DIFFERENT: _R(
        "The invoice is at Tripletex already, but with other dates or another KID than in OC2; it was not sent again.",
        "Compare the two; correct the invoice at Tripletex by hand if needed, then discard the letter.",
    ),
    Reason.AMOUNT_DIFFERS: _R(
        "The invoice is at Tripletex, but with another amount than its lines make. It is not sent again.",
        "Compare the two and correct by hand (discounts, rounding and prices are usual causes), then discard the "
        "letter.",
    ),
    Reason.INVOICE_CHANGED_AFTER_TRANSFER: _R(
        "OC2 changed or took back the invoice after it had come to Tripletex; what is there stays as it is.",
        "Credit or correct the invoice at Tripletex by hand, then discard the letter.",
    ),
    Reason.INVOICE_MISSING_AT_TARGET: _R(
        "The invoice was confirmed once, and Tripletex no longer has it.",
        "Find out who removed it at Tripletex; retry the letter to send it again, or discard the letter.",
    ),
    Reason.INVOICE_TAKEN_BACK: _R("OC2 took the invoice out of its batch before it was sent.", "Nothing to do."),
    Reason.GIVEN_UP_BY_OPERATOR: _R(
        "An operator gave the invoice up; it is not at Tripletex.",
        "Correct the invoice in OC2 if it shall be sent after all.",
    ),
    Reason.TENANT_REMOVED: _R(
        "The tenant has been removed from the tenant file.",
        "Add the tenant again to resume, or discard the letter.",
    ),
    Reason.UNKNOWN_TENANT: _R(
        "The record names a tenant that was never declared here.",
        "Check which cell the record came from; add the tenant or discard the letter.",
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
    Reason.BANK_ACCOUNT_MISSING: _R(
        "The company has no bank account number on its invoice account at Tripletex, so it can make no invoice.",
        "Enter the bank account number at Tripletex (Company, Settings, Invoice); the gate opens by itself.",
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
