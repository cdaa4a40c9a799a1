"""A group of letters is retried with a ramp: the first recurrence stops it, and each letter is tried at most once."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.console.application.acts import Asker, Request
from bridge.console.application.dead_letters import LetterFilter, LetterHead, WholeLetter
from bridge.console.application.follow import Fate, Rest
from bridge.console.application.group_retry import gather, retry_group
from bridge.console.domain.ramp import steps
from bridge.console.domain.replay import EntityKey
from bridge.contracts.identity import Generation, Revision, TenantId, Version
from bridge.runtime.errors import ConfigurationError
from bridge.tenancy.acts import Act, ActStatus

NOW = datetime(2026, 3, 1, tzinfo=UTC)
AT_ONCE = Asker("anna", "mended", 0.0)


def letter(number: int, *, rounds: int = 0, reason: str = "customer_unknown", entity: str | None = "") -> LetterHead:
    """Return the open letter of an invoice."""
    return LetterHead(
        letter_id=number,
        tenant="acme",
        flow="invoices",
        entity=str(10_000 + number) if entity == "" else entity,
        version=Version(Revision(number)),
        stage="delivery",
        reason=reason,
        field=None,
        error="No.",
        attempts=1,
        rounds=rounds,
        trace_id=None,
        opened_at=NOW,
        closed_at=None,
        closed_as=None,
        closed_by=None,
        closed_why=None,
    )


@dataclass(slots=True)
class Publisher:
    """Applies every act at once; says of which entities a new letter opens, the act is refused, or nothing comes."""

    fails: Callable[[str], bool] = lambda _: False
    refuses: Callable[[str], bool] = lambda _: False
    stays: Callable[[str], bool] = lambda _: False
    asked: list[Request] = field(default_factory=list)

    async def request(self, asker: Asker, request: Request) -> int:
        self.asked.append(request)
        return len(self.asked)

    async def acts(self, ids: Collection[int]) -> Mapping[int, Act]:
        return {act_id: self._act(act_id) for act_id in ids}

    async def rests(self, keys: Collection[EntityKey]) -> Mapping[EntityKey, Rest]:
        return {key: self._rest(key) for key in keys}

    def _act(self, act_id: int) -> Act:
        request = self.asked[act_id - 1]
        status = ActStatus.REFUSED if self.refuses(request.entity or "") else ActStatus.DONE
        return Act(
            id=act_id,
            at=NOW,
            who="anna",
            why="mended",
            verb=request.verb,
            tenant=request.tenant,
            flow=request.flow,
            entity=request.entity,
            version=request.version,
            args=request.args,
            status=status,
            outcome="It has moved on.",
            done_at=NOW,
        )

    def _rest(self, key: EntityKey) -> Rest:
        act_id = max(number for number, each in enumerate(self.asked, 1) if each.entity == key.entity)
        decided = self.asked[act_id - 1].version
        assert decided is not None
        version = Version(decided.revision, Generation(act_id))
        if self.stays(key.entity):
            return Rest(version, "in_doubt", None, None)
        if self.fails(key.entity):
            return Rest(version, "dead", "customer_unknown", 1_000_000)
        return Rest(version, "confirmed", None, None)


class Letters:
    """A store with these open letters, newest first as the real one."""

    def __init__(self, *heads: LetterHead) -> None:
        self._heads = heads

    async def letters(self, wanted: LetterFilter) -> Sequence[LetterHead]:
        return list(reversed(self._heads))

    async def letter(self, letter_id: int) -> WholeLetter | None:
        raise NotImplementedError


async def test_k19_a_cause_that_is_still_there_costs_one_call_and_not_five_hundred() -> None:
    publisher, heard = Publisher(fails=lambda _: True), list[int]()

    outcome = await retry_group(
        publisher, AT_ONCE, [letter(n) for n in range(1, 501)], override=False, on_step=heard.append
    )

    assert (len(publisher.asked), len(outcome.left), outcome.good, heard) == (1, 499, False, [1])


async def test_k19_five_hundred_letters_of_a_mended_cause_all_pass_in_growing_parts() -> None:
    publisher, heard = Publisher(), list[int]()

    outcome = await retry_group(
        publisher, AT_ONCE, [letter(n) for n in range(1, 501)], override=False, on_step=heard.append
    )

    assert (outcome.good, heard) == (True, [1, 10, 100, 100, 100, 100, 89])
    assert [request.entity for request in publisher.asked] == [str(10_000 + n) for n in range(1, 501)]


async def test_one_that_does_not_come_to_rest_stops_the_rest() -> None:
    outcome = await retry_group(
        Publisher(stays=lambda entity: entity == "10005"),
        AT_ONCE,
        [letter(n) for n in range(1, 51)],
        override=False,
        on_step=lambda _: None,
    )

    assert (len(outcome.followed), len(outcome.left)) == (11, 39)
    assert [each.fate for each in outcome.followed].count(Fate.OPEN) == 1


async def test_what_has_moved_on_stops_nobody_once_another_has_passed() -> None:
    some = await retry_group(
        Publisher(refuses=lambda entity: entity == "10002"),
        AT_ONCE,
        [letter(n) for n in range(1, 31)],
        override=False,
        on_step=lambda _: None,
    )
    first = await retry_group(
        Publisher(refuses=lambda entity: entity == "10001"),
        AT_ONCE,
        [letter(n) for n in range(1, 31)],
        override=False,
        on_step=lambda _: None,
    )

    assert (len(some.left), some.good) == (0, False)
    assert len(first.left) == 29


async def test_k19_what_failed_too_often_is_left_out_and_named_unless_overridden() -> None:
    store = Letters(
        letter(1, rounds=5), letter(2, rounds=4), letter(3, reason="amount_differs"), letter(4, entity=None)
    )
    wanted = LetterFilter(TenantId("acme"))

    group = await gather(store, wanted, everything=False, override=False)
    overridden = await gather(store, wanted, everything=False, override=True)
    publisher = Publisher()
    await retry_group(publisher, AT_ONCE, overridden.letters, override=True, on_step=lambda _: None)

    assert [head.letter_id for head in group.letters] == [2]
    assert {head.letter_id for head, _ in group.skipped} == {1, 3, 4}
    assert [head.letter_id for head in overridden.letters] == [1, 2]
    assert [request.args for request in publisher.asked] == [{"override": True}] * 2


async def test_a_group_must_be_named() -> None:
    with pytest.raises(ConfigurationError, match="--all"):
        await gather(Letters(), LetterFilter(), everything=False, override=False)


@given(st.integers(0, 400))
def test_every_letter_is_in_exactly_one_part_and_in_order(count: int) -> None:
    work = list(range(count))

    parts = list(steps(work))

    assert [one for part in parts for one in part] == work
    assert all(0 < len(part) <= 100 for part in parts)
    assert [len(part) for part in parts[:2]] == [size for size in (min(1, count), min(10, count - 1)) if size > 0]
