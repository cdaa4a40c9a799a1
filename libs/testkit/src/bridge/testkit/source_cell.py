"""One cell as the poller sees it: a migrated database, topics, tenants declared, and what arrives on the log.

Owns the set-up of tests around a poller. Knows the shared libraries and the simulators, no service.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from bridge.contracts import headers
from bridge.contracts.envelope import Envelope
from bridge.contracts.identity import EntityNumber, Flow, TenantId
from bridge.contracts.topics import TOPICS, TopicName, wire_name
from bridge.durable.database import Database
from bridge.durable.migrate import discover, migrate
from bridge.durable.row import Row
from bridge.messaging.admin import TopicAdmin
from bridge.messaging.consumer import BatchConsumer
from bridge.runtime.lifecycle import Loop
from bridge.runtime.settings import KafkaSettings, PostgresSettings
from bridge.tenancy.acts import ActStore
from bridge.tenancy.apply import apply, current_tenants, plan
from bridge.tenancy.file import TenantEntry, TenantFile
from bridge.tenancy.tenant import UrlRules
from bridge.testkit.databases import as_role, settings_for
from bridge.testkit.simulator_answers import Json, JsonObject
from bridge.testkit.simulator_invoices import TenantBatches
from bridge.testkit.simulators import SimulatorAdmin
from bridge.testkit.waiting import eventually

ROLE_PASSWORD: Final = SecretStr("only-for-tests")
_EMPLOYEE: Final = "employee-token"
_PARTITIONS: Final = 2
_PATIENCE_SECONDS: Final = 60.0
"""Costs nothing when things are quick."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One event of the poller; a record that a relay published twice under one event id is one event."""

    envelope: Envelope
    key: bytes | None
    body: bytes

    @property
    def word(self) -> str:
        """What it says: changed, generated, withdrawn or unreadable."""
        return self.envelope.type.value.split(".")[1]


@dataclass(slots=True)
class SourceTenant:
    """A declared tenant with its simulated company; its token, at OC2 its key, lies in a file for tests to rewrite."""

    id: TenantId
    company: int
    secret: Path
    cell: "SourceCell"

    def write(self, *customers: JsonObject) -> list[int]:
        """Create or edit customers at the source and return their ids."""
        return [row.id for row in self.cell.simulators.write_customers(self.company, customers)]

    @property
    def batches(self) -> TenantBatches:
        """The tenant's invoice batches at the simulated OC2."""
        return self.cell.simulators.batches(self.id)

    async def said(self) -> list[tuple[str | None, str]]:
        """Return what was told of this tenant so far, in order per entity: number and word."""
        return [(heard.envelope.entity, heard.word) for heard in await self.heard()]

    async def heard(self) -> list[Heard]:
        """Return every event of this tenant so far."""
        return await self.cell.heard(self.id)

    async def hear(self, count: int, timeout: float = _PATIENCE_SECONDS) -> list[Heard]:
        """Wait until at least this many events of the tenant are on the log."""

        async def enough() -> bool:
            return len(await self.heard()) >= count

        await eventually(enough, timeout, what=f"{count} events of {self.id}")
        return await self.heard()

    async def cursor(self) -> Row:
        """Return the tenant's cursor row."""
        query = "SELECT * FROM poller.source_cursor WHERE tenant = %(tenant)s"
        return (await self.cell.rows(query, tenant=self.id))[0]

    async def polls(self, more: int = 1, timeout: float = _PATIENCE_SECONDS) -> None:
        """Wait until this many complete polls have begun and ended from now on."""
        for _ in range(more + 1):
            before = await self._last_good_poll()

            async def moved(before: object = before) -> bool:
                return await self._last_good_poll() != before

            await eventually(moved, timeout, what=f"a complete poll of {self.id}")

    async def act(self, verb: str, *, entity: str | None = None, flow: Flow | None = None) -> tuple[str, str | None]:
        """Ask for an act as an operator does, wait until it is finished, and return status and outcome."""
        store = ActStore(self.cell.owner)
        number = EntityNumber(entity) if entity else None
        act_id = await store.request(who="test", why="test", verb=verb, tenant=self.id, flow=flow, entity=number)
        act = await store.wait(act_id, timeout_seconds=_PATIENCE_SECONDS)
        return act.status.value, act.outcome

    async def poll_now(self) -> None:
        """Ask for a poll and wait until it has ended."""
        before = await self._last_good_poll()
        await self.act("poll_now")

        async def polled() -> bool:
            return await self._last_good_poll() != before

        await eventually(polled, _PATIENCE_SECONDS, what=f"the poll of {self.id} that was asked for")

    async def _last_good_poll(self) -> object:
        query = "SELECT last_good_poll_at FROM poller.source_cursor WHERE tenant = %(tenant)s"
        rows = await self.cell.rows(query, tenant=self.id)
        return rows[0]["last_good_poll_at"] if rows else None

    async def gate(self) -> tuple[str, str] | None:
        """Return scope and reason of the tenant's closed gate, other than `not_live`."""
        query = "SELECT scope, reason FROM control.gate WHERE tenant = %(tenant)s AND reason <> 'not_live'"
        rows = await self.cell.rows(query, tenant=self.id)
        return (rows[0].text("scope"), rows[0].text("reason")) if rows else None

    async def gated(self, reason: str | None, timeout: float = _PATIENCE_SECONDS) -> None:
        """Wait until the tenant's gate is closed for this reason, or open (None)."""

        async def reached() -> bool:
            gate = await self.gate()
            return (gate[1] if gate else None) == reason

        await eventually(reached, timeout, what=f"the gate of {self.id} to be {reason or 'open'}")


