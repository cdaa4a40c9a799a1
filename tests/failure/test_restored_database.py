"""The database is restored from a backup that holds rows which were sent afterwards.

Tripletex takes a number as often as it is sent, so nothing but the look before each request protects the books.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from bridge.contracts.identity import Flow
from bridge.devstack import sql
from bridge.devstack.endpoints import PostgresEndpoint
from bridge.runtime.checkpoints import Checkpoint
from bridge.testkit.console_cell import Ran
from bridge.testkit.service_process import ServiceProcess
from bridge.testkit.system import System
from bridge.testkit.system_invoices import invoices
from bridge.testkit.system_settings import SETTLE_SECONDS
from bridge.testkit.system_tenant import SystemTenant

if TYPE_CHECKING:
    from failure.conftest import Ambush

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVICES = ("poller", "transformer", "publisher")
BY_ANNA = ("--who", "anna", "--why", "restored from the backup")
CONFIRMED, READY, DEAD, SENDING, AFTER = (
    invoices(count, first=first) for count, first in ((4, 70_001), (3, 71_001), (1, 72_001), (3, 73_001), (2, 74_001))
)
UNKNOWN_CUSTOMER = 19_999


class Backup:
    """A copy of the module's database as the server itself makes one; nobody may be connected meanwhile."""

    def __init__(self, dsn: str, server: str) -> None:
        self._live = urlsplit(dsn).path.removeprefix("/")
        self._copy = f"{self._live}_copy"
        self._server = server

    def take(self) -> None:
        """Copy the database as it is now."""
        self._alone(self._live)
        sql.execute(self._server, f"CREATE DATABASE {self._copy} TEMPLATE {self._live}")

    def restore(self) -> None:
        """Put the copy in the place of the database."""
        self._alone(self._live)
        sql.execute(self._server, f"DROP DATABASE {self._live}")
        sql.execute(self._server, f"CREATE DATABASE {self._live} TEMPLATE {self._copy}")
        sql.execute(self._server, f"DROP DATABASE {self._copy}")

    def _alone(self, name: str) -> None:
        sql.execute(self._server, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")


async def answers(system: System) -> None:
    """Wait until the test's own connections have noticed that the server closed them."""

    async def asked() -> bool:
        return bool(await system.rows("SELECT 1 AS one"))

    await system.until(asked, "the database to answer")


async def start(system: System) -> None:
    for service in SERVICES:
        if service not in system.services or not system.services[service].running:
            system.start(service)
    await system.ready(*SERVICES)


async def leave(system: System) -> None:
    await system.leave(*(name for name in SERVICES if system.services[name].running))


async def states(system: System, tenant: SystemTenant) -> dict[str, int]:
    rows = await system.rows(
        "SELECT state, count(*) AS n FROM publisher.delivery WHERE tenant = %(t)s AND flow = 'invoices' GROUP BY state",
        t=tenant.id,
    )
    return {row.text("state"): row.number("n") for row in rows}


async def come_to(system: System, tenant: SystemTenant, **wanted: int) -> None:
    """Wait until the tenant's invoices are in these states."""

    async def there() -> bool:
        return await states(system, tenant) == wanted

    await system.until(there, f"the invoices of {tenant.id} to be {wanted}")


async def act(system: System, *command: str) -> Ran:
    ran = await system.shell.run(*command, *BY_ANNA)
    assert ran.code == 0, ran
    return ran


async def fill(system: System, waiting: SystemTenant, out: SystemTenant, ambush: Ambush) -> int:
    """Bring rows of every kind into the database, stop everything, and return the batch of the dead invoice."""
    waiting.begin(*CONFIRMED)
    dead_batch = waiting.begin(*({**row, "customerNumber": UNKNOWN_CUSTOMER} for row in DEAD))
    await come_to(system, waiting, confirmed=len(CONFIRMED), dead=len(DEAD))
    # Closed while no publisher runs: one that does hears of it a moment later.
    await system.leave("publisher")
    await act(system, "gates", "close", "flow", f"{waiting.id}/invoices")
    waiting.begin(*READY)
    await start(system)
    await come_to(system, waiting, confirmed=len(CONFIRMED), dead=len(DEAD), ready=len(READY))
    await system.leave("publisher")
    ambushed = ambush("publisher", Checkpoint.AFTER_CLAIM_COMMIT_BEFORE_REQUEST)
    out.begin(*SENDING)
    await ambushed.died()
    assert set(await states(system, out)) <= {"sending", "ready"}
    assert (await states(system, out))["sending"] > 0
    await leave(system)
    return dead_batch


async def test_a_restored_database_doubles_nothing_though_tripletex_takes_every_number_twice(
    system: System, ambush: Ambush, module_database: str, postgres: PostgresEndpoint
) -> None:
    backup = Backup(module_database, postgres.dsn)
    await start(system)
    waiting = await system.declare("waiting", flows=[Flow.INVOICES])
    out = await system.declare("out", flows=[Flow.INVOICES])
    dead_batch = await fill(system, waiting, out, ambush)
    await asyncio.to_thread(backup.take)
    await answers(system)

    # What the backup knows nothing of: everything in it is sent, the dead one corrected, and more comes.
    await start(system)
    await act(system, "gates", "open", "flow", f"{waiting.id}/invoices")
    waiting.invoices.batches.correct(dead_batch, DEAD[0])
    waiting.begin(*AFTER)
    await come_to(system, waiting, confirmed=len(CONFIRMED) + len(READY) + len(DEAD) + len(AFTER))
    await come_to(system, out, confirmed=len(SENDING))
    await system.quiet(waiting, out)
    before = (waiting.invoices.times_stored(), out.invoices.times_stored())
    await leave(system)
    await asyncio.to_thread(backup.restore)
    await answers(system)

    refused = system.start("publisher", supervised=False)
    await system.until(lambda: _ended(refused), "the publisher to end")
    assert (refused.exit_code, "bridge after-restore" in refused.last_words()) == (2, True), refused.last_words()
    posts = len(waiting.invoices.posts()) + len(out.invoices.posts())
    await act(system, "after-restore", "--settle", f"{SETTLE_SECONDS:g}")
    await start(system)
    # A gate that a person closed stays closed: the backup was made while it was.
    await act(system, "gates", "open", "flow", f"{waiting.id}/invoices")
    await system.quiet(waiting, out)
    proof = await system.proof()

    assert before == (
        Counter(row["invoiceNumber"] for rows in (CONFIRMED, READY, DEAD, AFTER) for row in rows),
        Counter(row["invoiceNumber"] for row in SENDING),
    )
    assert (waiting.invoices.times_stored(), out.invoices.times_stored()) == before
    assert len(waiting.invoices.posts()) + len(out.invoices.posts()) == posts
    assert (proof.code, proof.document["quiet"]) == (0, True), proof
    assert set(await states(system, out)) == {"confirmed"}
    assert set(await states(system, waiting)) == {"confirmed"}


async def _ended(process: ServiceProcess) -> bool:
    return not process.running
