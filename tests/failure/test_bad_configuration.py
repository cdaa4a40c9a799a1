"""What cannot work ends in one sentence before anything is changed; in a running system it stops one tenant alone."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
import yaml

from bridge.devstack.ports import free_ports
from bridge.testkit.console_cell import Ran
from bridge.testkit.system import System
from bridge.testkit.system_settings import service_environment
from bridge.testkit.system_tenant import SystemTenant, customers
from bridge.testkit.tenant_files import tenant_entry

if TYPE_CHECKING:
    from failure.conftest import AllIsWell

pytestmark = pytest.mark.asyncio(loop_scope="module")

MISCONFIGURED = 2
START_SECONDS = 90.0
SERVICES = ("poller", "transformer", "publisher")
CONNECTED = ("poller", "publisher")


async def start(system: System, service: str, **wrong: str) -> Ran:
    """Run a service with wrong settings to its end."""
    environment = service_environment(service, dsn=system.dsn, kafka=system.kafka)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"bridge.{service}",
        env=environment | {f"{service.upper()}_{name}": value for name, value in wrong.items()},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, complaint = await asyncio.wait_for(process.communicate(), START_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Ran(process.returncode or 0, "", complaint.decode())


async def untouched(system: System) -> bool:
    """Tell whether no lease was ever taken and no tenant is there."""
    taken = "SELECT (SELECT count(*) FROM poller.lease) + (SELECT count(*) FROM publisher.lease) AS n"
    return await system.number(taken) == 0


@pytest.mark.parametrize("service", SERVICES)
async def test_a_broker_that_cannot_be_reached_ends_the_start_in_one_sentence(system: System, service: str) -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}"

    ran = await start(system, service, KAFKA__BOOTSTRAP_SERVERS=address)

    assert ran.code == MISCONFIGURED
    assert address in ran.sentence
    assert await untouched(system)


@pytest.mark.parametrize("service", CONNECTED)
async def test_a_wrong_database_url_ends_the_start_in_one_sentence_without_its_password(
    system: System, service: str
) -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}/bridge"

    ran = await start(system, service, POSTGRES__DSN=f"postgresql://bridge:hunter2hunter2@{address}")

    assert ran.code == MISCONFIGURED
    assert address in ran.sentence
    assert "hunter2" not in ran.sentence
    assert await untouched(system)


async def test_a_settle_time_below_twice_the_longest_call_ends_the_start_in_one_sentence(system: System) -> None:
    call = {"HTTP__CONNECT_SECONDS": "1", "HTTP__READ_SECONDS": "1", "HTTP__TOTAL_SECONDS": "1"}

    ran = await start(system, "publisher", DELIVERY__SETTLE_SECONDS="1.9", **call)

    assert ran.code == MISCONFIGURED
    assert "PUBLISHER_DELIVERY__SETTLE_SECONDS (1.9)" in ran.sentence
    assert "PUBLISHER_HTTP__TOTAL_SECONDS (1)" in ran.sentence
    assert await untouched(system)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        pytest.param({"colour": "red"}, "tenants[0].colour", id="unknown-key"),
        pytest.param(
            {"oc2": {"base_url": "http://127.0.0.1:9/api", "api_key": {"env": "NO_SUCH_KEY"}}},
            "NO_SUCH_KEY",
            id="missing-secret",
        ),
    ],
)
async def test_a_tenant_file_that_cannot_work_is_refused_whole(
    system: System, tmp_path: Path, wrong: dict[str, object], named: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a secret that is there")
    good: dict[str, object] = {
        "tripletex": {
            "base_url": system.simulators.tripletex_url,
            "company_id": 1,
            "consumer_token": {"file": str(secret)},
            "employee_token": {"file": str(secret)},
        },
        "oc2": {"base_url": system.simulators.oc2_url("new"), "api_key": {"file": str(secret)}},
    }
    file = tmp_path / "tenants.yaml"
    file.write_text(yaml.safe_dump({"tenants": [tenant_entry("bad", **good | wrong), tenant_entry("good", **good)]}))

    ran = await system.shell.run("tenants", "apply", str(file), "--who", "anna", "--why", "try")

    assert ran.code == MISCONFIGURED
    assert named in ran.sentence
    assert await system.number("SELECT count(*) AS n FROM control.tenant") == 0


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def neighbours(system: System) -> tuple[SystemTenant, SystemTenant]:
    """Two tenants at work: one for the harm, one beside it."""
    for service in SERVICES:
        system.start(service)
    await system.ready()
    harmed, other = await system.declare("harmed"), await system.declare("beside")
    for tenant in (harmed, other):
        tenant.write(*customers(5))
        await tenant.settled(confirmed=5)
    return harmed, other


def lose_token(harmed: SystemTenant, _: SystemTenant) -> None:
    """Take the secret's file away."""
    harmed.employee.unlink()


def wrong_token(harmed: SystemTenant, _: SystemTenant) -> None:
    """Put a token there that nobody gave out."""
    harmed.employee.write_text("no-token-at-all")


def token_of_the_neighbour(harmed: SystemTenant, other: SystemTenant) -> None:
    """Put the other company's token there."""
    harmed.employee.write_text(other.employee.read_text())


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        pytest.param(lose_token, "secret_missing", id="missing-secret"),
        pytest.param(wrong_token, "credentials_refused", id="wrong-secret"),
        pytest.param(token_of_the_neighbour, "wrong_company", id="wrong-company"),
    ],
)
async def test_one_tenants_bad_credentials_close_its_gate_and_no_other(
    system: System,
    neighbours: tuple[SystemTenant, SystemTenant],
    all_is_well: AllIsWell,
    harm: Callable[[SystemTenant, SystemTenant], None],
    reason: str,
) -> None:
    harmed, other = neighbours
    token, before = harmed.employee.read_text(), name_at_oc2(harmed)
    try:
        harm(harmed, other)
        system.simulators.expire_sessions(harmed.company)
        await system.until(lambda: _closed_for(system, reason), f"a gate to close for {reason}")
        examined = await system.shell.run("doctor", "--tenant", harmed.id, "--json")

        harmed.edit(10_001)
        other.edit(10_001)
        await other.arrived()

        gates = await system.rows("SELECT tenant, reason FROM control.gate")
        assert [(gate.text("tenant"), gate.text("reason")) for gate in gates] == [(harmed.id, reason)]
        assert name_at_oc2(harmed) == before
    finally:
        harmed.employee.write_text(token)
    assert examined.code == 1
    assert token not in examined.out
    await all_is_well(harmed, other)
    assert await system.number("SELECT count(*) AS n FROM control.gate") == 0


def name_at_oc2(tenant: SystemTenant) -> object:
    """Return the name that its OC2 has for the customer that is edited."""
    return tenant.system.simulators.ledger(tenant.id).customers[10_001].get("name")


async def _closed_for(system: System, reason: str) -> bool:
    return await system.number("SELECT count(*) AS n FROM control.gate WHERE reason = %(r)s", r=reason) == 1
