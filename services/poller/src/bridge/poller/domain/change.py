"""What is new, changed, stale or gone: rows seen now against what is remembered.

`decide` is the whole rule of the one door: pure, total, independent of the order of rows in a look. It knows no
store and no source; the caller reads the memory, writes the decisions and does both in one transaction.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from bridge.contracts.identity import EntityNumber, SourceId
from bridge.poller.domain.claims import ClaimRules, number_order
from bridge.poller.domain.memory import (
    Content,
    Decisions,
    Entity,
    Event,
    Record,
    Seen,
    SeenGone,
    Sight,
    Standing,
    Tally,
)
from bridge.poller.domain.numbers import id_order, judge

_CLAIMS = frozenset({Standing.HOLDS, Standing.WAITING})
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


class _Kind(StrEnum):
    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    STALE = "stale"
    GONE = "gone"
    DOUBTED = "doubted"


_FRESH = frozenset({_Kind.NEW, _Kind.CHANGED})


@dataclass(frozen=True, slots=True)
class _Compared:
    kind: _Kind
    record: Record | None
    """The row's memory after this look, its standing not yet final; None where nothing is remembered."""


def decide(
    *,
    rules: ClaimRules,
    known_records: Mapping[SourceId, Record],
    known_entities: Mapping[EntityNumber, Entity],
    sights: Iterable[Sight],
    touched: Iterable[EntityNumber] = (),
) -> Decisions:
    """Compare what is seen with what is remembered and say what to write and to emit.

    Args:
        rules: What the flow has of its own.
        known_records: Memory of the rows seen, of the rows that hold or wait for any number of theirs, old or new.
        known_entities: Memory of all those numbers, and of `touched`.
        sights: The rows, in any order; of several sights of one row the best one counts.
        touched: Numbers to judge although no row of theirs was seen (their hash was forgotten on purpose).
    """
    best = _best_sights(sights)
    compared = {key: _compare(known_records.get(key), sight, rules) for key, sight in best.items()}
    now = dict(known_records)
    now.update({key: result.record for key, result in compared.items() if result.record})
    contents = _contents(now, best, compared)
    numbers = set(touched) | _numbers(known_records, compared)

    fresh = {key for key, result in compared.items() if result.kind in _FRESH}
    judged = _judge_all(numbers, known_entities, now, contents, rules, fresh)
    kept = contents if rules.rows_stand_alone else {}
    final = {key: _settle_standing(record, judged.holders, kept) for key, record in now.items()}
    loose = _loose_events(known_records, final, compared, contents, judged.holders, rules)
    alone = {key for key, sight in best.items() if isinstance(sight, SeenGone) or sight.alone}
    in_the_way = _look_at(known_records, final, compared, judged.holders) if rules.rows_stand_alone else frozenset()
    return Decisions(
        records=tuple(
            record
            for key, record in sorted(final.items(), key=lambda item: id_order(item[0]))
            if record != known_records.get(key)
        ),
        entities=judged.entities,
        events=judged.events + loose,
        tally=_tally(compared.values()),
        look_at=in_the_way - alone,
    )


def _best_sights(sights: Iterable[Sight]) -> dict[SourceId, Sight]:
    best: dict[SourceId, Sight] = {}
    for sight in sights:
        other = best.get(sight.source_id)
        if other is None or _weight(sight) >= _weight(other):
            best[sight.source_id] = sight
    return best


def _weight(sight: Sight) -> tuple[bool, bool, int, datetime]:
    if isinstance(sight, SeenGone):
        return (True, True, 0, _BEFORE_ALL)
    return (sight.alone, False, sight.version or 0, sight.newest_change or _BEFORE_ALL)


def _compare(known: Record | None, sight: Sight, rules: ClaimRules) -> _Compared:
    if isinstance(sight, SeenGone):
        return _compare_gone(known)
    if rules.rows_stand_alone and known and _is_doubtful(known, sight):
        return _Compared(_Kind.DOUBTED, known)
    if known and not sight.alone and _is_older(known, sight):
        return _Compared(_Kind.STALE, known)
    seen = _as_record(known, sight)
    if known is None:
        return _Compared(_Kind.NEW, seen)
    same = known.source_hash == seen.source_hash and known.number == seen.number
    if not same or known.standing is Standing.GONE:
        return _Compared(_Kind.CHANGED, seen)
    moved = seen if not rules.rank_is_of_content else replace(seen, newest_change=known.newest_change)
    return _Compared(_Kind.UNCHANGED, moved)


def _is_doubtful(known: Record, seen: Seen) -> bool:
    return known.standing is Standing.GONE and not seen.alone and not _is_newer(known, seen)


def _compare_gone(known: Record | None) -> _Compared:
    if known is None or known.standing is Standing.GONE:
        return _Compared(_Kind.UNCHANGED, known)
    return _Compared(_Kind.GONE, replace(known, number=None, standing=Standing.GONE, content=None))


def _as_record(known: Record | None, seen: Seen) -> Record:
    number = seen.number
    if seen.number_unreadable and known and known.standing in _CLAIMS:
        number = known.number
    return Record(
        source_id=seen.source_id,
        number=number,
        standing=_first_standing(known, number),
        version=seen.version if seen.version is not None else known.version if known else 0,
        newest_change=seen.newest_change or (known.newest_change if known else None),
        source_hash=seen.content.source_hash,
        content=None,
    )


