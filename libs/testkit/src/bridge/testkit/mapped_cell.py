"""A cell seen from the publisher: mapped records written by hand, OC2 simulated, everything else real.

Owns what a test of the publisher says and asks. Must not know the publisher: it is handed in as a `Runner`.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from bridge.contracts.envelope import Envelope, EventType, Outcome
from bridge.contracts.events.customer import CustomerWanted, CustomerWithdrawn, WithdrawnBecause
from bridge.contracts.headers import encode
from bridge.contracts.identity import (
    EntityNumber,
    Flow,
    Generation,
    Revision,
    SourceId,
    TenantId,
    Version,
    event_id,
    partition_key,
)
from bridge.contracts.topics import TopicName, wire_name
from bridge.durable.database import Database
from bridge.durable.row import Row
from bridge.messaging.producer import BatchProducer
from bridge.messaging.record import Acked, Outgoing
from bridge.runtime.checkpoints import Checkpoints, no_checkpoints
from bridge.runtime.settings import KafkaSettings
from bridge.tenancy.apply import apply, current_tenants, go_live, plan
from bridge.tenancy.file import TenantFile, parse_tenant_file
from bridge.testkit.simulators import SimulatorAdmin
from bridge.testkit.waiting import eventually

_TOPICS: Final = {Flow.CUSTOMERS: TopicName.CUSTOMER_MAPPED, Flow.INVOICES: TopicName.INVOICE_MAPPED}
_TYPES: Final = {
    (Flow.CUSTOMERS, Outcome.MAPPED): EventType.CUSTOMER_MAPPED,
    (Flow.CUSTOMERS, Outcome.WITHDRAWN): EventType.CUSTOMER_WITHDRAWN,
    (Flow.CUSTOMERS, Outcome.UNMAPPABLE): EventType.CUSTOMER_UNMAPPABLE,
    (Flow.INVOICES, Outcome.MAPPED): EventType.INVOICE_MAPPED,
    (Flow.INVOICES, Outcome.WITHDRAWN): EventType.INVOICE_WITHDRAWN,
    (Flow.INVOICES, Outcome.UNMAPPABLE): EventType.INVOICE_UNMAPPABLE,
}


class Runner(Protocol):
    """Runs a publisher of this cell in the test's own process for as long as the block lasts; gives its health port."""

    def __call__(
        self,
        *,
        checkpoints: Checkpoints = no_checkpoints,
        unsafe_settle: timedelta | None = ...,
        **groups: Mapping[str, object],
    ) -> AbstractAsyncContextManager[int]: ...


