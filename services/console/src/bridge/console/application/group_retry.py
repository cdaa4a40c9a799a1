"""Retrying many dead letters with a ramp: one call tells whether the cause is mended, not five hundred."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bridge.console.application.acts import Asker
from bridge.console.application.dead_letters import RETRY, LetterFilter, LetterHead, LetterStore, request_of
from bridge.console.application.follow import Acting, Case, Fate, Followed, follow
from bridge.console.domain.ramp import steps
from bridge.console.domain.replay import EntityKey
from bridge.contracts.identity import EntityNumber, Flow, TenantId
from bridge.contracts.reasons import Reason
from bridge.runtime.errors import ConfigurationError

ROUNDS_LIMIT: Final = 5
"""Rounds of retries after which the publisher takes a letter only with an override."""
MOST_LETTERS: Final = 10_000
_AT_TARGET: Final = (
    Reason.ADOPTED_BUT_DIFFERENT,
    Reason.AMOUNT_DIFFERS,
    Reason.INVOICE_CHANGED_AFTER_TRANSFER,
)


@dataclass(frozen=True, slots=True)
class Group:
    """The letters of a group: those to retry, oldest first, and those left out with the reason why."""

    letters: tuple[LetterHead, ...]
    skipped: tuple[tuple[LetterHead, str], ...]


@dataclass(frozen=True, slots=True)
class GroupOutcome:
    """What came of it. `left` were not asked for, since an earlier one failed again or did not come to rest."""

    followed: tuple[Followed, ...]
    left: tuple[LetterHead, ...]

    @property
    def good(self) -> bool:
        """Whether every letter of the group passed."""
        return not self.left and all(each.fate is Fate.PASSED for each in self.followed)


async def gather(store: LetterStore, wanted: LetterFilter, *, everything: bool, override: bool) -> Group:
    """Return the open letters that are meant.

    Raises:
        ConfigurationError: Neither tenant nor reason narrows them, and not all were asked for.
    """
    if wanted.tenant is None and wanted.reason is None and not everything:
        raise ConfigurationError("Name one letter by its id, or a group by --reason, by --tenant, or --all of them.")
    letters: list[LetterHead] = []
    skipped: list[tuple[LetterHead, str]] = []
    for head in reversed(await store.letters(replace(wanted, closed_too=False, limit=MOST_LETTERS))):
        why = _left_out(head, override=override)
        if why is None:
            letters.append(head)
        else:
            skipped.append((head, why))
    return Group(tuple(letters), tuple(skipped))


async def retry_group(
    acting: Acting, asker: Asker, letters: Sequence[LetterHead], *, override: bool, on_step: Callable[[int], None]
) -> GroupOutcome:
    """Retry one letter, then ten, then the rest in parts.

    Stops at the first part in which one fails again or does not come to rest, or which nothing passed: what was refused
    since its entity has moved on says nothing of the cause.

    Args:
        on_step: Told how many letters the next part has.
    """
    followed: list[Followed] = []
    for part in steps(letters):
        on_step(len(part))
        came = await follow(acting, asker, [_case(head, override=override) for head in part])
        followed += came
        fates = {each.fate for each in came}
        if fates & {Fate.LETTER, Fate.OPEN} or Fate.PASSED not in fates:
            break
    return GroupOutcome(tuple(followed), tuple(letters[len(followed) :]))


def _left_out(head: LetterHead, *, override: bool) -> str | None:
    if head.tenant is None or head.flow is None or head.entity is None or head.version is None:
        return "it is about no entity, so nothing tells what comes of it; retry it by its id"
    if head.reason in _AT_TARGET:
        return "it is about an invoice that is at the target already; see to it there, then discard the letter"
    if head.rounds >= ROUNDS_LIMIT and not override:
        return f"it failed again in {head.rounds} rounds; mend the cause, then add --override"
    return None


def _case(head: LetterHead, *, override: bool) -> Case:
    request = replace(request_of(head, RETRY), override=override, renews=True)
    key = EntityKey(TenantId(head.tenant or ""), Flow(head.flow or ""), EntityNumber(head.entity or ""))
    return Case(key, request, head.letter_id)
