"""The remedy of a reason as tables keep it: a text that an older or newer release may have written."""

from bridge.contracts.reasons import REASONS, Reason


def remedy_of(reason: str) -> str | None:
    """Return what to do about a reason, None if this release does not know it."""
    return REASONS[Reason(reason)].remedy if reason in set(Reason) else None
