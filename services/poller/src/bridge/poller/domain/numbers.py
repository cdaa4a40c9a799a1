"""Who holds a number, and what is said about it when that changes.

Each number is judged from the claims that remain once every row of a look has been compared, so the answer does not
depend on the order in which rows were read.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bridge.contracts.envelope import EventType
from bridge.contracts.events.customer import CustomerWithdrawn, WithdrawnBecause
from bridge.contracts.identity import EntityNumber, SourceId
from bridge.contracts.reasons import Reason
from bridge.poller.domain.memory import Content, Entity, Event, Fault, Record, Standing


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a look means for one number: its memory and the event to emit, None where nothing is new."""

    holder: SourceId | None
    entity: Entity | None
    event: Event | None


def id_order(source_id: SourceId) -> tuple[int, str]:
    """Order source ids as numbers where they are numbers."""
    return (int(source_id), "") if source_id.isascii() and source_id.isdigit() else (1 << 63, source_id)


def choose_holder(entity: Entity | None, claimants: Sequence[SourceId]) -> SourceId | None:
    """Return who holds a number: the present holder while it claims it, else the claimant with the lowest id."""
    if entity and entity.holder in claimants:
        return entity.holder
    return min(claimants, key=id_order, default=None)


def judge(
    number: EntityNumber,
    entity: Entity | None,
    claimants: Sequence[Record],
    contents: Mapping[SourceId, Content],
    former: Record | None,
) -> Judgement:
    """Decide what to say about one number.

    Args:
        number: The number that is judged.
        entity: Its memory, None if it was never heard of.
        claimants: The rows that ask for it after this look.
        contents: Contents at hand, by source id.
        former: The present state of the row that held the number so far.
    """
    holder = choose_holder(entity, [record.source_id for record in claimants])
    if holder is None:
        return _unheld(entity, former)
    known = entity or Entity(number, None, 0, None)
    content = contents.get(holder)
    if content is None or known.source_hash == content.source_hash:
        return Judgement(holder, None if known.holder == holder else replace(known, holder=holder), None)
    told = replace(known, holder=holder, change_no=known.change_no + 1, source_hash=content.source_hash, withdrawn=None)
    source_time = next(record.newest_change for record in claimants if record.source_id == holder)
    kind = EventType.CUSTOMER_UNREADABLE if content.fault else EventType.CUSTOMER_CHANGED
    return Judgement(holder, told, Event(kind, number, told.change_no, holder, content, source_time))


def _unheld(entity: Entity | None, former: Record | None) -> Judgement:
    if entity is None or (entity.withdrawn and entity.source_hash is not None):
        return Judgement(None, None, None)
    because = entity.withdrawn or _because(former)
    content = withdrawn_content(entity.number, because)
    told = replace(
        entity, holder=None, change_no=entity.change_no + 1, source_hash=content.source_hash, withdrawn=because
    )
    source_id = former.source_id if former else entity.holder or SourceId("")
    source_time = former.newest_change if former and because is not WithdrawnBecause.DELETED else None
    event = Event(EventType.CUSTOMER_WITHDRAWN, entity.number, told.change_no, source_id, content, source_time)
    return Judgement(None, told, event)


def _because(former: Record | None) -> WithdrawnBecause:
    if former is None or former.standing is Standing.GONE:
        return WithdrawnBecause.DELETED
    if former.standing is Standing.NUMBERLESS:
        return WithdrawnBecause.NUMBER_REMOVED
    return WithdrawnBecause.RENUMBERED


def withdrawn_content(number: EntityNumber, because: WithdrawnBecause) -> Content:
    """Return the body that says a number belongs to no customer any more."""
    withdrawn = CustomerWithdrawn(customer_number=int(number), because=because)
    body = withdrawn.model_dump_json(by_alias=True).encode()
    return Content(body, hashlib.sha256(body).hexdigest())


def waiting_event(record: Record, content: Content, holder: SourceId) -> Event:
    """Return the letter about a row that asks for a number another row holds; it is about no entity."""
    detail = (
        f"Number {record.number} is asked for by row {record.source_id}, but row {holder} holds it. "
        "The asking row follows by itself when the number is free."
    )
    fault = Fault(Reason.NUMBER_HELD_BY_ANOTHER, "customerNumber", detail)
    told = Content(content.body, content.source_hash, fault)
    return Event(EventType.CUSTOMER_UNREADABLE, None, 0, record.source_id, told, record.newest_change)
