"""What is due beside a delivery: a loop that lets each tenant's errands of one kind be run, one turn at a time.

One tenant's slow system keeps its own turn busy and nobody else's.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from bridge.contracts.identity import TenantId
from bridge.publisher.application.ports import ClaimAsk, DeliveryStore, Errand, Holds, TenantStanding
from bridge.runtime.errors import TransientError
from bridge.runtime.lifecycle import unless_stopped
from bridge.runtime.logging import get_logger

log = get_logger(__name__)


class ErrandWork(Protocol):
    """How errands of one kind are run."""

    @property
    def errand(self) -> Errand:
        """Which kind."""
        ...

    def room(self, tenant: TenantId) -> int:
        """Return how many of the tenant's may be taken now; 0 while its system must be left alone."""
        ...

    async def turn(self, ask: ClaimAsk, *, go_on: Callable[[], bool]) -> int:
        """Take due ones, see them through to their durable result, and return how many there were.

        Once `go_on` says no, the call on the way is finished and no other begins.
        """
        ...


class ErrandLoop:
    """A `Loop`. Paused and removed tenants wait. `leaving` is true once it has been told to stop."""

    def __init__(
        self,
        store: DeliveryStore,
        holds: Holds,
        tenants: TenantStanding,
        work: ErrandWork,
        *,
        look_every_seconds: float,
        beat: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.name = f"{work.errand.value}s"
        self._store = store
        self._holds = holds
        self._tenants = tenants
        self._work = work
        self._look_every_seconds = look_every_seconds
        self._beat = beat
        self._busy: set[TenantId] = set()
        self._more = asyncio.Event()
        self.leaving = False

    async def run(self, stop: asyncio.Event) -> None:
        """Look for due errands until `stop` is set; then finish the turns that have begun."""
        async with asyncio.TaskGroup() as turns:
            while not stop.is_set():
                self._more.clear()
                try:
                    await self.look_once(turns)
                except TransientError as error:
                    log.warning("A look for errands failed; the next one follows.", loop=self.name, error=str(error))
                self._beat(self.name)
                await unless_stopped(stop, self._more.wait(), seconds=self._look_every_seconds)
            self.leaving = True

    async def look_once(self, turns: asyncio.TaskGroup) -> int:
        """Begin a turn for each tenant that has due errands and none in hand, and return how many began."""
        holds, begun = self._holds.current(), 0
        for head in await self._store.errand_heads(self._work.errand):
            hold, tenant = holds.get(head.shard), head.tenant
            if hold is None or head.overdue < timedelta(0) or tenant in self._busy or not self._awake(tenant):
                continue
            room = self._work.room(tenant)
            if room > 0:
                begun += 1
                self._busy.add(tenant)
                ask = ClaimAsk(hold, tenant, head.flow, room)
                turns.create_task(self._turn(ask), name=f"{self.name} of {tenant}")
        return begun

    def _awake(self, tenant: TenantId) -> bool:
        return self._tenants.served(tenant) and not self._tenants.paused(tenant)

    async def _turn(self, ask: ClaimAsk) -> None:
        try:
            if await self._work.turn(ask, go_on=lambda: not self.leaving) >= ask.limit:
                self._more.set()
        except TransientError as error:
            log.warning(
                "A turn of errands failed; it comes again.", loop=self.name, tenant=ask.tenant, error=str(error)
            )
        except Exception as error:
            # Whatever one tenant's data or system says, no other tenant may feel it.
            log.error("A turn of errands ended in a way that nobody foresaw.", loop=self.name, exc_info=error)
        finally:
            self._busy.discard(ask.tenant)
