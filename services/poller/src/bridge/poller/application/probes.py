"""Look behind closed gates: one probe per gate and interval over all replicas; a good one opens the gate.

A gate therefore never outlives its cause for longer than the interval, through restarts and takeovers too, and what a
person closed stays closed.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from bridge.contracts.identity import Flow, TenantId
from bridge.poller.application.ports import Checkable, Gates, Post, Probe, SourceClosedError
from bridge.runtime.errors import BridgeError
from bridge.runtime.logging import get_logger

PROBES_AT_ONCE: Final = 8

log = get_logger(__name__)


class Prober:
    """Carries out due probes for the tenants held."""

    def __init__(self, *, source: Checkable, gates: Gates, flow: Flow) -> None:
        self._source = source
        self._gates = gates
        self._flow = flow

    async def probe_due(self, tenants: Sequence[TenantId]) -> int:
        """Probe what is due and open what answers; return how many gates opened.

        Raises:
            StoreUnavailableError: The database did not answer.
        """
        probes = await self._gates.due_probes(tenants)
        limit = asyncio.Semaphore(PROBES_AT_ONCE)

        async def one(probe: Probe) -> bool:
            async with limit:
                return await self._probe(probe)

        return sum(await asyncio.gather(*(one(probe) for probe in probes)))

    async def _probe(self, probe: Probe) -> bool:
        try:
            await self._source.check(probe.tenant)
        except SourceClosedError as error:
            if error.reason is not probe.reason:
                await self._gates.close(Post(probe.tenant, self._flow, 0), error.reason, str(error))
            return False
        except BridgeError as error:
            log.info("A probe failed; the gate stays closed.", tenant=probe.tenant, gate=probe.gate, error=str(error))
            return False
        await self._gates.open(probe)
        log.info("A probe succeeded; the gate is open.", tenant=probe.tenant, gate=probe.gate)
        return True
