"""One started system per module, ambushes at the named points, and the verdict by the simulators and `bridge proof`."""

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bridge.contracts.identity import Flow
from bridge.demo.billing import ACTIVE_VAT_CODES
from bridge.demo.counts import Seen, Told, disagreements, faults
from bridge.demo.evidence import InvoiceEvidence
from bridge.demo.invoice_expectation import Known
from bridge.demo.invoice_judge import see_invoices
from bridge.demo.judge import see
from bridge.devstack import sql
from bridge.devstack.endpoints import KafkaEndpoint, PostgresEndpoint
from bridge.runtime.checkpoints import Checkpoint
from bridge.runtime.settings import KafkaSettings
from bridge.testkit.console_cell import Launch
from bridge.testkit.service_process import ServiceProcess
from bridge.testkit.simulator_answers import Json, JsonObject, as_object, as_rows, integer, text
from bridge.testkit.simulators import SimulatorAdmin, SimulatorProcess
from bridge.testkit.system import System, open_system
from bridge.testkit.system_invoices import invoices
from bridge.testkit.system_settings import LEASE_SECONDS, SETTLE_SECONDS
from bridge.testkit.system_tenant import SystemTenant
from bridge.testkit.waiting import eventually

DOCUMENTS = Path(__file__).parents[1] / "contract" / "documents"
CRASHING = Path(__file__).with_name("crashing.py")
DEATH_SECONDS = 90.0
TEST_SECONDS = 400.0
_EVERY = 7
_BILL_EVERY = 2
_BILLED = 3
_FIRST_BILL = 80_001
_EDIT_SECONDS = 0.2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let no clock but that of each condition end a test of this folder, however busy the machine is."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))


@pytest.fixture(scope="module")
def simulators() -> Iterator[SimulatorAdmin]:
    """The simulators, which check every request of this module against the contract documents."""
    with SimulatorProcess(documents=DOCUMENTS) as process:
        yield process.admin
        assert process.admin.violations() == []


@pytest.fixture(scope="module")
def module_database(postgres: PostgresEndpoint) -> Iterator[str]:
    """The superuser's DSN of a fresh database for this module."""
    name = f"failure_{uuid.uuid4().hex}"
    yield sql.create_database(postgres.dsn, name)
    sql.drop_database(postgres.dsn, name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    module_database: str,
    kafka: KafkaEndpoint,
    module_topic_prefix: str,
    simulators: SimulatorAdmin,
    in_process: Launch,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[System]:
    """The module's system on the session's servers, no service started yet."""
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers, topic_prefix=module_topic_prefix)
    folder = tmp_path_factory.mktemp("system")
    async with open_system(dsn=module_database, kafka=settings, simulators=simulators, folder=folder) as opened:
        opened.shell.launch = in_process
        yield opened


@dataclass(frozen=True, slots=True)
class Ambushed:
    """A service that will be killed, or frozen, at a point; `marker` holds the ids it had there."""

    process: ServiceProcess
    marker: Path

    async def died(self) -> dict[str, object]:
        """Wait for its death by SIGKILL at the point and return the ids."""
        await eventually(lambda: not self.process.running, DEATH_SECONDS, what=f"the death of {self.process.name}")
        assert self.process.exit_code == -9, self.process.last_words()
        return self._ids()

    async def froze(self) -> dict[str, object]:
        """Wait until it has frozen at the point and return the ids."""
        await eventually(self._frozen, DEATH_SECONDS, what=f"{self.process.name} to be frozen")
        return self._ids()

    def _frozen(self) -> bool:
        return self.marker.exists() and self.process.is_frozen()

    def _ids(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.marker.read_text())
        return found


UnderLoad = Callable[..., AbstractAsyncContextManager[None]]


@pytest.fixture
def under_load() -> UnderLoad:
    """Inside the block the tenant's customers are edited without end, a few at a time.

    If it has invoices too, OC2 bills without end, and Tripletex answers some time after the effect, so that one is
    always on its way.
    """

    @asynccontextmanager
    async def edit_without_end(tenant: SystemTenant) -> AsyncIterator[None]:
        over = asyncio.Event()
        slow = f"slow-{tenant.id}"
        if Flow.INVOICES in tenant.flows:
            tenant.system.simulators.add_fault(
                slow, system="tripletex", kind="effect_after", scope=str(tenant.company), method="POST",
                path="^/invoice$", seconds=0, answerSeconds=0.3,
            )  # fmt: skip
        editing = asyncio.create_task(_edit(tenant, over))
        try:
            yield
        finally:
            over.set()
            await editing
            if Flow.INVOICES in tenant.flows:
                tenant.system.simulators.remove_fault(slow)

    return edit_without_end


async def _edit(tenant: SystemTenant, over: asyncio.Event) -> None:
    numbers = sorted(tenant.ids)
    for turn in count():
        await asyncio.to_thread(tenant.edit, *numbers[turn % _EVERY :: _EVERY])
        if Flow.INVOICES in tenant.flows and turn % _BILL_EVERY == 0:
            await asyncio.to_thread(tenant.begin, *invoices(_BILLED, first=_FIRST_BILL + _BILLED * turn))
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), _EDIT_SECONDS)
            return


