"""The judgement on customers: what really happened at the simulators, counted without asking the bridge.

Owns the counting. Lost: OC2 does not hold what the source shows. Doubled: one payment term or one number twice at OC2.
Out of order: what OC2 held one after the other is not a subsequence of what the source showed.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from bridge.demo.counts import CUSTOMERS, Seen
from bridge.demo.expectation import Content, Step, Wanted, Withdrawn, held, inactive, timelines
from bridge.testkit.simulator_answers import JsonObject, Ledger, SourceState, integer


def see(tenant: str, history: Sequence[SourceState], ledger: Ledger, numbers_listed: Sequence[int]) -> Seen:
    """Count one tenant; `numbers_listed` are the customer numbers as OC2's own list gives them."""
    days_of_term = {integer(term, "id"): integer(term, "days") for term in ledger.terms}
    lines = timelines(history)
    at_target = {number: held(body, days_of_term) for number, body in ledger.customers.items()}
    written = _written(ledger, days_of_term)
    walks = {number: _walk(lines.get(number, ()), effects) for number, effects in written.items()}
    lost = [number for number, steps in lines.items() if _is_lost(steps, at_target.get(number))]
    dead = Counter(
        steps[-1].unmappable for steps in lines.values() if isinstance(steps[-1], Wanted) and steps[-1].unmappable
    )
    return Seen(
        tenant=tenant,
        flow=CUSTOMERS,
        changes=sum(map(len, lines.values())),
        entities=len(lines),
        confirmed=len(lines) - len(lost) - dead.total(),
        dead=dict(dead),
        lost=tuple(sorted({*lost, *(number for number in at_target if number not in lines)})),
        doubled=tuple(_doubled(ledger.terms, numbers_listed)),
        out_of_order=tuple(sorted(number for number, walk in walks.items() if walk is None)),
        latencies=tuple(seconds for walk in walks.values() for seconds in walk or ()),
    )


def _written(ledger: Ledger, days_of_term: Mapping[int, int]) -> Mapping[int, list[tuple[float, Content]]]:
    """Return what OC2 held, one content after the other; repeated neighbours are one."""
    found: dict[int, list[tuple[float, Content]]] = {}
    for effect in ledger.writes:
        contents = found.setdefault(effect.customer_number, [])
        content = held(effect.content, days_of_term)
        if not contents or contents[-1][1] != content:
            contents.append((effect.at, content))
    return found


def _walk(steps: Sequence[Step], effects: Sequence[tuple[float, Content]]) -> list[float] | None:
    """Return each effect's latency; None if the effects are no subsequence of the steps."""
    latencies: list[float] = []
    before: Content | None = None
    position = 0
    for at, content in effects:
        while position < len(steps) and not _fits(steps[position], content, before):
            position += 1
        if position == len(steps):
            return None
        latencies.append(at - steps[position].at)
        before = content
        position += 1
    return latencies


def _fits(step: Step, content: Content, before: Content | None) -> bool:
    if isinstance(step, Withdrawn):
        return before is not None and content == inactive(before)
    return step.content == content


def _is_lost(steps: Sequence[Step], content: Content | None) -> bool:
    last = steps[-1]
    if isinstance(last, Withdrawn):
        return content is not None and content != inactive(content)
    return last.content is not None and last.content != content


def _doubled(terms: Sequence[JsonObject], numbers: Sequence[int]) -> Iterator[str]:
    days = Counter(integer(term, "days") for term in terms)
    yield from (f"the term of {count} days" for count, times in sorted(days.items()) if times > 1)
    yield from (f"customer {number}" for number, times in sorted(Counter(numbers).items()) if times > 1)
