"""The loop that gives tenants their turns: a heap of due times, bounded slots, no task or timer per idle tenant."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Protocol

from bridge.contracts.identity import Flow, TenantId
from bridge.contracts.reasons import Reason
from bridge.poller.application.ports import Charge, Gates, Memory, Post, Roster
from bridge.poller.domain.schedule import DueTimes, Slots
from bridge.runtime.clock import Clock
from bridge.runtime.errors import TransientError
from bridge.runtime.lifecycle import unless_stopped
from bridge.runtime.logging import get_logger

LOOK_SECONDS: Final = 0.5
"""How often the roster and the gates are looked at while nothing is due."""
_LEAVE_SECONDS: Final = 5.0

log = get_logger(__name__)


class TakesTurns(Protocol):
    """Carries out turns; see `turns.Turns`."""

    def forget(self, tenant: TenantId) -> None: ...

    async def turn(self, post: Post, *, interval: timedelta) -> float: ...


@dataclass(slots=True)
class Rounds:
    """Gives turns until told to stop; a `Loop`.

    Args:
        slow_seconds: A tenant whose turn took longer counts as slow and shares half of the slots with its like.
    """

    roster: Roster
    turns: TakesTurns
    memory: Memory
    gates: Gates
    clock: Clock
    slots: Slots
    flow: Flow
    slow_seconds: float
    beat: Callable[[str], None]
    name: str = "polls"
    _due: DueTimes = field(default_factory=DueTimes)
    _charges: Mapping[TenantId, Charge] = field(default_factory=dict)
    _blocked: dict[TenantId, Reason] = field(default_factory=dict)
    _gates_seen: object = None
    _gates_for: object = None
    _slow: set[TenantId] = field(default_factory=set)
    _put_off: list[TenantId] = field(default_factory=list)
    _again: set[TenantId] = field(default_factory=set)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def poll_anew(self, tenant: TenantId) -> None:
        """Drop the tenant's poll in progress and begin a new one as soon as may be."""
        self.turns.forget(tenant)
        if self.slots.is_running(tenant):
            self._again.add(tenant)
        elif tenant in self._charges:
            self._due.set(tenant, self.clock.boot())
        self._wake.set()

    def overdue_seconds(self) -> float:
        """Return for how long the tenant that is next has been due without a turn; 0 if none is.

        Slow tenants that wait for each other do not count.
        """
        due = self._due.next_due()
        return max(0.0, self.clock.boot() - due) if due is not None else 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Give turns; once `stop` is set begin no more, and wait a moment for those that run."""
        running: set[asyncio.Task[None]] = set()
        try:
            while not stop.is_set():
                self._wake.clear()
                await self._look_around()
                self._begin_turns(running)
                running = _still_running(running)
                self.beat(self.name)
                await unless_stopped(stop, self._wake.wait(), seconds=self._pause())
            if running:
                await asyncio.wait(running, timeout=_LEAVE_SECONDS)
        finally:
            # A turn that is cut off loses nothing: its transaction rolls back and the cursor has not moved.
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _look_around(self) -> None:
        charges = self.roster.charges()
        if charges is not self._charges:
            try:
                await self._take_charges(charges)
            except TransientError as error:
                log.warning("The due times could not be read; they are asked for again.", error=str(error))
        if (snapshot := self.gates.snapshot()) is not self._gates_seen or charges is not self._gates_for:
            self._gates_seen, self._gates_for = snapshot, charges
            for tenant in self._charges:
                self._notice_gate(tenant)

    async def _take_charges(self, charges: Mapping[TenantId, Charge]) -> None:
        new = [tenant for tenant in charges if tenant not in self._charges]
        due_in = await self.memory.due_in(new, self.flow) if new else {}
        now = self.clock.boot()
        before, self._charges = self._charges, charges
        for tenant in before.keys() - charges.keys():
            self._due.drop(tenant)
            self.turns.forget(tenant)
            self._blocked.pop(tenant, None)
        for tenant in new:
            self._due.set(tenant, now + due_in.get(tenant, 0.0))
        for tenant in before.keys() & charges.keys():
            if before[tenant] != charges[tenant]:
                self.poll_anew(tenant)

    def _notice_gate(self, tenant: TenantId) -> None:
        reason, before = self.gates.blocked(tenant), self._blocked.get(tenant)
        if reason is before:
            return
        if reason is not None:
            self._blocked[tenant] = reason
        else:
            del self._blocked[tenant]
            self.poll_anew(tenant)

    def _begin_turns(self, running: set["asyncio.Task[None]"]) -> None:
        now = self.clock.boot()
        while not self.slots.full and (tenant := self._due.pop_due(now)) is not None:
            if self.slots.is_running(tenant):
                self._again.add(tenant)
            elif self.slots.take(tenant, slow=tenant in self._slow):
                running.add(asyncio.create_task(self._turn(self._charges[tenant]), name=f"turn {tenant}"))
            else:
                self._put_off.append(tenant)

    async def _turn(self, charge: Charge) -> None:
        tenant, began = charge.post.tenant, self.clock.boot()
        try:
            wait = await self.turns.turn(charge.post, interval=charge.interval)
        finally:
            self.slots.release(tenant)
            self._wake.set()
        now = self.clock.boot()
        (self._slow.add if now - began > self.slow_seconds else self._slow.discard)(tenant)
        if tenant in self._again:
            self._again.discard(tenant)
            self.turns.forget(tenant)
            wait = 0.0
        if tenant in self._charges:
            self._due.set(tenant, now + wait)
        self._call_back(now)

    def _call_back(self, now: float) -> None:
        """Let the slow tenants that found no slot try again, now that a turn has ended."""
        put_off, self._put_off = self._put_off, []
        for tenant in put_off:
            if tenant in self._charges:
                self._due.set(tenant, now)

    def _pause(self) -> float:
        due = self._due.next_due()
        if due is None or self.slots.full:
            return LOOK_SECONDS
        return min(LOOK_SECONDS, max(0.0, due - self.clock.boot()))


def _still_running(tasks: set["asyncio.Task[None]"]) -> set["asyncio.Task[None]"]:
    """Drop the tasks that are done; one that failed fails the loop."""
    for task in tasks:
        if task.done():
            task.result()
    return {task for task in tasks if not task.done()}
