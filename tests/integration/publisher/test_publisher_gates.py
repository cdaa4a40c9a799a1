"""Who waits, and who does not: outages, refused keys, pauses asked for, operators."""

from bridge.contracts.reasons import Reason
from bridge.testkit.mapped_cell import MappedCell, Runner
from bridge.testkit.waiting import eventually


async def reasons(cell: MappedCell) -> list[str]:
    """Return the reasons of the closed gates."""
    return [row.text("reason") for row in await cell.rows("SELECT reason FROM control.gate ORDER BY reason")]


async def test_a_refused_key_closes_one_tenants_gate_and_a_new_key_opens_it_without_restart(
    cell: MappedCell, publish: Runner
) -> None:
    await cell.declare("acme", "other")
    acme, other = cell.tenant("acme"), cell.tenant("other")
    cell.admin.put_tenant(acme, api_key="a-newer-key")
    await cell.send(*(cell.mapped(acme, number) for number in range(1, 41)))

    async with publish():

        async def closed() -> bool:
            return await reasons(cell) == [Reason.CREDENTIALS_REFUSED.value]

        await eventually(closed)
        await cell.send(*(cell.mapped(other, number) for number in range(1, 41)))
        await cell.settled(other, confirmed=40)
        await cell.settled(acme, ready=40)
        assert not await cell.rows("SELECT 1 AS one FROM publisher.dead_letter")

        cell.write_key(acme, "a-newer-key")
        await cell.settled(acme, confirmed=40)
        assert await reasons(cell) == []


async def test_an_outage_is_no_poison_and_its_gate_opens_after_a_restart(cell: MappedCell, publish: Runner) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    cell.admin.add_fault(f"down-{acme}", system="oc2", kind="html500", scope=acme)
    await cell.pause(acme, True)
    await cell.send(*(cell.mapped(acme, number) for number in range(1, 6)))
    async with publish(delivery={"list_size": 1, "unknown_rounds": 2}):
        await cell.settled(acme, ready=5)
        await cell.pause(acme, False)

        async def closed() -> bool:
            return await reasons(cell) == [Reason.TARGET_DOWN.value]

        await eventually(closed)

    cell.admin.clear_faults()
    await cell.rows("UPDATE control.gate SET next_probe_at = NULL RETURNING 1 AS one")
    async with publish():
        await cell.settled(acme, confirmed=5)
        assert await reasons(cell) == []
    assert not await cell.rows("SELECT 1 AS one FROM publisher.dead_letter")


async def test_an_operators_gate_is_opened_by_no_probe(cell: MappedCell, publish: Runner) -> None:
    await cell.declare("acme", live=False)
    acme = cell.tenant("acme")
    await cell.send(cell.mapped(acme, 1))

    async with publish():
        await cell.settled(acme, ready=1)
        other = "other"
        await cell.declare(other)
        await cell.send(cell.mapped(cell.tenant(other), 1))
        await cell.settled(cell.tenant(other), confirmed=1)

        assert await reasons(cell) == [Reason.NOT_LIVE.value]
        assert await cell.states(acme) == {"ready": 1}


async def test_a_pause_asked_for_is_kept_for_that_tenant_alone(cell: MappedCell, publish: Runner) -> None:
    await cell.declare("acme", "other")
    acme, other = cell.tenant("acme"), cell.tenant("other")
    cell.admin.add_fault(
        f"limit-{acme}", system="oc2", kind="rate_limited", scope=acme, path="customers", retryAfter="43200", times=1
    )
    await cell.send(cell.mapped(acme, 1), cell.mapped(other, 1))

    async with publish():
        await cell.settled(other, confirmed=1)

        async def closed() -> bool:
            return await reasons(cell) == [Reason.RATE_LIMITED.value]

        await eventually(closed)
        gate = (await cell.rows("SELECT until_at - now() AS left, next_probe_at - now() AS probe FROM control.gate"))[0]
        assert "11:59" in str(gate["left"])
        assert "11:59" in str(gate["probe"])
        assert await cell.states(acme) == {"ready": 1}


async def test_a_slow_tenant_delays_no_other(cell: MappedCell, publish: Runner) -> None:
    await cell.declare("slow", "quick")
    slow, quick = cell.tenant("slow"), cell.tenant("quick")
    cell.admin.add_fault(f"slow-{slow}", system="oc2", kind="latency", scope=slow, seconds=2.0)
    await cell.send(*(cell.mapped(slow, number) for number in range(1, 41)))

    async with publish(delivery={"list_size": 1}):
        await eventually(lambda: [one for one in cell.admin.requests() if one.scope == slow])
        await cell.send(*(cell.mapped(quick, number) for number in range(1, 41)))
        await cell.settled(quick, confirmed=40)
        assert (await cell.states(slow)).get("confirmed", 0) < 40


async def test_a_paused_tenant_is_not_served_until_it_is_resumed(cell: MappedCell, publish: Runner) -> None:
    await cell.declare("acme", "other")
    acme, other = cell.tenant("acme"), cell.tenant("other")
    await cell.pause(acme, True)
    await cell.send(cell.mapped(acme, 1), cell.mapped(other, 1))
    async with publish():
        await cell.settled(other, confirmed=1)
        await cell.settled(acme, ready=1)

        await cell.pause(acme, False)
        await cell.settled(acme, confirmed=1)


async def test_a_secret_that_is_missing_closes_the_gate_until_it_is_there(cell: MappedCell, publish: Runner) -> None:
    await cell.declare("acme")
    acme = cell.tenant("acme")
    cell.write_key(acme, " \r\n")
    await cell.send(cell.mapped(acme, 1))

    async with publish():

        async def closed() -> bool:
            return await reasons(cell) == [Reason.SECRET_MISSING.value]

        await eventually(closed)
        assert await cell.states(acme) == {"ready": 1}

        cell.write_key(acme, f"\ufeffkey-of-{acme}\r\n")
        await cell.settled(acme, confirmed=1)
