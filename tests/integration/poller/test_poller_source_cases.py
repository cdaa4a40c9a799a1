"""What people met at Tripletex itself: totals that change their meaning, tokens of every form."""

import pytest

from bridge.testkit.simulator_answers import JsonObject, LoggedRequest
from bridge.testkit.source_cell import SourceCell, SourceTenant
from bridge.testkit.waiting import eventually

PAGE_ROWS = 100
SIZE = 2 * PAGE_ROWS + 35
POLL = {"page_rows": PAGE_ROWS, "crawl_every_seconds": 3600.0}

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("poller")]


def lists(cell: SourceCell, tenant: SourceTenant) -> list[LoggedRequest]:
    """Return every list of customers that the tenant's company was asked for."""
    return [r for r in cell.simulators.requests() if r.scope == str(tenant.company) and r.path.endswith("/customer")]


# T01 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "then"),
    [("true_total", "plus_one"), ("plus_one", "zero"), ("zero", "true_total"), ("true_total", "zero")],
)
async def test_a_total_that_changes_its_meaning_between_two_pages_hides_no_customer(
    cell: SourceCell, first: str, then: str
) -> None:
    name = f"{first}-{then}".replace("_", "-")
    tenant = await cell.declare(name, paused=True, fullResultMode=first)
    rows: list[JsonObject] = [{"customerNumber": 10000 + i, "name": f"Kunde {i}"} for i in range(SIZE)]
    tenant.write(*rows)
    cell.simulators.add_fault(
        name, system="tripletex", kind="latency", seconds=1.0, scope=str(tenant.company), path="/customer$", after=1
    )
    await cell.declare(name)
    await eventually(lambda: len(lists(cell, tenant)) == 2, 60, what="the second page to be asked for")
    secret = tenant.secret.read_text()
    cell.simulators.put_company(
        tenant.company,
        name=name,
        consumer_token="consumer-token",
        employee_token=secret,
        fullResultMode=then,
    )
    asked = lists(cell, tenant)
    assert [request.status for request in asked] == [200, None]
    await tenant.hear(SIZE)
    await tenant.act("resync")
    await tenant.hear(2 * SIZE)
    cell.simulators.clear_faults()

    said = await tenant.said()
    assert {word for _, word in said} == {"changed"}
    assert len(set(said)) == SIZE
    assert await cell.sums_match(tenant.id)


# T09 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrapped", ["{}\n", "\ufeff{}\r\n"], ids=["line end", "mark and carriage return"])
@pytest.mark.parametrize("style", ["letters", "test_prefix", "base64", "long", "colon"])
async def test_a_session_token_of_any_form_reads_and_a_secret_file_of_any_editor_logs_in(
    cell: SourceCell, style: str, wrapped: str
) -> None:
    name = f"token-{style.replace('_', '-')}-{len(wrapped)}"
    tenant = await cell.declare(name, paused=True, sessionStyle=style)
    tenant.secret.write_bytes(wrapped.format(tenant.secret.read_text()).encode())
    await cell.declare(name)

    tenant.write({"customerNumber": 10001, "name": "Fjord"})
    await tenant.hear(1)

    assert await tenant.gate() is None
    assert cell.simulators.sessions_created(tenant.company) == 1


async def test_a_token_of_blanks_closes_the_gate_in_words_that_name_tenant_and_file_alone(cell: SourceCell) -> None:
    tenant = await cell.declare("blank-token", paused=True)
    tenant.secret.write_bytes("\ufeff \t\r\n".encode())
    await cell.declare("blank-token")

    await tenant.gated("secret_missing")

    (row,) = await cell.rows("SELECT why FROM control.gate WHERE tenant = 'blank-token' AND reason = 'secret_missing'")
    assert "blank-token" in row.text("why")
    assert str(tenant.secret) in row.text("why")
    assert not [r for r in cell.simulators.requests() if r.scope == str(tenant.company)]
