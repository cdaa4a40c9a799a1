"""`bridge doctor`: every precondition with its remedy, against real servers and the simulated systems."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.devstack.ports import free_ports
from bridge.testkit.console_cell import ConsoleCell, Ran
from bridge.testkit.simulators import SimulatorProcess

DOCUMENTS = Path(__file__).parents[2] / "contract" / "documents"
ALL = ["database", "migrations", "broker and topics", "tenant", "secrets", "Tripletex", "OC2", "invoicing", "gates"]


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(documents=DOCUMENTS) as process:
        yield process


@pytest.fixture
async def healthy(cell: ConsoleCell, simulator: SimulatorProcess) -> ConsoleCell:
    """A cell with one tenant that lacks nothing."""
    admin = simulator.admin
    admin.reset()
    cell.write_secrets()
    company = {"name": "Acme", "consumer_token": "secret-consumer-4711", "employee_token": "secret-employee-4711"}
    admin.put_company(7, **company)
    admin.put_tenant("acme", api_key="secret-key-4711")
    entry = cell.entry(
        "acme",
        tripletex=f"{{base_url: '{admin.tripletex_url}', company_id: 7,"
        f" consumer_token: {{file: {cell.folder}/consumer}}, employee_token: {{file: {cell.folder}/employee}}}}",
        oc2=f"{{base_url: '{admin.oc2_url('acme')}', api_key: {{file: {cell.folder}/key}}}}",
    )
    await cell.shell.ok("topics", "apply")
    await cell.shell.ok("tenants", "apply", cell.write_file(entry), "--who", "anna", "--why", "begin")
    await cell.shell.ok("tenants", "go-live", "acme", "--who", "anna", "--why", "begin")
    return cell


def bad(ran: Ran) -> dict[str, str]:
    """Return what each failing check found, with its remedy; every check must have run."""
    checks = ran.document["checks"]
    assert isinstance(checks, list)
    assert [check["check"] for check in checks] == ALL
    return {check["check"]: f"{check['found']} {check['remedy'] or ''}" for check in checks if not check["good"]}


async def examine(cell: ConsoleCell, tenant: str = "acme") -> Ran:
    return await cell.shell.run("doctor", "--tenant", tenant, "--json")


async def test_a_tenant_that_lacks_nothing_is_healthy_and_no_secret_is_shown(healthy: ConsoleCell) -> None:
    ran = await examine(healthy)
    plain = await healthy.shell.ok("doctor", "--tenant", "acme")

    assert (ran.code, bad(ran)) == (0, {})
    assert "company 7" in plain.out
    assert "4711" not in ran.out + plain.out + ran.err


async def test_each_thing_that_is_wrong_is_named_with_its_remedy(healthy: ConsoleCell) -> None:
    (healthy.folder / "key").write_text("a-wrong-key-0815")
    (healthy.folder / "employee").unlink()
    await healthy.shell.ok("gates", "close", "flow", "acme/customers", "--who", "anna", "--why", "look")
    await healthy.write("DELETE FROM migrations.applied WHERE schema = 'publisher'")
    (port,) = free_ports(1)
    healthy.shell.environ["KAFKA_BOOTSTRAP_SERVERS"] = f"127.0.0.1:{port}"

    ran = await examine(healthy)
    found = bad(ran)

    assert ran.code == 1
    assert set(found) == set(ALL) - {"database", "tenant", "invoicing"}
    assert "bridge migrate" in found["migrations"]
    assert f"127.0.0.1:{port}" in found["broker and topics"]
    assert f"{healthy.folder}/employee" in found["secrets"]
    assert f"{healthy.folder}/employee" in found["Tripletex"]
    assert "key is refused" in found["OC2"]
    assert "flow acme/customers is closed" in found["gates"]
    assert "0815" not in ran.out


async def test_a_wrong_company_is_told_before_anything_is_read(healthy: ConsoleCell) -> None:
    await healthy.write(
        "UPDATE control.tenant SET spec = jsonb_set(spec, '{tripletex,company_id}', '8') WHERE tenant = 'acme'"
    )

    found = bad(await examine(healthy))

    assert set(found) == {"Tripletex"}
    assert "8" in found["Tripletex"]


async def test_without_a_database_the_broker_is_still_looked_at(healthy: ConsoleCell) -> None:
    (port,) = free_ports(1)
    healthy.shell.environ["DATABASE_URL"] = f"postgresql://owner:hunter2hunter2@127.0.0.1:{port}/bridge"

    ran = await examine(healthy)
    found = bad(ran)

    assert ran.code == 1
    assert "broker and topics" not in found
    assert f"127.0.0.1:{port}" in found["database"]
    assert "hunter2" not in ran.out


async def test_a_tenant_that_is_not_declared_is_told_so(healthy: ConsoleCell) -> None:
    ran = await examine(healthy, "acne")

    assert ran.code == 1
    assert "no tenant acne" in bad(ran)["tenant"]
    assert "bridge tenants apply" in bad(ran)["tenant"]


@pytest.fixture
async def invoicing(healthy: ConsoleCell) -> ConsoleCell:
    """The healthy tenant, with invoices carried too."""
    await healthy.write("UPDATE control.tenant SET spec = jsonb_set(spec, '{flows}', '[\"customers\", \"invoices\"]')")
    return healthy


async def test_what_invoices_need_is_looked_at_and_told(invoicing: ConsoleCell) -> None:
    plain = await invoicing.shell.ok("doctor", "--tenant", "acme")

    said = " ".join(plain.out.split())
    for part in ("bank account for invoices is set", "codes for sales in use:", "Every new invoice is"):
        assert part in said


async def test_a_company_without_bank_account_is_told_what_to_do(
    invoicing: ConsoleCell, simulator: SimulatorProcess
) -> None:
    simulator.admin.books(7).set_bank_account(None)

    found = bad(await examine(invoicing))

    assert set(found) == {"invoicing"}
    assert "Enter the bank account number at Tripletex" in found["invoicing"]


async def test_a22_a_company_that_rounds_to_whole_kroner_is_warned_of_and_stays_healthy(invoicing: ConsoleCell) -> None:
    await invoicing.delivered("acme", "10434", "confirmed", flow="invoices", columns={"amount_note": "roundoff 0.37"})

    ran = await examine(invoicing)

    assert (ran.code, bad(ran)) == (0, {})
    assert "rounded 1 invoices to whole kroner" in ran.out
