"""One turn of one tenant, and what each way of its failing means.

Owns the polls in progress and each tenant's flow into the outbox. A turn never raises for one tenant's sake, so that
no tenant stops another.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Generic

from bridge.contracts.identity import TenantId
from bridge.contracts.reasons import Reason
from bridge.poller.application.ports import Gates, Memory, Post, SourceClosedError, SourcePausedError
from bridge.poller.application.steps import Poll, Reading
from bridge.poller.domain.schedule import TokenBucket
from bridge.runtime.clock import Clock
from bridge.runtime.errors import (
    BridgeError,
    ConfigurationError,
    LeaseLostError,
    StoreUnavailableError,
    TransientError,
)
from bridge.runtime.logging import get_logger, log_context
from bridge.runtime.metrics import Metric, count

FAILING_POLLS: Final = 2
"""Polls in a row that end early before the tenant's source counts as down."""
_STORE_PAUSE: Final = 1.0
_GATE_PAUSE: Final = 30.0
_MAX_RETRY: Final = 5.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FlowRules:
    """How fast one tenant's changes may enter the outbox: rows per second, and rows at once."""

    rate: float = 500.0
    burst: float = 2000.0


@dataclass(slots=True)
class Turns(Generic[Reading]):
    """Carries out the turns of one flow; each returns the seconds until the tenant's next one."""

    poll: Poll[Reading]
    memory: Memory
    gates: Gates
    clock: Clock
    flow_rules: FlowRules
    _readings: dict[TenantId, Reading] = field(default_factory=dict)
    _buckets: dict[TenantId, TokenBucket] = field(default_factory=dict)

    def forget(self, tenant: TenantId) -> None:
        """Drop what is in progress for a tenant: it has another owner, or must be read from the start."""
        self._readings.pop(tenant, None)
        self._buckets.pop(tenant, None)

    async def turn(self, post: Post, *, interval: timedelta) -> float:
        """Do one step of the tenant's poll, unless a gate is in the way.

        Raises:
            ConfigurationError: The process itself cannot work as it is set up.
        """
        if self.gates.blocked(post.tenant) is not None:
            self.forget(post.tenant)
            return _GATE_PAUSE
        with log_context(tenant=post.tenant):
            try:
                return await self._step(post, interval)
            except SourcePausedError as error:
                return _seconds(error.retry_after, default=_MAX_RETRY)
            except (ConfigurationError, LeaseLostError, StoreUnavailableError) as error:
                self.forget(post.tenant)
                return self._not_the_sources_fault(error, interval)
            except Exception as error:  # noqa: BLE001 - whatever one tenant's data does, no other tenant may feel it
                self.forget(post.tenant)
                return await self._end_early(post, error, interval)

    async def _step(self, post: Post, interval: timedelta) -> float:
        reading = self._readings.get(post.tenant)
        if reading is None or reading.epoch != post.epoch:
            reading = self._readings[post.tenant] = await self.poll.begin(post)
        step = await self.poll.step(post, reading, interval=interval)
        wait = self._debt(post.tenant, step.emitted)
        if step.reading is not None:
            return wait
        self._readings.pop(post.tenant, None)
        elapsed = self.clock.boot() - reading.began_at
        return max(wait, interval.total_seconds() - elapsed, 0.0)

    def _debt(self, tenant: TenantId, emitted: int) -> float:
        bucket = self._buckets.get(tenant)
        if bucket is None:
            bucket = self._buckets[tenant] = TokenBucket(self.flow_rules.rate, self.flow_rules.burst)
        return bucket.take(emitted, now=self.clock.boot())

    def _not_the_sources_fault(self, error: BridgeError, interval: timedelta) -> float:
        if isinstance(error, ConfigurationError):
            raise error
        if isinstance(error, LeaseLostError):
            log.info("The tenant has another owner now.", error=str(error))
            return interval.total_seconds()
        log.warning("The poll ended early; the store does not answer.", error=str(error))
        return _STORE_PAUSE

    async def _end_early(self, post: Post, error: Exception, interval: timedelta) -> float:
        reason = error.reason if isinstance(error, SourceClosedError) else Reason.SOURCE_DOWN
        why = str(error) if isinstance(error, BridgeError) else f"An unforeseen {type(error).__name__} ended the poll."
        count(Metric.POLLS, tenant=post.tenant, flow=post.flow.value, outcome=reason.value)
        if isinstance(error, BridgeError):
            log.warning("The poll ended early.", reason=reason.value, error=why)
        else:
            log.error("The poll ended early in a way that nobody foresaw.", exc_info=error)
        retry = min(interval.total_seconds(), _MAX_RETRY)
        try:
            async with self.memory.unit(post) as unit:
                failing = await unit.save_failure(why, due_in=timedelta(seconds=retry))
            if isinstance(error, SourceClosedError) or failing >= FAILING_POLLS:
                await self.gates.close(post, reason, why)
        except (LeaseLostError, TransientError) as second:
            log.warning("The failure could not be written down.", error=str(second))
        return retry


def _seconds(pause: timedelta | None, *, default: float) -> float:
    return pause.total_seconds() if pause is not None else default
