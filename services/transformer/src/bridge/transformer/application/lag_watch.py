"""Asks the source now and then how far behind it is, for the readiness probe and the lag metric."""

import asyncio
from typing import Final

from bridge.runtime.errors import TransientError
from bridge.runtime.health import Health
from bridge.runtime.lifecycle import until_stopped
from bridge.runtime.metrics import Metric, gauge
from bridge.transformer.application.ports import RecordSource
from bridge.transformer.application.progress import Progress

_ANSWER_SECONDS: Final = 10.0
"""Above the 1.5 s for which an idle fetch may hold the connection that the question goes through."""


class LagWatch:
    """A loop beside `Transform`; it changes nothing."""

    name = "lag"

    def __init__(
        self, source: RecordSource, *, group: str, progress: Progress, health: Health, interval_seconds: float
    ) -> None:
        self._source = source
        self._group = group
        self._progress = progress
        self._health = health
        self._interval_seconds = interval_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Turn until told to stop."""
        while not stop.is_set():
            self._health.beat(self.name)
            await self.look()
            await until_stopped(stop, self._interval_seconds)

    async def look(self) -> None:
        """Ask once. A broker that does not answer in time changes nothing that was known before."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                lag = await self._source.lag()
        except (TimeoutError, TransientError):
            return
        for (topic, partition), records in (lag or {}).items():
            gauge(Metric.CONSUMER_LAG, records, group=self._group, topic=topic, partition=str(partition))
        self._progress.behind(None if lag is None else sum(lag.values()))
