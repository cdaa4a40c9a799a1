"""A whole register rewritten in one second: 5,000 rows, 800 of them really changed."""

from datetime import datetime

import pytest

from bridge.testkit.simulator_answers import JsonObject
from bridge.testkit.source_cell import SourceCell

POLL = {"page_rows": 400, "crawl_every_seconds": 3600.0}

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("poller")]


@pytest.mark.parametrize("size", [1000, pytest.param(5000, marks=pytest.mark.slow)])
async def test_a_mass_import_tells_real_changes_once_and_delays_no_other_tenant(cell: SourceCell, size: int) -> None:
    big = await cell.declare(f"mass-import-{size}", poll_interval=1)
    small = await cell.declare(f"mass-neighbour-{size}")
    rows: list[JsonObject] = [{"customerNumber": 10000 + i, "name": f"Kunde {i}"} for i in range(size)]
    ids = big.write(*rows)
    (neighbour,) = small.write({"customerNumber": 10001, "name": "Nabo"})
    await small.hear(1)
    await big.hear(size, timeout=60)

    edits: list[JsonObject] = [
        {"id": customer, "name": "Importert"} if index % 25 < 4 else {"id": customer, "touch": True}
        for index, customer in enumerate(ids)
    ]
    big.write(*edits)
    small.write({"id": neighbour, "name": "Nabo AS"})
    own = await small.hear(2, timeout=8)
    heard = await big.hear(size + size * 4 // 25, timeout=60)
    await big.polls(1, timeout=30)

    assert len(await big.said()) == size + size * 4 // 25
    assert {h.envelope.entity for h in heard[size:]} == {str(10000 + i) for i in range(size) if i % 25 < 4}
    assert _delay(own[1].envelope.time, own[1].envelope.source_time) < 8
    assert await cell.sums_match(big.id)


def _delay(told: datetime, changed: datetime | None) -> float:
    assert changed is not None
    return (told - changed).total_seconds()
