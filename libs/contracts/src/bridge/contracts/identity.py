"""Names of things both systems share, and the order of their changes.

Owns the identifiers that travel between services and the arithmetic that gives each change its place. Knows no
transport and no clock.
"""

import re
import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NewType
from uuid import UUID, uuid5

TenantId = NewType("TenantId", str)
EntityNumber = NewType("EntityNumber", str)
"""The number that both systems share (customer number, invoice number), as text without padding."""
SourceId = NewType("SourceId", str)
"""The id of a row at its source (Tripletex's own id); an attribute of the poller's memory, never an identity."""
Revision = NewType("Revision", int)
Generation = NewType("Generation", int)
EventId = NewType("EventId", str)
Shard = NewType("Shard", int)

TENANT_PATTERN: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
SHARDS: Final = 256
FIRST_GENERATION: Final = Generation(0)
_ERA_SHIFT: Final = 40
_EVENT_NAMESPACE: Final = UUID("8d3c2a4e-6f0b-5f52-9a55-0c1b7b6b1f01")


def invoice_ref(batch: int, invoice: object) -> SourceId:
    """Return the source id of one invoice of one batch: `88/10472`; `invoice` names the row where it has no number."""
    return SourceId(f"{batch}/{invoice}")


def batch_of(source_ref: SourceId) -> int | None:
    """Return the batch that an invoice's source id names, None if it names none."""
    batch, slash, _ = source_ref.partition("/")
    return int(batch) if slash and batch.isascii() and batch.isdigit() else None


class Flow(StrEnum):
    """One direction of one kind of entity."""

    CUSTOMERS = "customers"
    INVOICES = "invoices"

    @property
    def one(self) -> str:
        """What a single entity is called in a sentence: `customer`, `invoice`."""
        return self.value.removesuffix("s")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """The place of a change among all changes of its entity: revision first, then generation."""

    revision: Revision
    generation: Generation = FIRST_GENERATION

    def __str__(self) -> str:
        return f"{self.revision}.{self.generation}"


def revision_of(era: int, outbox_id: int) -> Revision:
    """Combine a tenant's era with the id of the outbox row that carries the change.

    Monotone per tenant and flow as long as eras only rise and ids are taken behind the cursor's fence.
    """
    if era < 0 or not 0 < outbox_id < 1 << _ERA_SHIFT:
        raise ValueError(f"era {era} or outbox id {outbox_id} is out of range")
    return Revision(era << _ERA_SHIFT | outbox_id)


def event_id(*, tenant: TenantId, flow: Flow, entity: EntityNumber | None, version: Version) -> EventId:
    """Return the same id for the same change however often it is published."""
    name = f"{tenant}/{flow}/{entity or ''}/{version.revision}/{version.generation}"
    return EventId(str(uuid5(_EVENT_NAMESPACE, name)))


def partition_key(tenant: TenantId, entity: EntityNumber) -> bytes:
    """Return the Kafka key under which an entity's changes stay in order."""
    return f"{tenant}:{entity}".encode()


def shard_of(tenant: TenantId) -> Shard:
    """Spread tenants over the shards by a hash that is the same in every process and release."""
    return Shard(zlib.crc32(tenant.encode()) % SHARDS)
