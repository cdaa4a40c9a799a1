"""Who holds a customer number, and what is said when nobody does: the rules of the flow of customers."""

import hashlib
from collections.abc import Collection, Sequence

from bridge.contracts.envelope import EventType
from bridge.contracts.events.customer import CustomerWithdrawn, WithdrawnBecause
from bridge.contracts.identity import EntityNumber, SourceId
from bridge.contracts.reasons import Reason
from bridge.poller.domain.memory import Because, Content, Entity, Event, Fault, Record, Standing
from bridge.poller.domain.numbers import id_order


class CustomerRules:
    """See `claims.ClaimRules`."""

    changed = EventType.CUSTOMER_CHANGED
    unreadable = EventType.CUSTOMER_UNREADABLE
    withdrawn = EventType.CUSTOMER_WITHDRAWN
    rows_stand_alone = True
    rank_is_of_content = False
    told_anew_by_holder = False

    def choose_holder(
        self, entity: Entity | None, claimants: Sequence[Record], former: Record | None, fresh: Collection[SourceId]
    ) -> SourceId | None:
        """Return the present holder while it claims the number, else the claimant with the lowest id."""
        ids = [record.source_id for record in claimants]
        if entity and entity.holder in ids:
            return entity.holder
        return min(ids, key=id_order, default=None)

    def withdraw(self, entity: Entity, former: Record | None) -> tuple[Because, Content]:
        """Return the body that says a number belongs to no customer any more."""
        because = entity.withdrawn if isinstance(entity.withdrawn, WithdrawnBecause) else _because(former)
        return because, withdrawn_content(entity.number, because)

    def left_by(self, entity: Entity) -> SourceId | None:
        """Nobody holds it."""
        return None

    def waiting_letter(self, record: Record, content: Content, holder: SourceId) -> Event | None:
        """Return the letter about a row that asks for a number another row holds; it is about no entity."""
        detail = (
            f"Number {record.number} is asked for by row {record.source_id}, but row {holder} holds it. "
            "The asking row follows by itself when the number is free."
        )
        fault = Fault(Reason.NUMBER_HELD_BY_ANOTHER, "customerNumber", detail)
        told = Content(content.body, content.source_hash, fault)
        return Event(self.unreadable, None, 0, record.source_id, told, record.newest_change)


def withdrawn_content(number: EntityNumber, because: WithdrawnBecause) -> Content:
    """Return the body that says a number belongs to no customer any more."""
    withdrawn = CustomerWithdrawn(customer_number=int(number), because=because)
    body = withdrawn.model_dump_json(by_alias=True).encode()
    return Content(body, hashlib.sha256(body).hexdigest())


def _because(former: Record | None) -> WithdrawnBecause:
    if former is None or former.standing is Standing.GONE:
        return WithdrawnBecause.DELETED
    if former.standing is Standing.NUMBERLESS:
        return WithdrawnBecause.NUMBER_REMOVED
    return WithdrawnBecause.RENUMBERED