Ambush = Callable[..., Ambushed]


@pytest.fixture
def ambush(system: System, tmp_path: Path) -> Ambush:
    """Start a service that ends at a point; under its own name, so that it must not run."""

    def start(
        service: str, point: Checkpoint, *, name: str | None = None, signal: str = "KILL", **environment: str
    ) -> Ambushed:
        marker = tmp_path / f"{service}-{point.value}"
        command = [sys.executable, str(CRASHING), service, point.value, str(marker), signal]
        process = system.start(service, name=name, command=command, supervised=False, **environment)
        return Ambushed(process, marker)

    return start


Condition = Callable[[], Coroutine[Any, Any, bool]]
Outlasted = Callable[[], Coroutine[Any, Any, Condition]]


@pytest.fixture
def outlasted(system: System) -> Outlasted:
    """Begin to count at the call; the condition then tells whether lease and settle are over, by the database."""

    async def seconds() -> float:
        return (await system.rows("SELECT extract(epoch FROM clock_timestamp())::float8 AS s"))[0].decimal("s")

    async def begin() -> Condition:
        begun = await seconds()

        async def over() -> bool:
            return await seconds() - begun > LEASE_SECONDS + SETTLE_SECONDS

        return over

    return begin


Awake = Callable[[Ambushed], Coroutine[Any, Any, None]]


@pytest.fixture
def awake(system: System) -> Awake:
    """Wait until a thawed process holds shards again: by then it has been past what it was frozen at."""

    async def wait(frozen: Ambushed) -> None:
        async def holds() -> bool:
            query = (
                "SELECT count(*) AS n FROM publisher.lease WHERE owner LIKE %(owner)s AND expires_at > now()"
                " AND name LIKE 'shard/%%'"
            )
            return await system.number(query, owner=f"%:{frozen.process.pid}:%") > 0

        await system.until(holds, "the thawed publisher to hold shards again")

    return wait


AllIsWell = Callable[..., Coroutine[Any, Any, None]]


@pytest.fixture
def all_is_well(system: System) -> AllIsWell:
    """The verdict on tenants of this module's system, see `assert_all_is_well`."""
    return partial(assert_all_is_well, system)


async def assert_all_is_well(system: System, *tenants: SystemTenant, counted: bool = True) -> None:
    """Wait until nothing moves; then nothing is lost, doubled or out of order, and `bridge proof` says the same.

    Every batch has ended as TRANSFERRED, unless one of its invoices is dead.

    Args:
        counted: Whether each edit was read before the next: several edits between two polls are one change.
    """
    await system.quiet(*tenants)
    ran = await system.proof()

    assert ran.code == 0, ran
    assert ran.document["quiet"] is True
    told = {(text(row, "tenant"), text(row, "flow")): row for row in as_rows(_json(ran.out).get("flows"))}
    for tenant in tenants:
        for flow in tenant.flows:
            seen = _SEE[flow](system, tenant)
            assert faults(seen) == ()
            said = _told(told[tenant.id, flow.value])
            if not counted:
                said = replace(said, changes=seen.changes, superseded=seen.superseded)
            assert disagreements(seen, said) == ()


def _see_customers(system: System, tenant: SystemTenant) -> Seen:
    history, ledger = system.simulators.history(tenant.company), system.simulators.ledger(tenant.id)
    seen = see(tenant.id, history, ledger, tenant.listed_by_oc2())
    assert seen.confirmed == len(tenant.ids) - sum(seen.dead.values())
    return seen


def _see_invoices(system: System, tenant: SystemTenant) -> Seen:
    books, batches = tenant.invoices.books, tenant.invoices.batches
    seen = see_invoices(
        InvoiceEvidence(
            tenant=tenant.id,
            history=batches.history(),
            known=Known(frozenset(tenant.ids), ACTIVE_VAT_CODES),
            invoices=books.invoices(),
            orders=books.orders(),
            receipts=batches.receipts(),
            first_posts=tenant.invoices.first_posts(),
        )
    )
    assert seen.dead or {batch.state for batch in batches.all()} <= {"TRANSFERRED"}
    return seen


_SEE: Mapping[Flow, Callable[[System, SystemTenant], Seen]] = {
    Flow.CUSTOMERS: _see_customers,
    Flow.INVOICES: _see_invoices,
}


def _json(document: str) -> JsonObject:
    return as_object(json.loads(document))


def _told(row: JsonObject) -> Told:
    return Told(
        tenant=text(row, "tenant"),
        flow=text(row, "flow"),
        changes=integer(row, "changes"),
        confirmed=integer(row, "confirmed"),
        superseded=integer(row, "superseded"),
        waiting=integer(row, "in_flight") + integer(row, "waiting"),
        in_doubt=integer(row, "in_doubt"),
        dead=_counts(row["dead_by_reason"]),
        discarded=integer(row, "discarded"),
        with_letter=_counts(row["confirmed_with_letter"]),
        receipts_missing=integer(row, "receipts_outstanding"),
    )


def _counts(document: Json) -> Mapping[str, int]:
    reasons = as_object(document)
    return {reason: integer(reasons, reason) for reason in reasons}
