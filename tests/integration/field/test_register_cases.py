"""A whole register at once: mass imports and sweeps tell each real change once, to OC2 and to nobody else's cost."""

import asyncio
import re
import urllib.request
from collections import Counter

import pytest
import pytest_asyncio

from bridge.contracts.topics import TopicName
from bridge.messaging.producer import BatchProducer
from bridge.messaging.reader import RangeReader
from bridge.messaging.record import Acked, Outgoing
from bridge.testkit.simulator_answers import JsonObject
from bridge.testkit.system import System
from bridge.testkit.system_tenant import SystemTenant, customers

pytestmark = pytest.mark.asyncio(loop_scope="module")

SWEEP_SECONDS = 3


@pytest_asyncio.fixture(autouse=True, loop_scope="module", scope="module")
async def running(system: System) -> None:
    """One replica of each service; the poller reads in pages that a test can fill and sweeps often."""
    system.start("poller", POLLER_POLL__PAGE_ROWS="400", POLLER_POLL__CRAWL_EVERY_SECONDS=f"{SWEEP_SECONDS}")
    system.start("transformer")
    # Patient, so that a busy machine's slow answers are not asked for twice: this module counts what was sent.
    system.start(
        "publisher",
        PUBLISHER_HTTP__READ_SECONDS="10",
        PUBLISHER_HTTP__TOTAL_SECONDS="10",
        PUBLISHER_DELIVERY__SETTLE_SECONDS="20",
    )
    await system.ready()


async def emitted(tenant: SystemTenant) -> int:
    """Return how many changes the poller has told of the tenant."""
    query = "SELECT emitted AS n FROM poller.source_cursor WHERE tenant = %(t)s"
    return (await tenant.system.rows(query, t=tenant.id))[0].number("n")


async def seen(system: System, tenant: SystemTenant) -> float:
    """Return how many rows of the tenant the poller has read, by its metric."""
    address = f"http://127.0.0.1:{system.services['poller'].port}/metrics"
    page = await asyncio.to_thread(lambda: urllib.request.urlopen(address, timeout=5).read().decode())
    found = re.search(rf'^bridge_rows_seen\S*{{[^}}]*tenant="{tenant.id}"[^}}]*}} (\S+)$', page, re.MULTILINE)
    return float(found.group(1)) if found else 0.0


# T24 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1500, pytest.param(5000, marks=[pytest.mark.slow, pytest.mark.timeout(400)])])
async def test_a_mass_import_brings_each_real_change_to_oc2_once_and_its_neighbour_is_on_time(
    system: System, size: int
) -> None:
    big, small = await system.declare(f"import-{size}"), await system.declare(f"import-neighbour-{size}")
    big.write(*customers(size))
    small.write(*customers(1))
    await big.settled(confirmed=size, timeout=160)
    await small.settled(confirmed=1)
    before, read = len(system.simulators.ledger(big.id).writes), await seen(system, big)
    secrets = {"consumer_token": "consumer-token", "employee_token": big.employee.read_text()}
    system.simulators.put_company(big.company, name=big.id, **secrets, rateLimit=200)

    moved = [10_100, 10_200]
    system.simulators.add_fault(
        "moved",
        system="tripletex",
        kind="page_shift",
        scope=str(big.company),
        at_page=1,
        times=1,
        rows={"delete": moved},
    )
    real = {number for index, number in enumerate(sorted(big.ids)) if index % 25 < 4} - set(moved)
    edits: list[JsonObject] = [
        {"id": row, "name": "Importert AS"} if number in real else {"id": row, "touch": True}
        for number, row in big.ids.items()
    ]
    system.simulators.write_customers(big.company, edits)
    small.edit(10_001)
    await _written(system, small, 2)
    await _written(system, big, before + len(real) + len(moved), timeout=120)
    await big.read()

    ledger = system.simulators.ledger(big.id)
    counted = Counter(write.customer_number for write in ledger.writes[before:])
    assert set(counted) == real | set(moved)
    assert set(counted.values()) == {1}
    assert {number for number, body in ledger.customers.items() if body["active"] is False} == set(moved)
    assert system.simulators.faults()["moved"].hits == 1
    assert await seen(system, big) - read >= size - len(moved)
    assert await emitted(big) == size + len(real) + len(moved)
    changed = system.simulators.history(small.company)[-1].at
    assert system.simulators.ledger(small.id).writes[-1].at - changed < 8
    assert not [r for r in system.simulators.requests() if r.scope == str(big.company) and r.status == 429]


async def _written(system: System, tenant: SystemTenant, count: int, *, timeout: float = 40.0) -> None:
    async def there() -> bool:
        return len(system.simulators.ledger(tenant.id).writes) >= count

    await system.until(there, f"{count} writes at the OC2 of {tenant.id}", timeout=timeout)


# K22 --------------------------------------------------------------------------------------------------------------


async def test_what_a_sweep_found_is_told_once_whatever_polls_and_replays_come_after_it(system: System) -> None:
    tenant = await system.declare("drifted")
    tenant.write(*customers(350))
    await tenant.settled(confirmed=350)
    # No change filter can show what left no entry in `changes`.
    drifted: list[JsonObject] = [
        {"id": tenant.ids[10_001 + n], "name": f"Drevet {n}", "freezeChanges": True} for n in range(300)
    ]
    system.simulators.write_customers(tenant.company, drifted)
    await _written(system, tenant, 650, timeout=60)
    await tenant.read(2)
    assert await emitted(tenant) == 650

    replayed = await _replay(system, tenant)
    await system.quiet(tenant)
    await tenant.read(2)

    assert replayed == 650
    assert await emitted(tenant) == 650
    assert len(system.simulators.ledger(tenant.id).writes) == 650
    assert await tenant.states() == {"confirmed": 350}


async def _replay(system: System, tenant: SystemTenant) -> int:
    """Publish every record of the tenant again at the head of its topic, as a replay does; return how many."""
    topic, again = system.topic(TopicName.CUSTOMER_CHANGED), list[Outgoing]()
    async with RangeReader(system.kafka) as reader:
        for partition, end in (await reader.ends(topic)).items():
            async for records in reader.read(partition, start=0, end=end):
                again += [
                    Outgoing(topic, record.key, record.value or b"", record.headers)
                    for record in records
                    if dict(record.headers)["ce_tenant"] == tenant.id.encode()
                ]
    async with BatchProducer(system.kafka, "replay") as producer:
        results = await producer.send(again, deadline_seconds=20)
    return sum(isinstance(result, Acked) for result in results)
