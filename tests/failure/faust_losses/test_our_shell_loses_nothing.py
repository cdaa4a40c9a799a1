"""Our shell around Faust loses nothing where `test_bare_faust_loses.py` shows that bare Faust does."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bridge.contracts.envelope import Outcome
from bridge.contracts.headers import decode
from bridge.messaging.record import Record
from bridge.runtime.checkpoints import no_checkpoints
from bridge.runtime.clock import SystemClock
from bridge.runtime.errors import BrokerUnavailableError
from bridge.runtime.health import Health
from bridge.testkit.customer_events import customer_changed
from bridge.transformer.adapters.faust_shell import FaustShell
from bridge.transformer.application.progress import Progress
from bridge.transformer.application.transform import Transform
from bridge.transformer.main import compose_transformer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bridge.runtime.settings import KafkaSettings
    from bridge.testkit.cell_log import CellLog
    from bridge.transformer.application.record import MappedRecord
    from bridge.transformer.settings import TransformerSettings
    from failure.faust_losses.conftest import Committed, Unwritable

NUMBERS = [11, 12, 13, 14, 15]
EVENTS = [customer_changed(number) for number in NUMBERS]
PAST_FAUSTS_OWN_COMMITS_SECONDS = 4.0


class FailingSink:
    """Cannot deliver."""

    async def deliver(self, records: Sequence[MappedRecord]) -> None:
        """Raise as our own sink does."""
        raise BrokerUnavailableError("The records are not known to be stored.")


class StuckSink:
    """Never comes to an end with the first batch."""

    def __init__(self) -> None:
        self.began = asyncio.Event()

    async def deliver(self, records: Sequence[MappedRecord]) -> None:
        """Wait for ever."""
        self.began.set()
        await asyncio.Event().wait()


def _entities(records: Sequence[Record]) -> list[int]:
    return sorted(int(decode(record.headers).entity or 0) for record in records)


@asynccontextmanager
async def _shell(kafka: KafkaSettings, *, max_records: int = 500) -> AsyncIterator[FaustShell]:
    async with FaustShell(kafka, group="transformer", max_records=max_records) as shell:
        yield shell


async def _run(settings: TransformerSettings, cell: CellLog, number: int) -> list[Record]:
    """Run the real transformer until this many records have come out; return all of them."""
    stop = asyncio.Event()
    async with compose_transformer(settings) as transformer, asyncio.TaskGroup() as group:
        for loop in transformer.loops:
            group.create_task(loop.run(stop))
        await cell.mapped(number)
        stop.set()
    return await cell.all_mapped()


def _transform(shell: FaustShell, sink: FailingSink | StuckSink) -> Transform:
    progress = Progress(SystemClock(), limit_seconds=60)
    return Transform(shell, sink, progress=progress, health=Health(), checkpoints=no_checkpoints)


async def test_a_failed_delivery_commits_nothing_and_the_next_process_delivers_all(
    cell: CellLog, kafka_settings: KafkaSettings, settings: TransformerSettings, committed: Committed
) -> None:
    await cell.write(EVENTS)

    async with _shell(kafka_settings) as shell:
        with pytest.raises(BrokerUnavailableError):
            await _transform(shell, FailingSink()).run(asyncio.Event())

    assert await committed.offset("transformer") == 0
    assert _entities(await _run(settings, cell, 5)) == NUMBERS


async def test_what_cannot_be_decoded_passes_on_as_a_letter(
    cell: CellLog, settings: TransformerSettings, committed: Committed
) -> None:
    await cell.write([*EVENTS[:2], replace(EVENTS[2], value=b"not JSON"), *EVENTS[3:]])

    mapped = await _run(settings, cell, 5)

    assert _entities(mapped) == NUMBERS
    outcomes = {decode(record.headers).entity: decode(record.headers).outcome for record in mapped}
    assert [entity for entity, outcome in outcomes.items() if outcome is Outcome.UNMAPPABLE] == ["13"]
    assert await committed.offset("transformer") == 5


async def test_nothing_is_committed_past_a_batch_that_is_not_finished(
    cell: CellLog, kafka_settings: KafkaSettings, settings: TransformerSettings, committed: Committed
) -> None:
    await cell.write(EVENTS)

    async with _shell(kafka_settings, max_records=1) as shell:
        first, second = await shell.next_batch(90), await shell.next_batch(90)
        with pytest.raises(AssertionError):
            await committed.reaches("transformer", 1, within=PAST_FAUSTS_OWN_COMMITS_SECONDS)

    assert (len(first), len(second)) == (1, 1)
    assert await committed.offset("transformer") == 0
    assert _entities(await _run(settings, cell, 5)) == NUMBERS


async def test_a_write_that_the_broker_refuses_ends_the_process_without_a_commit(
    cell: CellLog, settings: TransformerSettings, committed: Committed, unwritable: Unwritable
) -> None:
    await cell.write(EVENTS)

    async with unwritable():
        with pytest.raises(ExceptionGroup) as failure:
            await _run(settings, cell, 5)
        assert failure.group_contains(BrokerUnavailableError, match="nothing of this batch is committed")

    assert await committed.offset("transformer") == 0
    assert _entities(await _run(settings, cell, 5)) == NUMBERS


async def test_a_death_between_output_and_commit_repeats_the_same_events(
    cell: CellLog, settings: TransformerSettings, committed: Committed, tmp_path: Path
) -> None:
    await cell.write(EVENTS)

    died = await _run_process(settings, "die_before_commit", tmp_path)
    assert died == -signal.SIGKILL
    before = await cell.mapped(5)
    assert await committed.offset("transformer") == 0
    after = await _run(settings, cell, 10)

    assert _entities(after) == sorted([*NUMBERS, *NUMBERS])
    first, again = ({_identity(record) for record in part} for part in (before, after[5:]))
    assert first == again


async def test_told_to_stop_in_the_middle_of_a_batch_it_commits_nothing_of_it(
    cell: CellLog, kafka_settings: KafkaSettings, settings: TransformerSettings, committed: Committed
) -> None:
    await cell.write(EVENTS)
    sink = StuckSink()

    async with _shell(kafka_settings) as shell:
        running = asyncio.create_task(_transform(shell, sink).run(asyncio.Event()))
        await asyncio.wait_for(sink.began.wait(), 90)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    assert await committed.offset("transformer") == 0
    assert _entities(await _run(settings, cell, 5)) == NUMBERS


async def test_told_to_stop_under_load_it_commits_what_it_delivered_and_no_more(
    cell: CellLog, settings: TransformerSettings, committed: Committed, tmp_path: Path
) -> None:
    numbers = list(range(1, 3001))
    await cell.write([customer_changed(number) for number in numbers])

    stopped = await _run_process(settings, "plain", tmp_path, until=lambda: cell.mapped(200))
    assert stopped == 0
    delivered = await cell.all_mapped()
    assert await committed.offset("transformer") == len(delivered)
    assert _entities(await _run(settings, cell, 3000)) == numbers


async def test_it_creates_no_topic_and_listens_on_its_health_port_only(
    cell: CellLog, settings: TransformerSettings, committed: Committed
) -> None:
    before, open_before = await committed.topics(), _listening_ports()
    await cell.write(EVENTS)

    stop = asyncio.Event()
    async with compose_transformer(settings) as transformer, asyncio.TaskGroup() as group:
        for loop in transformer.loops:
            group.create_task(loop.run(stop))
        await cell.mapped(5)
        opened = _listening_ports() - open_before
        stop.set()

    assert await committed.topics() == before
    assert opened == {transformer.port}


def _identity(record: Record) -> tuple[str, str, str]:
    envelope = decode(record.headers)
    return envelope.event_id, str(envelope.version), envelope.source_hash


async def _run_process(settings: TransformerSettings, composition: str, folder: Path, *, until: object = None) -> int:
    """Run a transformer as a process; end it by SIGTERM once `until()` is done, if given; return its exit code."""
    script = Path(__file__).with_name("transformer_process.py")
    environment = {
        **os.environ,
        "TRANSFORMER_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "TRANSFORMER_KAFKA__TOPIC_PREFIX": settings.kafka.topic_prefix,
        "TRANSFORMER_KAFKA__SESSION_TIMEOUT_SECONDS": "6",
        "TRANSFORMER_MAPPING__MAX_RECORDS": "100",
    }
    with (folder / f"{composition}.log").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(script), composition, env=environment, stdout=output, stderr=output
        )
        try:
            if callable(until):
                await until()
                process.terminate()
            return await asyncio.wait_for(process.wait(), 90)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def _listening_ports() -> set[int]:
    """Return the TCP ports on which this very process listens."""
    own = {str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()}
    ports = set()
    for table in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in own:
                ports.add(int(fields[1].rsplit(":", 1)[1], 16))
    return ports
