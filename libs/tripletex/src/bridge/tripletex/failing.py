"""From the outcome of a reading call to the error that says what to do next, and the envelope of an answer."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

from bridge.contracts.reasons import Reason
from bridge.remote.errors import (
    CredentialsRefusedError,
    RateLimitedError,
    RightsMissingError,
    TooManyCustomersError,
)
from bridge.remote.outcome import Applied, NotSent, Outcome, Refused, Unauthorized, Unknown
from bridge.remote.pacing import DEFAULT_PAUSE
from bridge.runtime.errors import BridgeError, SourceUnavailableError
from bridge.tripletex.access import TripletexTenant
from bridge.tripletex.reading import FieldError, Raw

CODE_TOO_MANY: Final = 23000
CODE_NOT_FOUND: Final = 6000

_Row = TypeVar("_Row")


def failure(tenant: TripletexTenant, outcome: Outcome, what: str) -> BridgeError:
    """Return the error for a call that did not give `what` ("page 3"); raise it at the call's place."""
    who = f"Tripletex, tenant {tenant.tenant}, {what}"
    match outcome:
        case Unauthorized():
            return CredentialsRefusedError(
                f"{who}: a session made a moment ago is refused. Check the token's rights; the next probe tries again."
            )
        case NotSent(after=pause, reason=Reason.RATE_LIMITED):
            return RateLimitedError(f"{who}: asked to pause.", retry_after=pause or DEFAULT_PAUSE)
        case NotSent(after=pause, why=why):
            return SourceUnavailableError(f"{who}: nothing was read: {why}", retry_after=pause)
        case Unknown(why=why):
            return SourceUnavailableError(f"{who}: no usable answer: {why}")
        case Refused(status=403):
            return RightsMissingError(
                f"{who}: the token lacks a right (403). Give it the rights that the preconditions list."
            )
        case Refused(code=code) if code == CODE_TOO_MANY:
            return TooManyCustomersError(f"{who}: more rows match than one query may return (422, code 23000).")
        case Refused(status=status, code=code, detail=detail):
            return SourceUnavailableError(f"{who}: the query is refused ({status}, code {code}): {detail}")
        case Applied():
            return SourceUnavailableError(f"{who}: the answer does not have the shape that was agreed.")


def value_of(applied: Applied) -> Mapping[str, object]:
    """Return the `value` object of a single answer; empty if it has none."""
    body = applied.body
    value = body.get("value") if isinstance(body, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def rows_of(tenant: TripletexTenant, outcome: Outcome, what: str) -> list[Raw]:
    """Return the `values` of one page of a list.

    Raises:
        BridgeError: As `failure` says; for an answer that is no page, too.
    """
    body = outcome.body if isinstance(outcome, Applied) else None
    values = body.get("values") if isinstance(body, Mapping) else None
    if not isinstance(values, list) or not all(isinstance(row, Mapping) for row in values):
        raise failure(tenant, outcome, what)
    return values


def read_each(tenant: TripletexTenant, what: str, rows: Iterable[Raw], read: Callable[[Raw], _Row]) -> tuple[_Row, ...]:
    """Return every row read.

    Raises:
        SourceUnavailableError: One row breaks the contract; to leave it out would pass for an absence.
    """
    try:
        return tuple(read(row) for row in rows)
    except FieldError as error:
        raise SourceUnavailableError(
            f"Tripletex, tenant {tenant.tenant}, {what}: the answer breaks its contract: {error}."
        ) from error
