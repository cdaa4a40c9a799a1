"""The other end of a mapping: why a content cannot be mapped."""

from dataclasses import dataclass

from bridge.contracts.reasons import Reason


@dataclass(frozen=True, slots=True)
class Unmapped:
    """Why a content cannot be mapped. `field` is the source's name of the field at fault."""

    reason: Reason
    field: str | None
    detail: str
