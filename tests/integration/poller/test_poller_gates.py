"""A tenant that may not be read closes its own gate, waits, and is probed; no other tenant feels it."""

import pytest

from bridge.testkit.source_cell import SourceCell, SourceTenant

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("poller")]


async def told_once(tenant: SourceTenant) -> int:
    """Give the tenant a customer, wait until it is told, and return its id."""
    (customer,) = tenant.write({"customerNumber": 10001, "name": "Fjord"})
    await tenant.hear(1)
    return customer


async def test_a_revoked_key_costs_few_log_ins_and_a_new_secret_resumes_without_a_restart(cell: SourceCell) -> None:
    tenant, neighbour = await cell.declare("revoked"), await cell.declare("revoked-neighbour")
    customer, other = await told_once(tenant), await told_once(neighbour)

    cell.simulators.revoke_token(tenant.company)
    tenant.write({"id": customer, "name": "Endret mens nøkkelen manglet"})
    await tenant.gated("credentials_refused")
    since = len(cell.simulators.requests())
    neighbour.write({"id": other, "name": "Nabo"})
    await neighbour.hear(2)
    await neighbour.polls(3)
    log_ins = [
        request
        for request in cell.simulators.requests()[since:]
        if request.path.endswith("/:create") and request.status == 422
    ]
    assert len(log_ins) <= 8
    assert len(await tenant.said()) == 1

    tenant.secret.write_text(cell.simulators.new_token(tenant.company))
    await tenant.hear(2)

    assert await tenant.gate() is None


async def test_an_expired_session_is_renewed_once_and_no_gate_closes(cell: SourceCell) -> None:
    tenant = await cell.declare("expired")
    customer = await told_once(tenant)
    before = cell.simulators.sessions_created(tenant.company)

    cell.simulators.expire_sessions(tenant.company)
    tenant.write({"id": customer, "name": "Endret"})
    await tenant.hear(2)

    assert cell.simulators.sessions_created(tenant.company) == before + 1
    assert await tenant.gate() is None


async def test_a_missing_secret_closes_the_gate_and_a_provided_one_opens_it(cell: SourceCell) -> None:
    tenant = await cell.declare("secretless")
    token = tenant.secret.read_text()
    tenant.secret.write_text("")
    tenant.write({"customerNumber": 10001, "name": "Fjord"})
    cell.simulators.expire_sessions(tenant.company)
    await tenant.gated("secret_missing")

    tenant.secret.write_text(token)
    await tenant.hear(1)

    assert await tenant.gate() is None


async def test_the_tokens_of_another_company_read_nothing(cell: SourceCell) -> None:
    tenant, stranger = await cell.declare("pinned"), await cell.declare("stranger")
    await told_once(stranger)
    tenant.secret.write_text(stranger.secret.read_text())
    cell.simulators.expire_sessions(tenant.company)

    await tenant.gated("wrong_company")

    assert await tenant.said() == []


async def test_a_missing_right_and_too_many_customers_close_gates_that_open_when_mended(cell: SourceCell) -> None:
    tenant = await cell.declare("forbidden")
    customer = await told_once(tenant)
    for status, code, reason in ((403, 9000, "rights_missing"), (422, 23000, "too_many_customers")):
        cell.simulators.add_fault(
            reason,
            system="tripletex",
            scope=str(tenant.company),
            kind="status",
            status=status,
            path="/customer$",
            body={"status": status, "code": code, "message": "nei"},
        )
        await tenant.gated(reason)
        cell.simulators.remove_fault(reason)
        await tenant.gated(None)

    tenant.write({"id": customer, "name": "Endret"})
    await tenant.hear(2)


async def test_a_source_that_is_down_waits_behind_its_gate_and_makes_no_letter(cell: SourceCell) -> None:
    tenant = await cell.declare("downtime")
    customer = await told_once(tenant)
    cell.simulators.add_fault("down", system="tripletex", scope=str(tenant.company), kind="html500")
    tenant.write({"id": customer, "name": "Endret"})
    await tenant.gated("source_down")

    cell.simulators.remove_fault("down")
    heard = await tenant.hear(2)

    assert [h.word for h in heard] == ["changed", "changed"]
    assert await tenant.gate() is None


async def test_a_gate_that_a_person_closed_is_not_probed_open(cell: SourceCell) -> None:
    tenant, neighbour = await cell.declare("by-hand"), await cell.declare("by-hand-neighbour")
    customer, _ = await told_once(tenant), await told_once(neighbour)
    await cell.execute(
        "INSERT INTO control.gate (scope, subject, tenant, reason, why, closed_by) "
        "VALUES ('source', 'by-hand/customers', 'by-hand', 'closed_by_operator', 'test', 'operator:test')"
    )
    await neighbour.polls(4)

    tenant.write({"id": customer, "name": "Endret"})
    await neighbour.polls(4)
    assert len(await tenant.said()) == 1

    await cell.execute("DELETE FROM control.gate WHERE subject = 'by-hand/customers'")
    await tenant.hear(2)


async def test_a_gate_without_a_time_for_its_probe_is_probed_soon(cell: SourceCell) -> None:
    tenant = await cell.declare("timeless")
    await told_once(tenant)

    await cell.execute(
        "INSERT INTO control.gate (scope, subject, tenant, reason, why, closed_by) "
        "VALUES ('system', 'timeless/tripletex', 'timeless', 'credentials_refused', 'older release', 'poller')"
    )

    await tenant.gated(None)


async def test_a_429_without_a_reset_header_pauses_the_tenant_and_closes_no_gate(cell: SourceCell) -> None:
    tenant = await cell.declare("throttled")
    customer = await told_once(tenant)
    cell.simulators.add_fault(
        "throttle", system="tripletex", scope=str(tenant.company), kind="rate_limited", times=1, path="/customer$"
    )
    tenant.write({"id": customer, "name": "Endret"})

    heard = await tenant.hear(2, timeout=30)

    assert heard[1].word == "changed"
    assert await tenant.gate() is None


async def test_a_slow_tenant_delays_no_other(cell: SourceCell) -> None:
    slow, quick = await cell.declare("slow"), await cell.declare("quick")
    await told_once(slow)
    customer = await told_once(quick)
    cell.simulators.add_fault("latency", system="tripletex", scope=str(slow.company), kind="latency", seconds=1.5)

    for version in range(3):
        quick.write({"id": customer, "name": f"v{version}"})
        await quick.hear(2 + version, timeout=4)

    cell.simulators.remove_fault("latency")


async def test_tenants_are_paused_resumed_and_removed_without_a_restart(cell: SourceCell) -> None:
    tenant, neighbour = await cell.declare("pausing"), await cell.declare("pausing-neighbour")
    customer, _ = await told_once(tenant), await told_once(neighbour)

    await cell.declare("pausing", paused=True)
    await neighbour.polls(5)
    tenant.write({"id": customer, "name": "I pausen"})
    await neighbour.polls(5)
    assert len(await tenant.said()) == 1

    await cell.declare("pausing")
    await tenant.hear(2)
    await cell.remove("pausing")
    await neighbour.polls(5)
    tenant.write({"id": customer, "name": "Fjernet"})
    await neighbour.polls(5)

    assert len(await tenant.said()) == 2
