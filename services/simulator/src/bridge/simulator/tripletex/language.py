"""The language of refusals: Norwegian, English, or the two mixed in one body as the real answers do.

Owns the English sentences. A client that matches on texts breaks on one of the three, and should.
"""

from collections.abc import Mapping
from dataclasses import replace

from bridge.simulator.tripletex.errors import Message, TripletexError

_ENGLISH: Mapping[str, str] = {
    "Validering feilet.": "Validation failed.",
    "Kan ikke være null.": "Cannot be null.",
    "Listen kan ikke være tom.": "The list cannot be empty.",
    "Feltet eksisterer ikke i objektet.": "The field does not exist in the object.",
    "Verdien er ikke av korrekt type for dette feltet.": "The value is not of the correct type for this field.",
    "Ugyldig mva-kode.": "Invalid VAT code.",
    "ID-en må enten referere til et gyldig object eller være 0.": "The ID must refer to a valid object or be 0.",
    "Faktura kan ikke opprettes før selskapet har registrert et bankkontonummer.": (
        "An invoice cannot be created until the company has registered a bank account number."
    ),
    "Kunden kan ikke motta EHF-dokumenter.": "The customer cannot receive EHF documents.",
    "Fakturanummeret er i bruk.": "The invoice number is in use.",
    "Nummeret er i bruk.": "The number is in use.",
    "Dette nummeret er i bruk på en annen ordre, tilbud eller prosjekt.": (
        "This number is in use on another order, offer or project."
    ),
    "Regnskapsperioden er lukket.": "The accounting period is closed.",
}


def translated(refusal: TripletexError, language: str) -> TripletexError:
    """The refusal in `no`, `en`, or `mixed`: an English sentence first, then every second one Norwegian."""
    if language not in ("en", "mixed"):
        return refusal
    messages = refusal.messages
    if messages is not None:
        messages = tuple(
            message if language == "mixed" and index % 2 else _in_english(message)
            for index, message in enumerate(messages)
        )
    head = refusal.message if language == "mixed" else _ENGLISH.get(refusal.message or "", refusal.message)
    return TripletexError(
        refusal.status, refusal.code, head, developer_message=refusal.developer_message, messages=messages
    )


def _in_english(message: Message) -> Message:
    return replace(message, message=_ENGLISH.get(message.message, message.message))
