"""Bare Faust loses messages: each known way, shown on a real Kafka. Beside it, `test_our_shell_loses_nothing.py`.

If one of these fails after an upgrade of Faust, that way of losing is gone, and the shell may become simpler.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.testkit.cell_log import CellLog
from bridge.testkit.customer_events import customer_changed
from bridge.testkit.waiting import eventually

if TYPE_CHECKING:
    from failure.faust_losses.conftest import Committed, StartBareFaust, Unwritable

EVENTS = [customer_changed(number) for number in (11, 12, 13, 14, 15)]


async def _numbers(cell: CellLog) -> set[str]:
    return {(record.key or b"").decode().split(":")[1] for record in await cell.all_mapped()}


async def test_it_acknowledges_a_record_whose_handler_raised(
    cell: CellLog, bare_faust: StartBareFaust, committed: Committed
) -> None:
    await cell.write(EVENTS)

    bare_faust("raises")
    await committed.reaches("bare", 5)

    assert await _numbers(cell) == {"11", "12", "14", "15"}


async def test_it_skips_in_silence_what_a_typed_topic_cannot_decode(
    cell: CellLog, bare_faust: StartBareFaust, committed: Committed
) -> None:
    await cell.write([*EVENTS[:2], replace(EVENTS[2], value=b"not JSON"), *EVENTS[3:]])

    bare_faust("typed")
    await committed.reaches("bare", 5)

    assert await _numbers(cell) == {"11", "12", "14", "15"}


async def test_with_concurrency_it_commits_past_unfinished_work(
    cell: CellLog, bare_faust: StartBareFaust, committed: Committed
) -> None:
    await cell.write([customer_changed(13), customer_changed(14), customer_changed(15)])

    app = bare_faust("concurrent")
    await committed.reaches("bare", 3)
    app.kill()

    assert "13" not in await _numbers(cell)


async def test_a_send_returns_before_the_broker_has_the_record(
    cell: CellLog, bare_faust: StartBareFaust, committed: Committed, unwritable: Unwritable
) -> None:
    await cell.write(EVENTS)

    async with unwritable():
        app = bare_faust("send")
        await committed.reaches("bare", 5)
        app.kill()

    assert await _numbers(cell) == set()


async def test_exactly_once_publishes_outside_its_transaction(
    cell: CellLog, bare_faust: StartBareFaust, committed: Committed
) -> None:
    await cell.write(EVENTS)

    app = bare_faust("exactly_once")
    await cell.mapped(5)
    app.kill()

    assert await committed.offset("bare") == 0


async def test_told_to_stop_without_waiting_it_commits_unfinished_work(
    cell: CellLog, bare_faust: StartBareFaust, committed: Committed
) -> None:
    await cell.write([customer_changed(12), customer_changed(13)])

    app = bare_faust("slow")
    await eventually(app.is_handling, 90)
    app.terminate()

    assert await committed.offset("bare") == 2
    assert await _numbers(cell) == {"12"}


async def test_it_creates_topics_and_opens_a_web_port_by_default(
    cell: CellLog, bare_faust: StartBareFaust, committed: Committed
) -> None:
    before = await committed.topics()
    await cell.write(EVENTS)

    app = bare_faust("defaults")
    await cell.mapped(5)

    assert await committed.topics() - before == {"bare-__assignor-__leader"}
    assert await asyncio.to_thread(_answers, app.web_port)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
    except OSError:
        return False
