"""Read a tenant's generated invoice batches, one page per turn, so that no tenant's size delays another.

Every poll lists all generated batches, since a number may appear late, and reads those that are due (`domain.batches`).
Each page is observed as it comes; the page that completes a batch also says which invoices were taken back, and the
batch's memory moves in that same transaction. A batch that cannot be read stops no other.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bridge.poller.application.batch_reading import BatchPolling, BatchRows
from bridge.poller.application.observe import Arrival, Look, Observer
from bridge.poller.application.ports import InvoicePage, InvoiceSource, Memory, Post, SourcePausedError
from bridge.poller.application.steps import Step
from bridge.poller.domain.batches import (
    SETTLE,
    BatchRead,
    ListedBatch,
    is_due,
    is_settled,
    is_to_be_read_once_more,
)
from bridge.poller.domain.memory import SeenGone, Sight
from bridge.runtime import semconv
from bridge.runtime.clock import Clock
from bridge.runtime.errors import SourceUnavailableError, TransientError
from bridge.runtime.logging import get_logger
from bridge.runtime.metrics import Metric, count, gauge, observe
from bridge.runtime.tracing import start_root_span, traceparent_of

UNREAD_IN_A_ROW: Final = 3
"""Batches in a row that cannot be read before the source itself is taken to be down."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BatchRules:
    """How batches are read. `page_rows` is 2 to 500."""

    page_rows: int = 200
    settle: timedelta = SETTLE
    reread_every: timedelta = timedelta(hours=1)


