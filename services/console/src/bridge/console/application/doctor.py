"""The doctor: every precondition of a tenant's flow, looked at one by one, each with its remedy.

Owns the course of an examination. What a check looks at, and how, is its adapter's.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bridge.contracts.reasons import REASONS, Reason
from bridge.runtime.errors import BridgeError


class UnhealthyError(BridgeError):
    """A precondition does not hold; `remedy` says what to do about it."""

    def __init__(self, finding: str, *, remedy: str | None = None) -> None:
        self.remedy = remedy
        super().__init__(finding)


@dataclass(frozen=True, slots=True)
class Check:
    """One precondition. `look` returns what it found, or raises a BridgeError that says what is wrong."""

    name: str
    look: Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; `remedy` is there where it is bad and the finding does not say it itself."""

    check: str
    good: bool
    found: str
    remedy: str | None


async def examine(checks: Sequence[Check]) -> tuple[Finding, ...]:
    """Carry out every check in order, whatever the ones before it found."""
    return tuple([await _examine(check) for check in checks])


async def _examine(check: Check) -> Finding:
    try:
        return Finding(check.name, True, await check.look(), None)
    except BridgeError as error:
        return Finding(check.name, False, str(error), _remedy(error))


def _remedy(error: BridgeError) -> str | None:
    if isinstance(error, UnhealthyError):
        return error.remedy
    reason = getattr(error, "reason", None)
    return REASONS[reason].remedy if isinstance(reason, Reason) else None
