"""The one door over small fakes: what was read alone counts for the look it was read for, and for no later one."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

from bridge.contracts.identity import EntityNumber, Flow, Revision, SourceId, TenantId
from bridge.poller.application.observe import Look, Observer
from bridge.poller.application.ports import Memory, Post, Unit
from bridge.poller.domain.customers import CustomerRules
from bridge.poller.domain.memory import Content, Entity, Event, Record, Seen, Sight

POST = Post(TenantId("acme"), Flow.CUSTOMERS, epoch=1)


def seen(source_id: int, number: int, *, version: int = 1, alone: bool = False) -> Seen:
    content = Content(b"%d-%d-%d" % (source_id, number, version), f"hash-{source_id}-{number}-{version}")
    return Seen(SourceId(str(source_id)), EntityNumber(str(number)), version, None, content, alone=alone)


@dataclass
class FakeMemory:
    """Remembers everything, and hands all of it out."""

    records: dict[SourceId, Record] = field(default_factory=dict)
    entities: dict[EntityNumber, Entity] = field(default_factory=dict)
    told: list[tuple[EntityNumber | None, SourceId]] = field(default_factory=list)

    def unit(self, post: Post) -> AbstractAsyncContextManager[Unit]:
        return self._unit()

    @asynccontextmanager
    async def _unit(self) -> AsyncIterator[Unit]:
        async def recall(
            ids: Iterable[SourceId], numbers: Iterable[EntityNumber]
        ) -> tuple[dict[SourceId, Record], dict[EntityNumber, Entity]]:
            return dict(self.records), dict(self.entities)

        async def announce(events: Sequence[Event], *, page_traceparent: str | None) -> dict[EntityNumber, Revision]:
            self.told += [(event.number, event.source_id) for event in events]
            return {}

        async def remember(
            records: Sequence[Record], entities: Sequence[Entity], revisions: Mapping[EntityNumber, Revision]
        ) -> None:
            self.records |= {record.source_id: record for record in records}
            self.entities |= {entity.number: entity for entity in entities}

        # the only methods that a look calls
        yield cast("Unit", SimpleNamespace(recall=recall, announce=announce, remember=remember))

    async def due_in(self, tenants: Sequence[TenantId], flow: Flow) -> dict[TenantId, float]:
        return {}


@dataclass
class FakeSource:
    """Shows each row as it is now."""

    rows: dict[SourceId, Seen]

    async def get(self, tenant: TenantId, source_id: SourceId) -> Sight:
        return self.rows[source_id]


async def test_a_row_read_alone_for_one_page_does_not_hide_what_a_later_page_shows_of_it() -> None:
    memory, alone = FakeMemory(), dict[SourceId, Sight]()
    source = FakeSource({SourceId("1"): seen(1, 10001, alone=True)})
    observer = Observer(cast("Memory", memory), CustomerRules(), source)
    await observer.observe(POST, Look([seen(1, 10001)], alone=alone))
    await observer.observe(POST, Look([seen(2, 10001)], alone=alone))
    assert memory.told == [("10001", "1"), (None, "2")]

    await observer.observe(POST, Look([seen(1, 10009, version=2)], alone=alone))

    assert memory.told[2:] == [("10001", "2"), ("10009", "1")]
