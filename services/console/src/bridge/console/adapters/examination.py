"""What the doctor looks at: database, migrations, broker, topics, the tenant, its secrets, its two systems, its gates.

Each check stands alone: one that needs what an earlier one did not find says so and stops nobody else.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from bridge.console.adapters.invoicing import look_at_invoicing
from bridge.console.adapters.opening import open_database, open_topics
from bridge.console.adapters.postgres_overview import PostgresOverview
from bridge.console.application.doctor import Check, UnhealthyError
from bridge.console.settings import AddressSettings, BrokerSettings
from bridge.contracts.identity import Flow, TenantId
from bridge.contracts.reasons import REASONS
from bridge.contracts.topics import TOPICS
from bridge.durable.database import Database
from bridge.durable.migrate import discover, missing
from bridge.oc2.access import Oc2Tenant
from bridge.oc2.client import Oc2Client
from bridge.remote.httpx_port import HttpxPort
from bridge.runtime.clock import SystemClock
from bridge.runtime.settings import load
from bridge.tenancy import secrets
from bridge.tenancy.apply import current_tenants
from bridge.tenancy.gates import Gate, GateKey
from bridge.tenancy.secrets import SecretMissingError, SecretRef
from bridge.tenancy.tenant import Tenant
from bridge.tripletex.access import Tokens, TripletexTenant
from bridge.tripletex.client import TripletexClient

_PROBE_DAYS: Final = 0
"""The payment terms of 0 days: the smallest answer that OC2 gives."""


class Examination:
    """One tenant's checks over one set of connections."""

    def __init__(self, tenant: TenantId, port: HttpxPort, stack: AsyncExitStack) -> None:
        self._id = tenant
        self._port = port
        self._stack = stack
        self._db: Database | None = None

    def checks(self) -> Sequence[Check]:
        """Return the checks in the order in which a cell is set up."""
        return (
            Check("database", self._database),
            Check("migrations", self._migrations),
            Check("broker and topics", self._topics),
            Check("tenant", self._tenant_stands),
            Check("secrets", self._secrets),
            Check("Tripletex", self._tripletex),
            Check("OC2", self._oc2),
            Check("invoicing", self._invoicing),
            Check("gates", self._gates),
        )

    async def _database(self) -> str:
        self._db = await self._stack.enter_async_context(open_database())
        return "The database answers."

    async def _migrations(self) -> str:
        lacking = await missing(self._opened(), discover())
        if lacking:
            raise UnhealthyError(f"The database lacks {', '.join(lacking)}.", remedy="Run 'bridge migrate'.")
        return "The database is at this release's head."

    async def _topics(self) -> str:
        settings = load(BrokerSettings)
        async with open_topics(settings) as admin:
            changes = await admin.apply(
                TOPICS,
                prefix=settings.kafka.topic_prefix,
                replication=settings.topics.replication,
                min_insync=settings.topics.min_insync,
                dry_run=True,
            )
        if changes:
            differing = "; ".join(f"{change.topic}: {change.detail}" for change in changes)
            raise UnhealthyError(f"Topics are not as declared: {differing}.", remedy="Run 'bridge topics apply'.")
        return f"The broker answers; all {len(TOPICS)} topics are as declared."

    async def _tenant_stands(self) -> str:
        tenant = await self._tenant()
        if tenant.removed:
            raise UnhealthyError("The tenant was removed.", remedy="Put it back into the tenant file and apply that.")
        if tenant.paused:
            raise UnhealthyError("The tenant is paused.", remedy="Set 'paused: false' in the tenant file and apply it.")
        return f"{tenant.name} is declared, polled every {tenant.spec.poll_interval:g} s."

    async def _secrets(self) -> str:
        tenant = await self._tenant()
        problems = [problem for ref in _refs(tenant) if (problem := _problem(ref, tenant.id)) is not None]
        if problems:
            raise UnhealthyError(" ".join(problems))
        return "All three secrets can be read here."

    async def _tripletex(self) -> str:
        tenant = await self._tenant()
        client, access = TripletexClient(self._port, SystemClock()), _tripletex_access(tenant)
        await client.check_access(access)
        await client.list_customers(access, inactive=False, offset=0, count=1)
        return f"Signed in to company {access.company_id}; its customers can be read."

    async def _oc2(self) -> str:
        tenant = await self._tenant()
        spec = tenant.spec.oc2
        access = Oc2Tenant(tenant.id, spec.base_url, lambda: secrets.read(spec.api_key, tenant=tenant.id))
        await Oc2Client(self._port).list_payment_terms(access, _PROBE_DAYS)
        return "OC2 accepts the key."

    async def _invoicing(self) -> str:
        tenant = await self._tenant()
        if Flow.INVOICES not in tenant.spec.flows:
            return "Invoices are not carried for this tenant."
        client = TripletexClient(self._port, SystemClock())
        return await look_at_invoicing(client, _tripletex_access(tenant), tenant, self._opened())

    async def _gates(self) -> str:
        tenant = await self._tenant()
        closed = [gate for gate in await PostgresOverview(self._opened()).gates() if _concerns(gate, tenant)]
        if closed:
            said = "; ".join(f"{gate.key} is closed: {gate.reason.value}" for gate in closed)
            remedies = dict.fromkeys(REASONS[gate.reason].remedy for gate in closed)
            raise UnhealthyError(f"{said}.", remedy=" ".join(remedies))
        return "Every gate is open."

    async def _tenant(self) -> Tenant:
        found = (await current_tenants(self._opened())).get(self._id)
        if found is None:
            raise UnhealthyError(
                f"There is no tenant {self._id} here.",
                remedy="Add it to the tenant file and run 'bridge tenants apply'.",
            )
        if not isinstance(found, Tenant):
            raise UnhealthyError(f"Tenant {self._id}: {found.problem}.", remedy="Apply the tenant file again.")
        return found

    def _opened(self) -> Database:
        if self._db is None:
            raise UnhealthyError("Not looked at, since the database cannot be used.")
        return self._db


@asynccontextmanager
async def examination(tenant: TenantId) -> AsyncIterator[Sequence[Check]]:
    """Open what the checks share, and close everything they opened."""
    loopback = load(AddressSettings).allow_loopback
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(HttpxPort(SystemClock(), allow_private_addresses=loopback))
        yield Examination(tenant, port, stack).checks()


def _refs(tenant: Tenant) -> tuple[SecretRef, ...]:
    spec = tenant.spec
    return (spec.tripletex.consumer_token, spec.tripletex.employee_token, spec.oc2.api_key)


def _problem(ref: SecretRef, tenant: TenantId) -> str | None:
    try:
        secrets.read(ref, tenant=tenant)
    except SecretMissingError as error:
        return str(error)
    return None


def _tripletex_access(tenant: Tenant) -> TripletexTenant:
    spec = tenant.spec.tripletex

    def read_tokens() -> Tokens:
        return Tokens(
            consumer=secrets.read(spec.consumer_token, tenant=tenant.id),
            employee=secrets.read(spec.employee_token, tenant=tenant.id),
        )

    return TripletexTenant(tenant.id, spec.base_url, spec.company_id, read_tokens)


def _concerns(gate: Gate, tenant: Tenant) -> bool:
    hosts = (GateKey.host(tenant.spec.tripletex.host), GateKey.host(tenant.spec.oc2.host))
    return gate.key.tenant == tenant.id or gate.key in hosts
