"""Which topic a flow comes from, which it goes to, and the event types on both sides."""

from dataclasses import dataclass
from typing import Final

from bridge.contracts.envelope import EventType
from bridge.contracts.identity import Flow
from bridge.contracts.topics import TopicName


@dataclass(frozen=True, slots=True)
class Route:
    """The road of one flow through the transformer."""

    flow: Flow
    source: TopicName
    target: TopicName
    changed: EventType
    withdrawn: EventType
    unreadable: EventType
    mapped: EventType
    unmappable: EventType

    def accepts(self, event_type: EventType) -> bool:
        """Tell whether an event of this type belongs on the source topic."""
        return event_type in (self.changed, self.withdrawn, self.unreadable)


CUSTOMERS: Final = Route(
    flow=Flow.CUSTOMERS,
    source=TopicName.CUSTOMER_CHANGED,
    target=TopicName.CUSTOMER_MAPPED,
    changed=EventType.CUSTOMER_CHANGED,
    withdrawn=EventType.CUSTOMER_WITHDRAWN,
    unreadable=EventType.CUSTOMER_UNREADABLE,
    mapped=EventType.CUSTOMER_MAPPED,
    unmappable=EventType.CUSTOMER_UNMAPPABLE,
)

INVOICES: Final = Route(
    flow=Flow.INVOICES,
    source=TopicName.INVOICE_GENERATED,
    target=TopicName.INVOICE_MAPPED,
    changed=EventType.INVOICE_GENERATED,
    withdrawn=EventType.INVOICE_WITHDRAWN,
    unreadable=EventType.INVOICE_UNREADABLE,
    mapped=EventType.INVOICE_MAPPED,
    unmappable=EventType.INVOICE_UNMAPPABLE,
)

ROUTES: Final[tuple[Route, ...]] = (CUSTOMERS, INVOICES)