@dataclass(slots=True)
class SourceCell:
    """The cell. `postgres` are settings of the poller's own role, `kafka` those of the cell's topics."""

    owner: Database
    postgres: PostgresSettings
    kafka: KafkaSettings
    simulators: SimulatorAdmin
    folder: Path
    reader: BatchConsumer
    _heard: dict[TenantId, dict[str, Heard]] = field(default_factory=dict)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    _entries: dict[str, TenantEntry] = field(default_factory=dict)

    async def declare(
        self,
        name: str,
        *,
        poll_interval: float = 0.2,
        paused: bool = False,
        flows: Sequence[Flow] = (Flow.CUSTOMERS,),
        **company: Json,
    ) -> SourceTenant:
        """Declare a tenant, or declare it anew, with a simulated company of its own, and an OC2 if it has invoices."""
        known = name in self._entries
        number = self._entries[name].tripletex.company_id if known else 7000 + len(self._entries)
        secret = self.folder / f"{name}-employee"
        consumer = self.folder / "consumer"
        if not known:
            consumer.write_text("consumer-token")
            secret.write_text(f"{_EMPLOYEE}-{name}")
            self.simulators.put_company(
                number,
                name=name,
                consumer_token="consumer-token",  # noqa: S106 (the simulator's)
                employee_token=f"{_EMPLOYEE}-{name}",
                **company,
            )
        if not known and Flow.INVOICES in flows:
            self.simulators.put_tenant(name, api_key=secret.read_text())
        self._entries[name] = self._entry(
            name, number, secret, consumer, poll_interval=poll_interval, paused=paused, flows=flows
        )
        await self._apply()
        return SourceTenant(TenantId(name), number, secret, self)

    def _entry(
        self,
        name: str,
        company: int,
        secret: Path,
        consumer: Path,
        *,
        poll_interval: float,
        paused: bool,
        flows: Sequence[Flow],
    ) -> TenantEntry:
        document = {
            "id": name,
            "name": name,
            "paused": paused,
            "poll_interval": poll_interval,
            "tripletex": {
                "base_url": self.simulators.tripletex_url,
                "company_id": company,
                "consumer_token": {"file": str(consumer)},
                "employee_token": {"file": str(secret)},
            },
            "oc2": {"base_url": self.simulators.oc2_url(name), "api_key": {"file": str(secret)}},
            "flows": [flow.value for flow in flows],
        }
        return TenantEntry.model_validate(document, context=UrlRules(allow_loopback=True))

    async def _apply(self) -> None:
        async def nothing(*_: object) -> int:
            return 0

        file = TenantFile(tenants=tuple(self._entries.values()))
        changes = plan(file, await current_tenants(self.owner))
        await apply(self.owner, changes, who="test", why="test", in_doubt=nothing)

    async def retire(self) -> None:
        """Pause every tenant, so that the next test has the machine to itself."""
        self._entries = {name: entry.model_copy(update={"paused": True}) for name, entry in self._entries.items()}
        await self._apply()

    async def remove(self, name: str) -> None:
        """Take the tenant out of the file."""
        del self._entries[name]
        await self._apply()

    async def rows(self, query: str, **values: object) -> list[Row]:
        """Ask the database as its owner."""
        async with self.owner.transaction() as tx:
            return await tx.all(query, values)

    async def execute(self, query: str, **values: object) -> int:
        """Change the database as its owner."""
        async with self.owner.transaction() as tx:
            return await tx.execute(query, values)

    async def heard(self, tenant: TenantId) -> list[Heard]:
        """Read on and return every event of the tenant so far, in order per entity."""
        async with self._reading:
            while records := await self.reader.next_batch(0.05):
                for record in records:
                    heard = Heard(headers.decode(record.headers), record.key, record.value or b"")
                    known = self._heard.setdefault(heard.envelope.tenant, {})
                    known.setdefault(heard.envelope.event_id, heard)
        return list(self._heard.get(tenant, {}).values())

    async def sums_match(self, tenant: TenantId) -> bool:
        """Whether the cursor's count of changes is the sum of the entities' change numbers."""
        query = (
            "SELECT c.emitted = (SELECT coalesce(sum(change_no), 0) FROM poller.source_entity e "
            "WHERE e.tenant = c.tenant) AS equal FROM poller.source_cursor c WHERE c.tenant = %(tenant)s"
        )
        return (await self.rows(query, tenant=tenant))[0].flag("equal")


@asynccontextmanager
async def open_source_cell(
    *, dsn: str, kafka: KafkaSettings, simulators: SimulatorAdmin, folder: Path
) -> AsyncIterator[SourceCell]:
    """Migrate a fresh database, make the topics, and open both."""
    await migrate(SecretStr(dsn), discover(), role_passwords={"bridge_poller": ROLE_PASSWORD})
    async with TopicAdmin(kafka) as admin:
        specs = [replace(spec, partitions=_PARTITIONS) for spec in TOPICS]
        await admin.apply(specs, prefix=kafka.topic_prefix, replication=1)
    told = (TopicName.CUSTOMER_CHANGED, TopicName.INVOICE_GENERATED)
    topics = [wire_name(name, kafka.topic_prefix) for name in told]
    async with (
        Database(settings_for(dsn), application_name="test") as owner,
        BatchConsumer(kafka, group=f"{kafka.topic_prefix}test", topics=topics, max_records=2000) as reader,
    ):
        postgres = as_role(dsn, "bridge_poller", ROLE_PASSWORD)
        yield SourceCell(owner, postgres, kafka, simulators, folder, reader)


@asynccontextmanager
async def turning(loops: Sequence[Loop]) -> AsyncIterator[None]:
    """Run loops beside the block and let them drain after it; one that fails fails the block."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for loop in loops:
            group.create_task(loop.run(stop), name=loop.name)
        try:
            yield
        finally:
            stop.set()