def _first_standing(known: Record | None, number: EntityNumber | None) -> Standing:
    if number is None:
        return Standing.NUMBERLESS
    if known and known.number == number and known.standing in _CLAIMS:
        return known.standing
    return Standing.WAITING


def _is_older(known: Record, seen: Seen) -> bool:
    if seen.version is None:
        return False
    if seen.version != known.version:
        return seen.version < known.version
    return bool(seen.newest_change and known.newest_change and seen.newest_change < known.newest_change)


def _is_newer(known: Record, seen: Seen) -> bool:
    if seen.version is not None and seen.version != known.version:
        return seen.version > known.version
    return bool(seen.newest_change and known.newest_change and seen.newest_change > known.newest_change)


def _contents(
    now: Mapping[SourceId, Record], best: Mapping[SourceId, Sight], compared: Mapping[SourceId, _Compared]
) -> dict[SourceId, Content]:
    contents = {key: record.content for key, record in now.items() if record.content}
    for key, sight in best.items():
        if isinstance(sight, Seen) and compared[key].kind not in (_Kind.STALE, _Kind.DOUBTED):
            contents[key] = sight.content
    return contents


def _numbers(known: Mapping[SourceId, Record], compared: Mapping[SourceId, _Compared]) -> set[EntityNumber]:
    rows = [record for key, result in compared.items() for record in (known.get(key), result.record) if record]
    return {record.number for record in rows if record.number is not None}


@dataclass(frozen=True, slots=True)
class _Judged:
    holders: Mapping[EntityNumber, SourceId | None]
    entities: tuple[Entity, ...]
    events: tuple[Event, ...]


def _judge_all(
    numbers: set[EntityNumber],
    entities: Mapping[EntityNumber, Entity],
    now: Mapping[SourceId, Record],
    contents: Mapping[SourceId, Content],
    rules: ClaimRules,
    fresh: Collection[SourceId],
) -> _Judged:
    claims: defaultdict[EntityNumber, list[Record]] = defaultdict(list)
    for record in now.values():
        if record.number is not None and record.standing in _CLAIMS:
            claims[record.number].append(record)
    holders: dict[EntityNumber, SourceId | None] = {}
    written: list[Entity] = []
    events: list[Event] = []
    for number in sorted(numbers, key=number_order):
        entity = entities.get(number)
        former = now.get(entity.holder) if entity and entity.holder else None
        judgement = judge(number, entity, claims[number], contents, former, rules=rules, fresh=fresh)
        holders[number] = judgement.holder
        if judgement.entity:
            written.append(judgement.entity)
        if judgement.event:
            events.append(judgement.event)
    return _Judged(holders, tuple(written), tuple(events))


def _settle_standing(
    record: Record, holders: Mapping[EntityNumber, SourceId | None], contents: Mapping[SourceId, Content]
) -> Record:
    if record.number is None or record.number not in holders:
        return record
    if holders[record.number] == record.source_id:
        return replace(record, standing=Standing.HOLDS, content=None)
    return replace(record, standing=Standing.WAITING, content=contents.get(record.source_id))


def _newly_waiting(known: Record | None, record: Record) -> bool:
    was_waiting = known is not None and known.standing is Standing.WAITING and known.number == record.number
    return record.standing is Standing.WAITING and not was_waiting


def _loose_events(
    known_records: Mapping[SourceId, Record],
    final: Mapping[SourceId, Record],
    compared: Mapping[SourceId, _Compared],
    contents: Mapping[SourceId, Content],
    holders: Mapping[EntityNumber, SourceId | None],
    rules: ClaimRules,
) -> tuple[Event, ...]:
    """Return the records about no entity: rows that begin to wait, and unreadable rows without a number."""
    events: list[Event | None] = []
    for key in sorted(compared, key=id_order):
        record, known, content = final.get(key), known_records.get(key), contents.get(key)
        if record is None or content is None:
            continue
        holder = holders.get(record.number) if record.number else None
        if _newly_waiting(known, record) and holder:
            events.append(rules.waiting_letter(record, content, holder))
        elif record.number is None and content.fault and (known is None or known.source_hash != content.source_hash):
            events.append(Event(rules.unreadable, None, 0, key, content, record.newest_change))
    return tuple(event for event in events if event is not None)


def _look_at(
    known_records: Mapping[SourceId, Record],
    final: Mapping[SourceId, Record],
    compared: Mapping[SourceId, _Compared],
    holders: Mapping[EntityNumber, SourceId | None],
) -> frozenset[SourceId]:
    doubted = {key for key, result in compared.items() if result.kind is _Kind.DOUBTED}
    contested = {
        holder
        for key in compared
        if (record := final.get(key)) and record.number and _newly_waiting(known_records.get(key), record)
        if (holder := holders[record.number]) and (holder not in compared or compared[holder].kind is _Kind.STALE)
    }
    return frozenset(doubted | contested)


def _tally(compared: Iterable[_Compared]) -> Tally:
    counts = Counter(result.kind for result in compared)
    return Tally(
        new=counts[_Kind.NEW],
        changed=counts[_Kind.CHANGED],
        unchanged=counts[_Kind.UNCHANGED],
        stale=counts[_Kind.STALE] + counts[_Kind.DOUBTED],
        gone=counts[_Kind.GONE],
    )
