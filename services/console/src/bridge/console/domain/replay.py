"""What a replay will do, foreseen: the publisher decides by version alone, so this does too.

Owns that decision for records in the order of the log. Knows no log and no table.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.contracts.identity import EntityNumber, Flow, TenantId, Version


class Fate(StrEnum):
    """What becomes of a record that is sent again."""

    NO_OP = "no_op"
    """The publisher has this version of the entity or a newer one: nothing changes."""
    INGESTED = "ingested"
    """It is newer than what the publisher has: it is taken in."""
    LETTER = "letter"
    """It is about no entity here, or of an unknown tenant: a dead letter, kept once however often it comes."""
    SET_ASIDE = "tenant_removed"
    """Its tenant was removed: it is logged, and nothing changes."""


class Standing(StrEnum):
    """How a tenant stands in this cell."""

    PRESENT = "present"
    REMOVED = "removed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, order=True)
class EntityKey:
    """Which entity a record is about."""

    tenant: TenantId
    flow: Flow
    entity: EntityNumber


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record's decisive headers; None where they name no entity."""

    tenant: TenantId | None
    key: EntityKey | None
    version: Version | None


@dataclass(slots=True)
class Forecast:
    """Fates counted per tenant, over records handed in in the order of the log."""

    counts: Counter[tuple[str, Fate]] = field(default_factory=Counter)
    reached: dict[EntityKey, Version] = field(default_factory=dict)

    def foresee(self, candidate: Candidate, *, stored: Version | None, standing: Standing) -> Fate:
        """Return and count what becomes of the next record.

        Args:
            stored: The version that the publisher holds of the entity now; None if it has never heard of it.
        """
        fate = self._fate(candidate, stored, standing)
        self.counts[candidate.tenant or "", fate] += 1
        return fate

    def total(self, fate: Fate) -> int:
        """Return how many records have this fate, over all tenants."""
        return sum(count for (_, each), count in self.counts.items() if each is fate)

    @property
    def records(self) -> int:
        """Return how many records were handed in."""
        return self.counts.total()

    def _fate(self, candidate: Candidate, stored: Version | None, standing: Standing) -> Fate:
        if candidate.key is None or candidate.version is None or standing is Standing.UNKNOWN:
            return Fate.LETTER
        if standing is Standing.REMOVED:
            return Fate.SET_ASIDE
        newest = max((v for v in (stored, self.reached.get(candidate.key)) if v is not None), default=None)
        if newest is not None and candidate.version <= newest:
            return Fate.NO_OP
        self.reached[candidate.key] = candidate.version
        return Fate.INGESTED
