"""Read a tenant's customers, one page per turn, so that no tenant's size delays another.

A poll asks for both lists (active and inactive rows), page by page until a page is short. In crawls it then looks for
absent rows (`sweep`). The cursor moves in the transaction that stores the poll's last page, and only there: a poll
that ends early leaves it where it was.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from bridge.poller.application.observe import Arrival, Look, Observer
from bridge.poller.application.ports import CustomerSource, Memory, Page, Post
from bridge.poller.application.reading import MAX_RESTARTS, ListRead, Reading
from bridge.poller.application.steps import Step
from bridge.poller.application.sweep import Sweep
from bridge.poller.domain.cursor import FAR_FUTURE, Cursor, FilterMode, judge_filter, next_bound, plan, probe_is_due
from bridge.runtime import semconv
from bridge.runtime.clock import Clock
from bridge.runtime.errors import SourceUnavailableError
from bridge.runtime.metrics import Metric, count, gauge, observe
from bridge.runtime.tracing import start_root_span, traceparent_of

MAX_PAGE_ROWS: Final = 1000


@dataclass(frozen=True, slots=True)
class PollRules:
    """How polls are made. `page_rows` is 2 to 1,000."""

    page_rows: int = MAX_PAGE_ROWS
    crawl_every: timedelta = timedelta(hours=6)
    probe_every: timedelta = timedelta(hours=24)


class CustomerPoll:
    """Carries polls on, one step at a time; keeps nothing between them."""

    def __init__(
        self,
        *,
        memory: Memory,
        source: CustomerSource,
        observer: Observer,
        sweep: Sweep,
        clock: Clock,
        rules: PollRules,
    ) -> None:
        self._memory = memory
        self._source = source
        self._observer = observer
        self._sweep = sweep
        self._clock = clock
        self._rules = rules

    async def begin(self, post: Post) -> Reading:
        """Decide what the next poll must read."""
        async with self._memory.unit(post) as unit:
            forgotten = await unit.has_forgotten()
            what = plan(unit.cursor, crawl_every=self._rules.crawl_every, forgotten=forgotten)
        return Reading(what, post.epoch, began_at=self._clock.boot())

    async def step(self, post: Post, reading: Reading, *, interval: timedelta) -> Step[Reading]:
        """Do one turn's work: one page, or one handful of absent rows, or the end of the poll.

        Raises:
            SourcePausedError: Do the same step again after the pause.
            SourceClosedError: The right to read is gone; the poll is over.
            LeaseLostError: The tenant has another owner now; the poll is over.
            TransientError: The poll is over; the cursor stays where it was.
        """
        if reading.pending is None and reading.current is not None:
            await self._read_page(post, reading, reading.current)
        if reading.pending is not None:
            return await self._take_in(post, reading, *reading.pending, interval=interval)
        if reading.missing is None:
            await self._sweep.find_missing(post, reading)
        if reading.missing:
            return Step(reading, await self._sweep.look_at_missing(post, reading))
        return await self._finish_crawl(post, reading, interval)

    async def _read_page(self, post: Post, reading: Reading, part: ListRead) -> None:
        attributes = {semconv.TENANT: post.tenant, semconv.FLOW: post.flow.value}
        with start_root_span("poll customers page", attributes=attributes) as span:
            page = await self._source.list_page(
                post.tenant,
                changed_since=reading.plan.changed_since,
                inactive=part.inactive,
                offset=part.offset,
                count=self._rules.page_rows,
            )
        count(Metric.ROWS_SEEN, page.rows, tenant=post.tenant, flow=post.flow.value)
        reading.first_date = reading.first_date or page.server_date
        if not part.take(page, asked=self._rules.page_rows) and part.restarts > MAX_RESTARTS:
            raise SourceUnavailableError(
                f"The customers of tenant {post.tenant} kept moving under the read; the next poll tries again."
            )
        reading.pending = (page, traceparent_of(span))

    async def _take_in(
        self, post: Post, reading: Reading, page: Page, traceparent: str, *, interval: timedelta
    ) -> Step[Reading]:
        is_last = reading.current is None and not reading.plan.is_crawl
        arrival = self._arrival(reading, interval, mode=None) if is_last else None
        look = Look(page.sights, page_traceparent=traceparent, arrival=arrival, alone=reading.alone)
        observed = await self._observer.observe(post, look)
        reading.pending = None
        if is_last:
            self._count_good(post, reading)
        return Step(None if is_last else reading, observed.emitted)

    async def _finish_crawl(self, post: Post, reading: Reading, interval: timedelta) -> Step[Reading]:
        """Withdraw forgotten numbers once more, judge the filter, move the cursor."""
        async with self._memory.unit(post) as unit:
            cursor, forgotten = unit.cursor, await unit.forgotten_unheld(self._rules.page_rows)
        mode = await self._judge_filter(post, reading, cursor)
        more = len(forgotten) == self._rules.page_rows
        arrival = None if more else self._arrival(reading, interval, mode=mode)
        observed = await self._observer.observe(post, Look(touched=forgotten, arrival=arrival))
        if not more:
            self._count_good(post, reading)
        return Step(reading if more else None, observed.emitted)

    async def _judge_filter(self, post: Post, reading: Reading, cursor: Cursor) -> FilterMode | None:
        """Return what a bound in the far future proves, None if nothing is to be proven now."""
        if not probe_is_due(cursor, every=self._rules.probe_every):
            return None
        inactive = not reading.lists[0].seen
        future_rows = await self._source.count_after(post.tenant, bound=FAR_FUTURE, inactive=inactive)
        return judge_filter(rows_exist=bool(reading.seen), future_rows=future_rows)

    def _arrival(self, reading: Reading, interval: timedelta, *, mode: FilterMode | None) -> Arrival:
        first_date = reading.first_date
        assert first_date is not None

        def move(cursor: Cursor) -> Cursor:
            moved = replace(cursor, changed_since_bound=next_bound(first_date))
            if reading.plan.is_crawl:
                moved = replace(moved, last_crawl_at=cursor.as_of, missing_held=reading.held_back)
            return replace(moved, mode=mode, mode_checked_at=cursor.as_of) if mode else moved

        elapsed = timedelta(seconds=self._clock.boot() - reading.began_at)
        return Arrival(move, max(timedelta(0), interval - elapsed))

    def _count_good(self, post: Post, reading: Reading) -> None:
        count(Metric.POLLS, tenant=post.tenant, flow=post.flow.value, outcome="complete")
        gauge(Metric.LAST_GOOD_POLL, self._clock.now().timestamp(), tenant=post.tenant, flow=post.flow.value)
        observe(Metric.POLL_SECONDS, self._clock.boot() - reading.began_at, flow=post.flow.value)
