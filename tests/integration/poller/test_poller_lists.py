"""Lists that lie: moving pages, stale pages, totals that are none, rows that a crawl must find."""

import pytest

from bridge.testkit.simulator_answers import Json, JsonObject
from bridge.testkit.source_cell import SourceCell

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("poller")]


def numbered(count: int, first: int = 10000) -> list[JsonObject]:
    return [{"customerNumber": first + i, "name": f"Kunde {i}"} for i in range(count)]


@pytest.mark.parametrize("total", ["plus_one", "true_total", "zero"])
async def test_a_list_ends_on_a_short_page_whatever_its_total_says(cell: SourceCell, total: str) -> None:
    tenant = await cell.declare(f"total-{total.replace('_', '-')}", fullResultMode=total)
    tenant.write(*numbered(35))

    await tenant.hear(35)
    await tenant.polls(2)

    assert len(await tenant.said()) == 35


@pytest.mark.parametrize("rows", [{"delete": [10002]}, {"insert": [{"customerNumber": 9000, "name": "Ny"}]}])
async def test_rows_that_move_between_pages_hide_no_customer(cell: SourceCell, rows: dict[str, Json]) -> None:
    name = "shift-" + next(iter(rows))
    tenant = await cell.declare(name)
    cell.simulators.add_fault(
        name, system="tripletex", scope=str(tenant.company), kind="page_shift", at_page=1, rows=rows, times=1
    )
    tenant.write(*numbered(35))

    await tenant.hear(35)
    await tenant.polls(2)

    numbers = {h.envelope.entity for h in await tenant.heard() if h.word == "changed"}
    assert {str(10000 + i) for i in range(35)} <= numbers
    assert cell.simulators.faults()[name].hits == 1


async def test_a_stale_page_turns_no_customer_back(cell: SourceCell) -> None:
    tenant = await cell.declare("stale")
    (customer,) = tenant.write({"customerNumber": 10001, "name": "Gammel"})
    await tenant.hear(1)
    tenant.write({"id": customer, "name": "Ny"})
    await tenant.hear(2)

    cell.simulators.add_fault(
        "stale", system="tripletex", scope=str(tenant.company), kind="stale_page", numbers=[10001]
    )
    await tenant.polls(3)
    cell.simulators.remove_fault("stale")

    assert len(await tenant.said()) == 2


async def test_a_deleted_customer_on_a_stale_page_is_not_revived(cell: SourceCell) -> None:
    tenant = await cell.declare("stale-deleted")
    customer, _ = tenant.write({"customerNumber": 10001, "name": "Borte"}, {"customerNumber": 10002, "name": "Her"})
    await tenant.hear(2)
    cell.simulators.delete_customer(tenant.company, customer)
    await tenant.hear(3)

    cell.simulators.add_fault("old", system="tripletex", scope=str(tenant.company), kind="stale_page", changes=1)
    await tenant.polls(3)
    cell.simulators.remove_fault("old")

    assert [h.word for h in await tenant.heard()].count("withdrawn") == 1
    assert len(await tenant.said()) == 3


async def test_implausibly_many_missing_rows_withdraw_nothing_until_a_person_lets_them(cell: SourceCell) -> None:
    tenant = await cell.declare("many-missing")
    ids = tenant.write(*numbered(30))
    await tenant.hear(30)

    for customer in ids[:25]:
        cell.simulators.delete_customer(tenant.company, customer)

    await tenant.gated("too_many_missing")
    tenant.write({"id": ids[29], "name": "Endret"})
    heard = await tenant.hear(31)
    assert heard[30].word == "changed"

    await cell.execute("DELETE FROM control.gate WHERE tenant = %(tenant)s AND scope = 'source'", tenant=tenant.id)
    heard = await tenant.hear(56)

    assert [h.word for h in heard].count("withdrawn") == 25
    assert await cell.sums_match(tenant.id)


async def test_a_poll_after_a_resync_tells_everything_once_more_and_then_nothing(cell: SourceCell) -> None:
    tenant = await cell.declare("resynced")
    customer, *_ = tenant.write(*numbered(15))
    await tenant.hear(15)
    cell.simulators.delete_customer(tenant.company, customer)
    first = await tenant.hear(16)

    await tenant.act("resync")
    heard = await tenant.hear(31)
    await tenant.polls(3)

    assert len(await tenant.said()) == 31
    again = {h.envelope.entity: h for h in heard[16:]}
    assert {number: h.word for number, h in again.items()} == {
        str(10000 + i): "withdrawn" if i == 0 else "changed" for i in range(15)
    }
    before = {h.envelope.entity: h for h in first}
    assert all(again[number].envelope.version > before[number].envelope.version for number in again)
    assert await cell.sums_match(tenant.id)


async def test_a_resync_of_one_customer_tells_that_one_only(cell: SourceCell) -> None:
    tenant = await cell.declare("resynced-one")
    tenant.write(*numbered(5))
    await tenant.hear(5)

    await tenant.act("resync", entity="10003")
    heard = await tenant.hear(6)
    await tenant.polls(2)

    assert heard[5].envelope.entity == "10003"
    assert len(await tenant.said()) == 6


async def test_a_resync_of_an_unknown_customer_is_refused_in_words(cell: SourceCell) -> None:
    tenant = await cell.declare("resynced-none")
    tenant.write(*numbered(1))
    await tenant.hear(1)

    outcome = await tenant.act("resync", entity="99999")

    assert outcome == ("refused", "Customer 99999 was never seen at the source.")
