"""Whose turn it is: due times, fair slots and the flow of each tenant into the outbox.

Pure over instants that are handed in (boot seconds); starts no timer and no task.
"""

import heapq
from dataclasses import dataclass, field
from itertools import count

from bridge.contracts.identity import TenantId


@dataclass(slots=True)
class TokenBucket:
    """Lets a burst pass and then a steady rate; a debt says how long to wait.

    `rate` is in rows per second, `burst` in rows.
    """

    rate: float
    burst: float
    _level: float = field(init=False)
    _at: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._level = self.burst

    def take(self, amount: int, *, now: float) -> float:
        """Take `amount` tokens at once, into debt if need be, and return the seconds until the debt is paid."""
        elapsed = now - self._at if self._at is not None else 0.0
        self._at = now
        self._level = min(self.burst, self._level + max(0.0, elapsed) * self.rate) - amount
        return max(0.0, -self._level / self.rate)


@dataclass(slots=True)
class Slots:
    """Bounded turns at once, of which tenants whose last turn was slow may fill half at most.

    So slow tenants wait for each other and never keep a quick one waiting.
    """

    total: int
    _running: dict[TenantId, bool] = field(default_factory=dict, init=False)

    def take(self, tenant: TenantId, *, slow: bool) -> bool:
        """Take a slot if one is free for this kind of tenant."""
        slow_running = sum(self._running.values())
        if len(self._running) >= self.total or (slow and slow_running >= max(1, self.total // 2)):
            return False
        self._running[tenant] = slow
        return True

    def release(self, tenant: TenantId) -> None:
        """Give the slot back."""
        self._running.pop(tenant, None)

    def is_running(self, tenant: TenantId) -> bool:
        """Return whether the tenant has its turn now."""
        return tenant in self._running

    @property
    def full(self) -> bool:
        """Return whether no slot is left for anybody."""
        return len(self._running) >= self.total


@dataclass(slots=True)
class DueTimes:
    """A heap of tenants by the instant of their next turn; the last instant set for a tenant is the one that counts."""

    _heap: list[tuple[float, int, TenantId]] = field(default_factory=list, init=False)
    _due: dict[TenantId, tuple[float, int]] = field(default_factory=dict, init=False)
    _order: "count[int]" = field(default_factory=count, init=False)

    def __contains__(self, tenant: TenantId) -> bool:
        return tenant in self._due

    def __len__(self) -> int:
        return len(self._due)

    def set(self, tenant: TenantId, due: float) -> None:
        """Set or move the tenant's next turn."""
        entry = (due, next(self._order))
        self._due[tenant] = entry
        heapq.heappush(self._heap, (*entry, tenant))

    def drop(self, tenant: TenantId) -> None:
        """Forget the tenant."""
        self._due.pop(tenant, None)

    def pop_due(self, now: float) -> TenantId | None:
        """Take out the tenant that has been due longest, None if nobody is."""
        self._discard_outdated()
        if not self._heap or self._heap[0][0] > now:
            return None
        tenant = heapq.heappop(self._heap)[2]
        del self._due[tenant]
        return tenant

    def next_due(self) -> float | None:
        """Return the instant of the next turn."""
        self._discard_outdated()
        return self._heap[0][0] if self._heap else None

    def _discard_outdated(self) -> None:
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][:2]:
            heapq.heappop(self._heap)