class BatchPoll:
    """Carries polls on, one step at a time; keeps nothing between them."""

    def __init__(
        self,
        *,
        memory: Memory,
        source: InvoiceSource,
        observer: Observer,
        clock: Clock,
        rules: BatchRules,
        rng: random.Random | None = None,
    ) -> None:
        self._memory = memory
        self._source = source
        self._observer = observer
        self._clock = clock
        self._rules = rules
        self._rng = rng or random.Random()  # noqa: S311 (a choice of order, not a secret)

    async def begin(self, post: Post) -> BatchPolling:
        """Begin at the first page of the list."""
        return BatchPolling(post.epoch, self._clock.boot())

    async def step(self, post: Post, reading: BatchPolling, *, interval: timedelta) -> Step[BatchPolling]:
        """Do one turn's work: one page of the list, or one page of a batch, or the end of the poll.

        Raises:
            SourcePausedError: Do the same step again after the pause.
            SourceClosedError: The right to read is gone; the poll is over.
            LeaseLostError: The tenant has another owner now; the poll is over.
            TransientError: The poll is over; what was observed so far stays.
        """
        if reading.queue is None:
            await self._read_list(post, reading)
        elif reading.current is None and reading.queue:
            reading.current = BatchRows(reading.queue.pop(self._next_of(reading.queue, reading.unread_in_a_row)))
        if reading.current is not None:
            return Step(reading, await self._read_batch(post, reading, reading.current))
        if reading.queue is None or reading.queue:
            return Step(reading, 0)
        return await self._finish(post, reading, interval)

    def _next_of(self, queue: Sequence[ListedBatch], unread_in_a_row: int) -> int:
        """Return the place of the batch to read next: the first, but any of them where one more failure ends the poll.

        Broken batches in a row would otherwise hide all that come after them, at every poll.
        """
        return self._rng.randrange(len(queue)) if unread_in_a_row == UNREAD_IN_A_ROW - 1 else 0

    async def _read_list(self, post: Post, reading: BatchPolling) -> None:
        page = await self._source.list_batches(post.tenant, after=reading.after)
        reading.first_date = reading.first_date or page.server_date
        if page.unreadable:
            log.warning(
                "Batches without a readable number cannot be read; tell OC2's support.", batches=page.unreadable
            )
        reading.listed |= {batch.number: batch for batch in page.batches}
        if page.last is not None:
            reading.after = page.last
            return
        async with self._memory.unit(post) as unit:
            await unit.batches.note_listed(reading.listed, forget_after=self._rules.reread_every)
            known, forgotten, as_of = await unit.batches.known(), await unit.batches.forgotten(), unit.cursor.as_of
        reading.queue = [
            batch
            for number, batch in sorted(reading.listed.items())
            if number in forgotten
            or is_due(batch, known.get(number), as_of=as_of, reread_every=self._rules.reread_every)
        ]
        reading.queue += [
            ListedBatch(number, batch.changed_at, None, left=True)
            for number, batch in sorted(known.items())
            if number not in reading.listed and is_to_be_read_once_more(batch)
        ]

    async def _read_batch(self, post: Post, reading: BatchPolling, rows: BatchRows) -> int:
        attributes = {semconv.TENANT: post.tenant, semconv.FLOW: post.flow.value}
        with start_root_span("poll invoices page", attributes=attributes) as span:
            page = await self._read_page(post, reading, rows)
        if page is None:
            await self._note_gone(post, reading, rows.batch)
            return 0
        count(Metric.ROWS_SEEN, len(page.sights), tenant=post.tenant, flow=post.flow.value)
        sights: list[Sight] = [*rows.take(page, asked=self._rules.page_rows)]
        read = self._as_read(reading, rows) if rows.complete else None
        if read:
            async with self._memory.unit(post) as unit:
                standing = await unit.batches.rows(rows.batch.number)
            sights += [SeenGone(source_id) for source_id in rows.missing(standing)]
        observed = await self._observer.observe(post, Look(sights, page_traceparent=traceparent_of(span), batch=read))
        if rows.done:
            self._leave(post, reading, rows)
        return observed.emitted

    async def _note_gone(self, post: Post, reading: BatchPolling, batch: ListedBatch) -> None:
        """Leave a batch that cannot be read; one that left the list and is cleared away is not asked for again."""
        reading.current = None
        if batch.left:
            async with self._memory.unit(post) as unit:
                await unit.batches.save(BatchRead(batch.number, batch.changed_at, settled=True))

    async def _read_page(self, post: Post, reading: BatchPolling, rows: BatchRows) -> InvoicePage | None:
        """Return the next page, None if this batch cannot be read now.

        Raises:
            TransientError: So many batches in a row cannot be read that it is the source's fault, not theirs.
        """
        try:
            page = await self._source.list_invoices(
                post.tenant, rows.batch, offset=rows.offset, count=self._rules.page_rows
            )
        except SourcePausedError:
            raise
        except TransientError as error:
            reading.unread.append(str(error))
            reading.unread_in_a_row += 1
            if reading.unread_in_a_row >= UNREAD_IN_A_ROW:
                raise
            log.warning("A batch cannot be read; the next poll tries again.", batch=rows.batch.number, error=str(error))
            return None
        reading.unread_in_a_row = 0
        reading.read += 1
        return page

    def _as_read(self, reading: BatchPolling, rows: BatchRows) -> BatchRead:
        assert reading.first_date is not None
        settled = is_settled(rows.batch, server_date=reading.first_date, settle=self._rules.settle)
        return BatchRead(rows.batch.number, rows.batch.changed_at, settled)

    def _leave(self, post: Post, reading: BatchPolling, rows: BatchRows) -> None:
        reading.current = None
        if not rows.complete:
            log.warning(
                "A batch was not read completely, so none of its invoices counts as taken back; it is read again.",
                batch=rows.batch.number,
                listed=rows.batch.invoice_count,
                numbers=rows.numbers,
            )

    async def _finish(self, post: Post, reading: BatchPolling, interval: timedelta) -> Step[BatchPolling]:
        """Withdraw forgotten numbers once more and end the poll."""
        if reading.unread and not reading.read:
            raise SourceUnavailableError(reading.unread[-1])
        async with self._memory.unit(post) as unit:
            forgotten = await unit.forgotten_unheld(self._rules.page_rows)
        more = len(forgotten) == self._rules.page_rows
        elapsed = timedelta(seconds=self._clock.boot() - reading.began_at)
        arrival = None if more else Arrival(lambda cursor: cursor, max(timedelta(0), interval - elapsed))
        observed = await self._observer.observe(post, Look(touched=forgotten, arrival=arrival))
        if not more:
            count(Metric.POLLS, tenant=post.tenant, flow=post.flow.value, outcome="complete")
            gauge(Metric.LAST_GOOD_POLL, self._clock.now().timestamp(), tenant=post.tenant, flow=post.flow.value)
            observe(Metric.POLL_SECONDS, self._clock.boot() - reading.began_at, flow=post.flow.value)
        return Step(reading if more else None, observed.emitted)
