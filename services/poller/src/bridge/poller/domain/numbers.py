"""What is said about a number once it is known who holds it.

Each number is judged from the claims that remain once every row of a look has been compared, so the answer does not
depend on the order in which rows were read.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from bridge.contracts.identity import EntityNumber, SourceId
from bridge.poller.domain.claims import ClaimRules
from bridge.poller.domain.memory import Content, Entity, Event, Record, Standing


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a look means for one number: its memory and the event to emit, None where nothing is new."""

    holder: SourceId | None
    entity: Entity | None
    event: Event | None


def id_order(source_id: SourceId) -> tuple[int, str]:
    """Order source ids as numbers where they are numbers."""
    return (int(source_id), "") if source_id.isascii() and source_id.isdigit() else (1 << 63, source_id)


def judge(
    number: EntityNumber,
    entity: Entity | None,
    claimants: Sequence[Record],
    contents: Mapping[SourceId, Content],
    former: Record | None,
    *,
    rules: ClaimRules,
    fresh: Collection[SourceId],
) -> Judgement:
    """Decide what to say about one number.

    Args:
        number: The number that is judged.
        entity: Its memory, None if it was never heard of.
        claimants: The rows that ask for it after this look.
        contents: Contents at hand, by source id.
        former: The present state of the row that held the number so far.
        rules: The flow's.
        fresh: The rows that are new, or whose content changed, in this look.
    """
    holder = rules.choose_holder(entity, claimants, former, fresh)
    if holder is None:
        return _unheld(entity, former, rules)
    known = entity or Entity(number, None, 0, None)
    content = contents.get(holder)
    if content is None:
        # Its words are not at hand. What was said counts as forgotten, so that the next look at the row tells it.
        left = None if known.holder == holder else replace(known, holder=holder, source_hash=None, withdrawn=None)
        return Judgement(holder, left, None)
    moved = known.holder != holder
    if known.source_hash == content.source_hash and not (moved and rules.told_anew_by_holder):
        return Judgement(holder, replace(known, holder=holder) if moved else None, None)
    told = replace(known, holder=holder, change_no=known.change_no + 1, source_hash=content.source_hash, withdrawn=None)
    source_time = next(record.newest_change for record in claimants if record.source_id == holder)
    kind = rules.unreadable if content.fault else rules.changed
    return Judgement(holder, told, Event(kind, number, told.change_no, holder, content, source_time))


def _unheld(entity: Entity | None, former: Record | None, rules: ClaimRules) -> Judgement:
    if entity is None or (entity.withdrawn and entity.source_hash is not None):
        return Judgement(None, None, None)
    because, content = rules.withdraw(entity, former)
    told = replace(
        entity,
        holder=rules.left_by(entity),
        change_no=entity.change_no + 1,
        source_hash=content.source_hash,
        withdrawn=because,
    )
    source_id = former.source_id if former else entity.holder or SourceId("")
    still_there = former is not None and former.standing is not Standing.GONE
    source_time = former.newest_change if former and still_there else None
    event = Event(rules.withdrawn, entity.number, told.change_no, source_id, content, source_time)
    return Judgement(None, told, event)
