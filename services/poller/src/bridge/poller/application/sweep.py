"""Find deletions: rows that a crawl did not see are asked for one by one, and withdrawn only on a plain 404.

A list that misses many rows is likelier a fault (a token with fewer rights, the wrong company) than a mass deletion:
then nothing is withdrawn and the gate `too_many_missing` closes. A person opens it.
"""

from dataclasses import dataclass

from bridge.contracts.reasons import Reason
from bridge.poller.application.observe import Look, Observer
from bridge.poller.application.ports import CustomerSource, Gates, Memory, Post
from bridge.poller.application.reading import Reading
from bridge.poller.domain.cursor import is_implausible
from bridge.runtime.logging import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SweepRules:
    """When absences are implausible (rows, share of the known ones), and how many are looked at per turn."""

    missing_floor: int = 20
    missing_share: float = 0.05
    per_turn: int = 20


class Sweep:
    """Looks into the rows that a crawl did not see."""

    def __init__(
        self, *, memory: Memory, source: CustomerSource, observer: Observer, gates: Gates, rules: SweepRules
    ) -> None:
        self._memory = memory
        self._source = source
        self._observer = observer
        self._gates = gates
        self._rules = rules

    async def find_missing(self, post: Post, reading: Reading) -> None:
        """Fill `reading.missing` with the rows to ask for; none while their absence is implausible."""
        async with self._memory.unit(post) as unit:
            standing, held = await unit.standing_ids(), unit.cursor.missing_held
        missing = reading.find_missing(standing)
        implausible = is_implausible(
            missing=len(missing),
            known=len(standing),
            floor=self._rules.missing_floor,
            share=self._rules.missing_share,
        )
        closed = bool(missing) and (implausible or held is not None) and await self._gates.withdrawals_held(post)
        if closed or (implausible and (held is None or len(missing) > held)):
            reading.missing, reading.held_back = [], max(held or 0, len(missing))
        else:
            # Plausible; or held back before, and the gate is open again: a person has looked and let it pass.
            reading.missing = missing
        if implausible and not reading.missing and not closed:
            await self._close_gate(post, missing=len(missing), known=len(standing))

    async def _close_gate(self, post: Post, *, missing: int, known: int) -> None:
        why = f"{missing} of {known} known customers are missing at the source; none was withdrawn."
        await self._gates.close(post, Reason.TOO_MANY_MISSING, why)
        log.warning("Implausibly many customers are missing.", tenant=post.tenant, missing=missing, known=known)

    async def look_at_missing(self, post: Post, reading: Reading) -> int:
        """Ask for a handful of the missing rows and observe what comes back; return the events told."""
        assert reading.missing is not None
        batch = reading.missing[: self._rules.per_turn]
        for source_id in batch:
            if source_id not in reading.alone:
                reading.alone[source_id] = await self._source.get(post.tenant, source_id)
        observed = await self._observer.observe(post, Look(alone=reading.alone))
        del reading.missing[: len(batch)]
        return observed.emitted
