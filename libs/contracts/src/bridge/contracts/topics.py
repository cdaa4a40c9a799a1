"""Every topic, once: name, key, partitions, retention, who writes, who reads.

Clients never create topics; `bridge topics apply` does, from this list.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

MAX_EVENT_BYTES: Final = 512 * 1024
"""The one size limit for an event's value in bytes, checked before the outbox.

Smaller than every limit behind it: the broker's and the producer's 1 MiB, and the dead letter that carries the
value in base64 (4/3) with its headers.
"""


class TopicName(StrEnum):
    """Logical topic names; the wire name carries the cell's prefix."""

    CUSTOMER_CHANGED = "customer-changed"
    INVOICE_GENERATED = "invoice-generated"
    CUSTOMER_MAPPED = "customer-mapped"
    INVOICE_MAPPED = "invoice-mapped"
    DEAD_LETTER = "dead-letter"


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """What one topic is declared as."""

    name: TopicName
    partitions: int
    retention: timedelta
    writer: str
    reader: str
    key: str = "tenant:number"


TOPICS: Final[tuple[TopicSpec, ...]] = (
    TopicSpec(TopicName.CUSTOMER_CHANGED, 12, timedelta(days=14), "poller", "transformer"),
    TopicSpec(TopicName.INVOICE_GENERATED, 12, timedelta(days=30), "poller", "transformer"),
    TopicSpec(TopicName.CUSTOMER_MAPPED, 12, timedelta(days=7), "transformer", "publisher"),
    TopicSpec(TopicName.INVOICE_MAPPED, 12, timedelta(days=14), "transformer", "publisher"),
    TopicSpec(
        TopicName.DEAD_LETTER,
        3,
        timedelta(days=30),
        "publisher",
        "the platform team",
        "tenant:number, or none",
    ),
)


def wire_name(name: TopicName, prefix: str) -> str:
    """Return the topic's name on the broker; `prefix` separates cells that share one."""
    return f"{prefix}{name.value}"
