"""The whole system as processes on real servers, for tests that kill, freeze and cut.

Owns the processes, what a test asks of the servers, and the waiting until nothing moves any more. It must not know how
a service works: it sees processes, topics, tables, the simulators and the command line.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from bridge.contracts.envelope import Envelope
from bridge.contracts.headers import decode
from bridge.contracts.identity import Flow, TenantId
from bridge.contracts.topics import TOPICS, TopicName, wire_name
from bridge.durable.database import Database
from bridge.durable.migrate import discover, migrate
from bridge.durable.row import Row
from bridge.messaging.admin import TopicAdmin
from bridge.messaging.reader import RangeReader
from bridge.runtime.errors import TransientError
from bridge.runtime.settings import KafkaSettings
from bridge.tenancy.apply import go_live
from bridge.testkit.console_cell import Ran, Shell, as_process
from bridge.testkit.databases import settings_for
from bridge.testkit.service_process import ServiceProcess
from bridge.testkit.simulators import SimulatorAdmin
from bridge.testkit.system_settings import ROLE_PASSWORD, clean_environment, service_environment
from bridge.testkit.system_tenant import SystemTenant
from bridge.testkit.tenant_files import apply_file, tenant_entry, tenant_file
from bridge.testkit.waiting import eventually

PARTITIONS: Final = 4
POLL_SECONDS: Final = 0.3
_ROLES: Final = ("bridge_poller", "bridge_publisher", "bridge_console")
_RESTART_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 0.15
"""Between two looks: the services need the processors more than the test does."""
_PATIENCE_SECONDS: Final = 90.0

_FLOWS: Final = (
    (TopicName.CUSTOMER_CHANGED, TopicName.CUSTOMER_MAPPED),
    (TopicName.INVOICE_GENERATED, TopicName.INVOICE_MAPPED),
)
_NO_FLOOR: Final = "UPDATE control.tenant SET ledger_floor = 0 WHERE tenant = %(tenant)s"
_OPEN_WORK: Final = """
SELECT (SELECT count(*) FROM poller.outbox) + (SELECT count(*) FROM publisher.outbox) AS unpublished,
       (SELECT count(*) FROM publisher.delivery
        WHERE receipt_due_at IS NOT NULL OR receipt_out_epoch IS NOT NULL OR order_due_at IS NOT NULL) AS untold,
       (SELECT count(*) FROM poller.source_entity e LEFT JOIN publisher.delivery d USING (tenant, flow, entity)
        WHERE e.change_no IS DISTINCT FROM d.change_no OR d.state IN ('ready', 'sending', 'in_doubt')) AS unsettled
