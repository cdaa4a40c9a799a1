"""The table of transitions in words, one rule each; the documentation is generated from it.

`transitions` names the rule it applied, and a property test holds the two together.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bridge.publisher.domain.delivery import facts
from bridge.publisher.domain.delivery.model import State

R, S, D, C, X, G = (
    State.READY,
    State.SENDING,
    State.IN_DOUBT,
    State.CONFIRMED,
    State.DEAD,
    State.DISCARDED,
)


class RuleId(StrEnum):
    """A stable name for each row of the table."""

    FIRST_SEEN = "first seen"
    FIRST_SEEN_BELOW_FLOOR = "first seen, below the floor"
    OLDER_OR_SAME = "older or same"
    NEWER_AT_REST = "newer, at rest"
    NEWER_AFTER_DOUBT = "newer, after doubt"
    NEWER_BELOW_FLOOR = "newer, below the floor"
    STAYS_GIVEN_UP = "stays given up"
    NEWER_IN_FLIGHT = "newer, in flight"
    TOLD_AGAIN = "told again"
    CHANGED_AFTER_TRANSFER = "changed after transfer"
    CLAIM = "claim"
    CLAIM_LOOK = "claim, look first"
    CLAIM_UNSENDABLE = "claim, nothing sendable"
    NEVER_SENT = "never sent"
    APPLIED = "applied"
    FOUND = "found at the target"
    FOUND_NOTHING = "found nothing"
    FOUND_MISSING = "found missing"
    NUMBER_TAKEN = "number taken"
    READ_BACK_FAILED = "read-back failed"
    NOT_SENT = "not sent"
    REFUSED = "refused"
    UNKNOWN = "effect unknown"
    FAILS_ON_THIS = "fails on this alone"
    TAKEN_OVER = "taken over"
    RETRY = "retry"
    EDIT = "edit"
    DISCARD = "discard"
    LETTER_DISMISSED = "letter dismissed"
    VERIFY = "verify"
    ORDER = "order behind it"
    RECEIPT = "receipt"
    ACT_MOVED = "act on a version that has moved"
    STRAY = "stray fact"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: from which states, which fact, under which condition, to which states. None stands for no row yet."""

    frm: tuple[State | None, ...]
    fact: tuple[type, ...]
    when: str
    to: tuple[State, ...]
    why: str


_ANY: Final = tuple(State)
_OUTCOMES: Final = (
    facts.Claimed,
    facts.NeverSent,
    facts.Applied,
    facts.FoundWanted,
    facts.FoundNothing,
    facts.TakenByAnother,
    facts.ReadBackFailed,
    facts.NotSent,
    facts.Refused,
    facts.EffectUnknown,
    facts.TakenOver,
)
_ACTS: Final = (facts.RetryAsked, facts.EditAsked, facts.DiscardAsked, facts.VerifyAsked)
_ORDERS: Final = (facts.OrderSettled, facts.OrderOpen)
_RECEIPTS: Final = (
    facts.ReceiptClaimed,
    facts.ReceiptTold,
    facts.ReceiptNotHeld,
    facts.ReceiptUnclear,
    facts.ReceiptWaits,
)

