"""A receipt in the words that the source shows to people."""

from typing import Final

from bridge.contracts.reasons import REASONS
from bridge.contracts.reasons_nb import REASONS_NB
from bridge.oc2.receipts import MAX_REASON, Receipt, ReceiptStatus
from bridge.publisher.domain.delivery.receipts import ReceiptContent
from bridge.tenancy.tenant import Language

_WORDS: Final = {Language.ENGLISH: REASONS, Language.NORWEGIAN: REASONS_NB}
_FIELD: Final = {Language.ENGLISH: "Field", Language.NORWEGIAN: "Felt"}


def receipt_of(invoice_number: int, content: ReceiptContent, language: Language) -> Receipt:
    """Return the receipt as OC2 takes it."""
    remote = content.remote_id
    return Receipt(
        invoice_number,
        ReceiptStatus(content.status.value),
        int(remote) if remote is not None and remote.isdecimal() else None,
        reason_words(content, language),
    )


def reason_words(content: ReceiptContent, language: Language) -> str | None:
    """Return what happened, what to do, the field at fault and the particulars, in at most 500 characters.

    Sentence and remedy are in the tenant's language; the particulars are values and the target's own words.
    """
    if content.reason is None:
        return None
    words = _WORDS[language][content.reason]
    parts = [words.sentence, words.remedy]
    if content.field:
        parts.append(f"{_FIELD[language]}: {content.field}.")
    if content.detail:
        parts.append(content.detail)
    text = " ".join(parts)
    return text if len(text) <= MAX_REASON else f"{text[: MAX_REASON - 1]}…"
