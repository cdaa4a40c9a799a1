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
    OLDER_OR_SAME = "older or same"
    NEWER_AT_REST = "newer, at rest"
    NEWER_AFTER_DOUBT = "newer, after doubt"
    NEWER_IN_FLIGHT = "newer, in flight"
    CLAIM = "claim"
    CLAIM_UNSENDABLE = "claim, nothing sendable"
    NEVER_SENT = "never sent"
    APPLIED = "applied"
    FOUND = "found at the target"
    READ_BACK_FAILED = "read-back failed"
    NOT_SENT = "not sent"
    REFUSED = "refused"
    UNKNOWN = "effect unknown"
    FAILS_ON_THIS = "fails on this alone"
    TAKEN_OVER = "taken over"
    RETRY = "retry"
    DISCARD = "discard"
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
    facts.ReadBackFailed,
    facts.NotSent,
    facts.Refused,
    facts.EffectUnknown,
    facts.TakenOver,
)
_ACTS: Final = (facts.RetryAsked, facts.DiscardAsked)

RULES: Final[dict[RuleId, Rule]] = {
    RuleId.FIRST_SEEN: Rule(
        (None,), (facts.Ingested,), "", (R, X), "Due at once; dead with a letter if it cannot be mapped."
    ),
    RuleId.OLDER_OR_SAME: Rule(
        _ANY, (facts.Ingested,), "version not above the wanted one", _ANY, "Counted as a duplicate; nothing is written."
    ),
    RuleId.NEWER_AT_REST: Rule(
        (R, C, X, G),
        (facts.Ingested,),
        "newer version",
        (R, X),
        "Due at once with attempt 0; the older version is superseded and its letter closed; dead if unmappable.",
    ),
    RuleId.NEWER_AFTER_DOUBT: Rule(
        (X, G),
        (facts.Ingested,),
        "newer version, and the request given up last was never answered",
        (D,),
        "Rests for the settle time like any doubt, or the older content could arrive after it; its letter is closed.",
    ),
    RuleId.NEWER_IN_FLIGHT: Rule(
        (S, D),
        (facts.Ingested,),
        "newer version",
        (S, D),
        "The wanted content is replaced; what was sent stays, and its outcome decides.",
    ),
    RuleId.CLAIM: Rule(
        (R, D),
        (facts.Claimed,),
        "content that may go",
        (S,),
        "Committed before the first byte; a doubtful row goes with its newest content once it has settled.",
    ),
    RuleId.CLAIM_UNSENDABLE: Rule(
        (D,),
        (facts.Claimed,),
        "the newest content is unmappable",
        (X,),
        "What was in doubt has settled and nothing may follow it; a letter says why.",
    ),
    RuleId.NEVER_SENT: Rule(
        (S,), (facts.NeverSent,), "", (R, X), "Nothing left this machine, so there is nothing to doubt."
    ),
    RuleId.APPLIED: Rule(
        (S,),
        (facts.Applied,),
        "",
        (C, R, X),
        "The version that was sent is confirmed; newer content becomes due at once.",
    ),
    RuleId.FOUND: Rule(
        (S,), (facts.FoundWanted,), "", (C, R, X), "The target holds that content already; no request is made."
    ),
    RuleId.READ_BACK_FAILED: Rule(
        (S,), (facts.ReadBackFailed,), "", (D,), "The doubt stays, and the read-back is asked again later."
    ),
    RuleId.NOT_SENT: Rule((S,), (facts.NotSent,), "", (R, X), "The target took nothing; due later, with backoff."),
    RuleId.REFUSED: Rule(
        (S,),
        (facts.Refused,),
        "",
        (X, R),
        "Dead with a letter; if newer content waits the refusal is only logged and that goes next.",
    ),
    RuleId.UNKNOWN: Rule(
        (S,),
        (facts.EffectUnknown,),
        "below the limit, or newer content waits",
        (D,),
        "Rests for the settle time, since the effect may still come; from then on it travels alone.",
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
        "The old owner's request may still take effect: rest for the settle time, then read back once.",
    ),
    RuleId.RETRY: Rule(
        (R, X),
        (facts.RetryAsked,),
        "the version is the one decided on, and it can be sent",
        (R, D),
        "A new generation of the same revision; in doubt first if the target may hold it.",
    ),
    RuleId.DISCARD: Rule(
        (R, X),
        (facts.DiscardAsked,),
        "the version is the one decided on",
        (G,),
        "Given up by a person; a newer version revives the entity.",
    ),
    RuleId.ACT_MOVED: Rule(
        (None, *_ANY), _ACTS, "any other state or version", _ANY, "Refused with a sentence; nothing is changed."
    ),
    RuleId.STRAY: Rule(
        (None, *_ANY),
        _OUTCOMES,
        "any other state",
        _ANY,
        "An answer that comes after the row has moved on changes nothing.",
    ),
}