"""


class System:
    """Services as processes on given servers. A supervised one that ends is started again, as a platform would.

    Args:
        owner: Looks at the database beside the services.
        dsn: The database owner's; services get the same address with their own role.
    """

    def __init__(
        self, *, owner: Database, dsn: str, kafka: KafkaSettings, simulators: SimulatorAdmin, folder: Path
    ) -> None:
        self.owner = owner
        self.dsn = dsn
        self.kafka = kafka
        self.simulators = simulators
        self.folder = folder
        self.shell = Shell(_console_environment(dsn, kafka), as_process)
        self.services: dict[str, ServiceProcess] = {}
        self.tenants: dict[str, SystemTenant] = {}
        self._entries: dict[str, dict[str, object]] = {}
        self._supervised: set[str] = set()
        self._revived_at = 0.0

    def start(
        self,
        service: str,
        *,
        name: str | None = None,
        command: Sequence[str] | None = None,
        supervised: bool = True,
        dsn: str | None = None,
        **environment: str,
    ) -> ServiceProcess:
        """Start a service under a name; a later start under the same name replaces one that has ended.

        Args:
            environment: Variables that go over the short time-outs.
            dsn: The database owner's, where this service shall see it at another address.
        """
        name = name or service
        values = service_environment(service, dsn=dsn or self.dsn, kafka=self.kafka)
        process = ServiceProcess(
            service, name=name, folder=self.folder, environment=values | environment, command=command
        )
        self.services[name] = process
        self._supervised.discard(name)
        if supervised:
            self._supervised.add(name)
        process.start()
        return process

    async def ready(self, *names: str) -> None:
        """Wait until the named services, or all, say that they are ready."""
        waited = [self.services[name] for name in names or tuple(self.services)]

        async def all_ready() -> bool:
            return all([await asyncio.to_thread(each.is_ready) for each in waited])

        await self.until(all_ready, f"{', '.join(each.name for each in waited)} to be ready")

    async def leave(self, *names: str, within: float = 60.0) -> dict[str, int]:
        """Ask services to leave by SIGTERM; return their exit codes."""
        self._supervised -= set(names)
        codes = await asyncio.gather(*(self.services[name].leave(within=within) for name in names))
        return dict(zip(names, codes, strict=True))

    def kill(self, name: str, *, for_good: bool = True) -> None:
        """End a service by SIGKILL."""
        if for_good:
            self._supervised.discard(name)
        self.services[name].kill()

    def stop_all(self) -> None:
        """End every process that is left."""
        self._supervised.clear()
        for each in self.services.values():
            each.kill()

    async def declare(
        self,
        name: str,
        *,
        live: bool = True,
        poll_interval: float = POLL_SECONDS,
        flows: Sequence[Flow] = (Flow.CUSTOMERS,),
    ) -> SystemTenant:
        """Declare a tenant with an empty company and an empty OC2, and open it.

        Its Tripletex takes a number as often as it is sent, of invoices and of orders. Nobody else wrote invoices
        there, so none is looked up before it is first sent.
        """
        tenant = TenantId(name)
        company, api_key = 6000 + len(self.tenants), f"oc2-key-of-{name}"
        secrets = {"consumer": "consumer-token", "employee": f"employee-token-{name}", "oc2": api_key}
        for kind, value in secrets.items():
            (self.folder / f"{name}-{kind}").write_text(value)
        self.simulators.put_company(
            company,
            name=name,
            consumer_token=secrets["consumer"],
            employee_token=secrets["employee"],
            uniqueInvoiceNumbers=False,
            uniqueOrderNumbers=False,
        )
        self.simulators.put_tenant(name, api_key=api_key)
        self._entries[name] = tenant_entry(
            name,
            poll_interval=poll_interval,
            tripletex={
                "base_url": self.simulators.tripletex_url,
                "company_id": company,
                "consumer_token": {"file": str(self.folder / f"{name}-consumer")},
                "employee_token": {"file": str(self.folder / f"{name}-employee")},
            },
            oc2={"base_url": self.simulators.oc2_url(name), "api_key": {"file": str(self.folder / f"{name}-oc2")}},
            flows=[flow.value for flow in flows],
        )
        await apply_file(self.owner, tenant_file(*self._entries.values(), allow_loopback=True))
        async with self.owner.transaction() as tx:
            await tx.execute(_NO_FLOOR, {"tenant": tenant})
        if live:
            await go_live(self.owner, tenant, who="test", why="begin")
        employee = self.folder / f"{name}-employee"
        self.tenants[name] = SystemTenant(tenant, company, api_key, employee, self, flows=tuple(flows))
        return self.tenants[name]

    async def rows(self, query: str, **values: object) -> list[Row]:
        """Ask the database as its owner."""
        async with self.owner.transaction() as tx:
            return await tx.all(query, values)

    async def number(self, query: str, **values: object) -> int:
        """Return the one number, named `n`, that a query gives."""
        return (await self.rows(query, **values))[0].number("n")

    def topic(self, name: TopicName) -> str:
        """Return a topic's name on the broker."""
        return wire_name(name, self.kafka.topic_prefix)

    async def envelopes(self, topic: TopicName) -> list[Envelope]:
        """Return the envelope of every record on a topic, in order per partition."""
        found: list[Envelope] = []
        async with RangeReader(self.kafka) as reader:
            for partition, end in (await reader.ends(self.topic(topic))).items():
                async for records in reader.read(partition, start=0, end=end):
                    found += [decode(record.headers) for record in records]
        return found

    async def lag(self, group: str, topic: TopicName) -> int:
        """Return how many records of a topic a group has not committed."""
        name = self.topic(topic)
        async with RangeReader(self.kafka) as reader, TopicAdmin(self.kafka) as admin:
            ends = await reader.ends(name)
            committed = await admin.group_offsets(f"{self.kafka.topic_prefix}{group}")
        return sum(end - committed.get(partition, 0) for partition, end in ends.items())

    async def until(
        self,
        condition: Callable[[], Coroutine[Any, Any, bool]],
        what: str,
        *,
        timeout: float = _PATIENCE_SECONDS,
    ) -> None:
        """Wait until a condition holds; supervised services that ended are started again meanwhile.

        A server that is away counts as not yet.
        """

        looked = float("-inf")

        async def holds() -> bool:
            nonlocal looked
            if time.monotonic() - looked < _LOOK_SECONDS:
                return False
            looked = time.monotonic()
            self._revive()
            try:
                return await condition()
            except TransientError:
                return False

        try:
            await eventually(holds, timeout, what=what)
        except AssertionError as error:
            words = "\n".join(each.last_words() for each in self.services.values())
            raise AssertionError(f"{error}\n{words}") from None

    async def quiet(self, *tenants: SystemTenant) -> None:
        """Wait until the sources are read and nothing of it is on its way: outboxes, topics, deliveries, receipts."""
        await asyncio.gather(*(tenant.read() for tenant in tenants))
        await self.until(self._is_quiet, "the system to be quiet")

    async def proof(self) -> Ran:
        """Run `bridge proof --json`."""
        return await self.shell.run("proof", "--json")

    async def _is_quiet(self) -> bool:
        work = (await self.rows(_OPEN_WORK))[0]
        if work.number("unpublished") or work.number("unsettled") or work.number("untold"):
            return False
        for raw, mapped in _FLOWS:
            if await self.lag("transformer", raw) or await self.lag("publisher", mapped):
                return False
        return True

    def _revive(self) -> None:
        if time.monotonic() - self._revived_at < _RESTART_SECONDS:
            return
        self._revived_at = time.monotonic()
        for name in self._supervised:
            self.services[name].start()


@asynccontextmanager
async def open_system(
    *, dsn: str, kafka: KafkaSettings, simulators: SimulatorAdmin, folder: Path
) -> AsyncIterator[System]:
    """Migrate a fresh database, make the topics, and give a system without services; those left are killed."""
    await migrate(SecretStr(dsn), discover(), role_passwords=dict.fromkeys(_ROLES, ROLE_PASSWORD))
    async with AsyncExitStack() as stack:
        async with TopicAdmin(kafka) as admin:
            specs = [replace(spec, partitions=PARTITIONS) for spec in TOPICS]
            await admin.apply(specs, prefix=kafka.topic_prefix, replication=1)
        owner = await stack.enter_async_context(Database(settings_for(dsn), application_name="test"))
        system = System(owner=owner, dsn=dsn, kafka=kafka, simulators=simulators, folder=folder)
        stack.callback(system.stop_all)
        yield system


def _console_environment(dsn: str, kafka: KafkaSettings) -> dict[str, str]:
    return {
        **clean_environment(),
        "DATABASE_URL": dsn,
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "CONSOLE_KAFKA__TOPIC_PREFIX": kafka.topic_prefix,
        "BRIDGE_ALLOW_LOOPBACK": "1",
    }