@dataclass(slots=True)
class MappedCell:
    """One cell, seen from a test."""

    db: Database
    kafka: KafkaSettings
    producer: BatchProducer
    admin: SimulatorAdmin
    dsn: str
    suffix: str
    folder: Path
    declared: dict[str, bool] = field(default_factory=dict)
    companies: dict[str, int] = field(default_factory=dict)

    def tenant(self, name: str) -> TenantId:
        """Return the id of one of this test's tenants."""
        return TenantId(f"{name}-{self.suffix}")

    async def declare(self, *names: str, terms: Sequence[Mapping[str, object]] = (), live: bool = True) -> None:
        """Declare tenants with an empty OC2 each and open them."""
        for name in names:
            tenant = self.tenant(name)
            self.write_key(tenant, f"key-of-{tenant}")
            rows = [{key: value for key, value in term.items() if isinstance(value, int | str)} for term in terms]
            self.admin.put_tenant(tenant, api_key=f"key-of-{tenant}", terms=[dict(row) for row in rows])
            self.declared[tenant] = False
        await self.apply()
        for name in names:
            if live:
                await go_live(self.db, self.tenant(name), who="test", why="begin")

    def write_key(self, tenant: str, key: str) -> None:
        """Put the tenant's key into its secret file."""
        (self.folder / f"{tenant}.key").write_text(key)

    async def pause(self, tenant: str, paused: bool) -> None:
        """Pause or resume a tenant by the tenant file."""
        self.declared[tenant] = paused
        await self.apply()

    async def remove(self, tenant: str) -> None:
        """Take a tenant out of the tenant file."""
        del self.declared[tenant]
        await self.apply()

    async def apply(self) -> None:
        """Apply the tenant file as it would stand now."""

        async def none_in_doubt(_: object, __: object) -> int:
            return 0

        changes = plan(self._file(), await current_tenants(self.db))
        await apply(self.db, changes, who="test", why="test", in_doubt=none_in_doubt)

    async def send(self, *records: Outgoing) -> None:
        """Write records and wait until the broker has them."""
        results = await self.producer.send(records, deadline_seconds=20)
        assert all(isinstance(result, Acked) for result in results), results

    def mapped(
        self,
        tenant: TenantId,
        number: int,
        *,
        revision: int = 1,
        generation: int = 0,
        traceparent: str | None = None,
        **content: object,
    ) -> Outgoing:
        """Return a mapped customer's record."""
        values: dict[str, object] = {
            "customerNumber": number,
            "name": f"Kunde {number} AS",
            "active": True,
            "currency": "NOK",
            **content,
        }
        body = CustomerWanted.model_validate(values).model_dump_json(by_alias=True, exclude_none=True)
        return self.record(
            tenant, number, revision, body, Outcome.MAPPED, generation=generation, traceparent=traceparent
        )

    def withdrawn(self, tenant: TenantId, number: int, *, revision: int) -> Outgoing:
        """Return the record of a customer whose number is no longer one."""
        body = CustomerWithdrawn.model_validate({"customerNumber": number, "because": WithdrawnBecause.DELETED})
        return self.record(tenant, number, revision, body.model_dump_json(by_alias=True), Outcome.WITHDRAWN)

    def record(
        self,
        tenant: TenantId,
        number: int,
        revision: int,
        body: str,
        outcome: Outcome,
        *,
        generation: int = 0,
        traceparent: str | None = None,
        flow: Flow = Flow.CUSTOMERS,
        source_ref: SourceId | None = None,
        source_hash: str | None = None,
    ) -> Outgoing:
        """Return a record on the flow's mapped topic."""
        version = Version(Revision(revision), Generation(generation))
        entity = EntityNumber(str(number))
        envelope = Envelope(
            event_id=event_id(tenant=tenant, flow=flow, entity=entity, version=version),
            type=_TYPES[flow, outcome],
            tenant=tenant,
            flow=flow,
            entity=entity,
            version=version,
            change_no=revision,
            source_hash=source_hash or f"hash-{revision}",
            source_ref=source_ref or SourceId(f"9{number}"),
            time=datetime(2026, 11, 25, 9, tzinfo=UTC),
            outcome=outcome,
            traceparent=traceparent,
        )
        topic = wire_name(_TOPICS[flow], self.kafka.topic_prefix)
        return Outgoing(topic, partition_key(tenant, entity), body.encode(), tuple(encode(envelope)))

    @property
    def mapped_topic(self) -> str:
        """The wire name of the topic that the publisher reads customers from."""
        return wire_name(_TOPICS[Flow.CUSTOMERS], self.kafka.topic_prefix)

    async def rows(self, query: str, params: Mapping[str, object] | None = None) -> list[Row]:
        """Read from the database."""
        async with self.db.transaction() as tx:
            return await tx.all(query, dict(params or {}))

    async def states(self, tenant: TenantId) -> dict[str, int]:
        """Return how many of the tenant's deliveries are in each state."""
        rows = await self.rows(
            "SELECT state, count(*) AS n FROM publisher.delivery WHERE tenant = %(t)s GROUP BY state", {"t": tenant}
        )
        return {row.text("state"): row.number("n") for row in rows}

    async def settled(self, tenant: TenantId, *, timeout: float = 60.0, **states: int) -> None:
        """Wait until the tenant's deliveries are in exactly these states."""
        seen: dict[str, int] = {}

        async def there() -> bool:
            nonlocal seen
            seen = await self.states(tenant)
            return seen == states

        try:
            await eventually(there, timeout)
        except AssertionError:
            raise AssertionError(f"{tenant} is at {seen}, not at {states}") from None

    async def logged(self, tenant: TenantId, step: str, count: int) -> None:
        """Wait until the tenant's import log holds a step this often: it stays, however soon the next one follows."""

        async def there() -> bool:
            return [row.text("step") for row in await self.log(tenant)].count(step) >= count

        await eventually(there, 60.0, what=f"{count} times {step} in the log of {tenant}")

    async def log(self, tenant: TenantId, number: int | None = None) -> list[Row]:
        """Return the import log of a tenant or of one customer."""
        return await self.rows(
            "SELECT * FROM publisher.delivery_log WHERE tenant = %(t)s"
            " AND (%(e)s::text IS NULL OR entity = %(e)s) ORDER BY id",
            {"t": tenant, "e": None if number is None else str(number)},
        )

    def _file(self) -> TenantFile:
        text = "tenants:\n" + "".join(self._entry(tenant, paused) for tenant, paused in self.declared.items())
        return parse_tenant_file(text if self.declared else "tenants: []", name="test", allow_loopback=True)

    def _entry(self, tenant: str, paused: bool) -> str:
        company, token = self.companies.get(tenant), "{env: NONE}"
        if company is not None:
            token = f"{{file: {self.folder}/{tenant}.token}}"
        return (
            f"- id: {tenant}\n"
            f"  name: {tenant}\n"
            f"  paused: {str(paused).lower()}\n"
            f"  flows: [{'customers' if company is None else 'customers, invoices'}]\n"
            f"  tripletex: {{base_url: '{self.admin.tripletex_url}', company_id: {company or 1},"
            f" consumer_token: {token}, employee_token: {token}}}\n"
            f"  oc2: {{base_url: '{self.admin.oc2_url(tenant)}', api_key: {{file: {self.folder}/{tenant}.key}}}}\n"
        )