RULES: Final[dict[RuleId, Rule]] = {
    RuleId.FIRST_SEEN: Rule(
        (None,),
        (facts.Ingested,),
        "",
        (R, X, G),
        "Due at once; dead with a letter if it cannot be mapped; an invoice that is taken back already is discarded.",
    ),
    RuleId.FIRST_SEEN_BELOW_FLOOR: Rule(
        (None,),
        (facts.Ingested,),
        "an invoice at or below the tenant's ledger floor",
        (D,),
        "The target may hold it although nothing here knows of it, so it is looked up before it is sent.",
    ),
    RuleId.OLDER_OR_SAME: Rule(
        _ANY, (facts.Ingested,), "version not above the wanted one", _ANY, "Counted as a duplicate; nothing is written."
    ),
    RuleId.NEWER_AT_REST: Rule(
        (R, C, X, G),
        (facts.Ingested,),
        "newer version, nothing of it at the target or on the way there (a confirmed one: customers alone)",
        (R, X, G),
        "Due at once with attempt 0; the older version is superseded and its letter closed; dead if unmappable; an "
        "invoice that is taken back is discarded.",
    ),
    RuleId.NEWER_AFTER_DOUBT: Rule(
        (X, G),
        (facts.Ingested,),
        "newer version, and what was sent before may be there or still come",
        (D,),
        "Rests for the settle time like any doubt, or the older content could arrive after it; its letter is closed.",
    ),
    RuleId.NEWER_BELOW_FLOOR: Rule(
        (R, X, G),
        (facts.Ingested,),
        "newer version of an invoice that was never sent, at or below the tenant's ledger floor",
        (D,),
        "Looked up before the first send, as at first sight.",
    ),
    RuleId.STAYS_GIVEN_UP: Rule(
        (G,),
        (facts.Ingested,),
        "newer version of an invoice that an operator gave up, same source hash, same batch",
        (G,),
        "The version is raised and nothing else: a resync or a restored database does not undo a person's decision.",
    ),
    RuleId.NEWER_IN_FLIGHT: Rule(
        (S, D),
        (facts.Ingested,),
        "newer version",
        (S, D),
        "The wanted content is replaced; what was sent stays, and its outcome decides.",
    ),
    RuleId.TOLD_AGAIN: Rule(
        (C, S, D),
        (facts.Ingested,),
        "newer version of a confirmed invoice (being verified or not), same source hash",
        (C, S, D),
        "No call: version and batch are raised, and the receipt is wanted again.",
    ),
    RuleId.CHANGED_AFTER_TRANSFER: Rule(
        (C, S, D),
        (facts.Ingested,),
        "newer version of a confirmed invoice (being verified or not), other content or taken back",
        (C, S, D),
        "An invoice in the books is not changed: what is there stays, and a letter tells a person.",
    ),
    RuleId.CLAIM: Rule(
        (R, D),
        (facts.Claimed,),
        "content that may go; in doubt: customers alone",
        (S,),
        "Committed before the first byte; a doubtful customer goes with its newest content once it has settled.",
    ),
    RuleId.CLAIM_LOOK: Rule(
        (D,),
        (facts.Claimed,),
        "an invoice",
        (S,),
        "Only looked up; what was sent stays on the row, since it says what to look for.",
    ),
    RuleId.CLAIM_UNSENDABLE: Rule(
        (D,),
        (facts.Claimed,),
        "the newest content of a customer is unmappable",
        (X,),
        "What was in doubt has settled and nothing may follow it; a letter says why.",
    ),
    RuleId.NEVER_SENT: Rule(
        (S,),
        (facts.NeverSent,),
        "",
        (R, X, D),
        "Nothing left this machine, so there is nothing to doubt; a look that was not made is still owed.",
    ),
    RuleId.APPLIED: Rule(
        (S,),
        (facts.Applied,),
        "",
        (C, R, X),
        "The version that was sent is confirmed; newer content of a customer becomes due at once, that of an invoice "
        "becomes a letter. Amounts that are not those of the lines are marked and become a letter.",
    ),
    RuleId.FOUND: Rule(
        (S,),
        (facts.FoundWanted,),
        "",
        (C, R, X),
        "The target holds it already; no request is made. An invoice with other dates or KID gets a letter.",
    ),
    RuleId.FOUND_NOTHING: Rule(
        (S,),
        (facts.FoundNothing,),
        "an invoice that was never confirmed",
        (R, X, G),
        "The look came after the settle time, so nothing can come any more: the newest content may go, into an order "
        "that was left behind if there is one; dead if unmappable, discarded if taken back.",
    ),
    RuleId.FOUND_MISSING: Rule(
        (S,),
        (facts.FoundNothing,),
        "an invoice that was confirmed",
        (X,),
        "Somebody removed it at the target: a person decides whether it is sent again.",
    ),
    RuleId.NUMBER_TAKEN: Rule(
        (S,),
        (facts.TakenByAnother,),
        "an invoice",
        (X,),
        "Somebody else's document has the number; whatever goes next under it is looked up first.",
    ),
    RuleId.READ_BACK_FAILED: Rule(
        (S,), (facts.ReadBackFailed,), "", (D,), "The doubt stays, and the look is asked again later."
    ),
    RuleId.NOT_SENT: Rule(
        (S,),
        (facts.NotSent,),
        "",
        (R, X, G, D),
        "The target took nothing; due later, with backoff; a look that was not made is still owed.",
    ),
    RuleId.REFUSED: Rule(
        (S,),
        (facts.Refused,),
        "",
        (X, R, G),
        "Dead with a letter; if newer content waits the refusal is only logged and that goes next.",
    ),
    RuleId.UNKNOWN: Rule(
        (S,),
        (facts.EffectUnknown,),
        "below the limit, or newer content waits",
        (D,),
        "Rests for the settle time, since the effect may still come; from then on it travels alone, an invoice only "
        "after a look.",
    ),
    RuleId.FAILS_ON_THIS: Rule(
        (S,),
        (facts.EffectUnknown,),
        "the limit of unknown rounds is reached while others of the tenant were confirmed",
        (X,),
        "The fault lies with this entity: a letter, so that a person looks at it.",
    ),
    RuleId.TAKEN_OVER: Rule(
        (S,),
        (facts.TakenOver,),
        "",
        (D,),
        "The old owner's request may still take effect: rest for the settle time, then look.",
    ),
    RuleId.RETRY: Rule(
        (R, X),
        (facts.RetryAsked,),
        "the version is the one decided on, and it can be sent",
        (R, D),
        "A new generation of the same revision; in doubt first if the target may hold it.",
    ),
    RuleId.EDIT: Rule(
        (R, X),
        (facts.EditAsked,),
        "the version is the one decided on, and it can be sent",
        (R, D),
        "A retry with the content that the operator made of it.",
    ),
    RuleId.DISCARD: Rule(
        (R, X),
        (facts.DiscardAsked,),
        "the version is the one decided on",
        (G,),
        "Given up by a person; a newer version revives the entity.",
    ),
    RuleId.LETTER_DISMISSED: Rule(
        (C,),
        (facts.DiscardAsked,),
        "the version is the one decided on, and a letter is open",
        (C,),
        "The person has seen to it; the invoice stays confirmed.",
    ),
    RuleId.VERIFY: Rule(
        (C,),
        (facts.VerifyAsked,),
        "an invoice, the version is the one decided on",
        (D,),
        "Looked up again; whatever the look says, nothing is sent because of it.",
    ),
    RuleId.ORDER: Rule(
        _ANY,
        _ORDERS,
        "an order waits to be closed",
        _ANY,
        "The order behind a confirmed invoice is read once and closed; the invoice is not touched by it.",
    ),
    RuleId.RECEIPT: Rule(
        _ANY,
        _RECEIPTS,
        "",
        _ANY,
        "Wanted against told: what was told is noted; after an unanswered call the receipt rests, is looked at, and is "
        "told again only where it differs.",
    ),
    RuleId.ACT_MOVED: Rule(
        (None, *_ANY), _ACTS, "any other state or version", _ANY, "Refused with a sentence; nothing is changed."
    ),
    RuleId.STRAY: Rule(
        (None, *_ANY),
        (*_OUTCOMES, *_ORDERS, *_RECEIPTS),
        "any other state",
        _ANY,
        "An answer that comes after the row has moved on changes nothing.",
    ),
}
