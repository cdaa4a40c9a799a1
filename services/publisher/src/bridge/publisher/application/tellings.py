"""One receipt on its way, and how the attempt to tell it ended; the step from a verdict to the machine's fact."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from bridge.publisher.application.verdict import Declined, Denied, Stored, Unclear, Verdict, Waits
from bridge.publisher.domain.delivery import facts
from bridge.publisher.domain.delivery.receipts import ReceiptContent
from bridge.publisher.domain.journal import Call, Parcel


class Ending(StrEnum):
    """How an attempt to tell, or to look, ended; the outcome in log and metric."""

    TOLD = "told"
    HELD = "held"
    """A look found that the source holds it already."""
    NOT_HELD = "not_held"
    """A look found that the source holds another one, or none."""
    GONE = "gone"
    """The batch is gone at the source, so nobody waits for it any more."""
    REFUSED = "refused"
    """The source will never take it."""
    UNCLEAR = "unclear"
    WAITS = "waits"


@dataclass(frozen=True, slots=True)
class Telling:
    """A receipt in our hands: the row as claimed, the stored text, what it says, and whether it is to be looked for."""

    parcel: Parcel
    text: str
    content: ReceiptContent
    look: bool

    @property
    def number(self) -> int:
        """The invoice number."""
        return int(self.parcel.key.entity)


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one telling; `after` is the pause that the source asked for."""

    telling: Telling
    ending: Ending
    detail: str | None = None
    after: timedelta | None = None
    call: Call | None = None


def by_batch(tellings: Sequence[Telling]) -> Mapping[int, list[Telling]]:
    """Group tellings by the batch that they are for."""
    grouped: defaultdict[int, list[Telling]] = defaultdict(list)
    for telling in tellings:
        grouped[telling.content.batch].append(telling)
    return grouped


def all_ended(
    tellings: Sequence[Telling],
    ending: Ending,
    detail: str | None = None,
    after: timedelta | None = None,
    call: Call | None = None,
) -> list[Told]:
    """Return the same end for each."""
    return [Told(one, ending, detail, after, call) for one in tellings]


def fact_of(told: Told, at: datetime, pause: timedelta) -> facts.ReceiptFact:
    """Return the machine's fact; `pause` is the least time before another try."""
    match told.ending:
        case Ending.TOLD | Ending.HELD | Ending.GONE | Ending.REFUSED:
            return facts.ReceiptTold(told.telling.text, at)
        case Ending.NOT_HELD:
            return facts.ReceiptNotHeld(at)
        case Ending.UNCLEAR:
            return facts.ReceiptUnclear(at)
        case Ending.WAITS:
            return facts.ReceiptWaits(at + pause)
        case _:
            assert_never(told.ending)


def ending_of(verdict: Verdict) -> tuple[Ending, str | None, timedelta | None]:
    """Return how a call ended for what it carried, with the particulars and the pause asked for."""
    match verdict:
        case Stored():
            return Ending.TOLD, None, None
        case Declined(refusal, _):
            return Ending.REFUSED, refusal.detail, None
        case Waits(after, why, _):
            return Ending.WAITS, why, after
        case Denied(_, why):
            return Ending.WAITS, why, None
        case Unclear(why):
            return Ending.UNCLEAR, why, None
        case _:
            raise AssertionError(f"a call that tells cannot end as {type(verdict).__name__}")
