"""Errors of reading calls: why a client could not give what was asked.

    BridgeError
      TransientError
        SourceUnavailableError  TargetUnavailableError   (bridge.runtime) the far side does not answer as it should
        RateLimitedError                                 the far side asked for a pause
      AccessDeniedError                                  close the tenant's gate with `reason`
        CredentialsRefusedError  WrongCompanyError  RightsMissingError  TooManyCustomersError

Writing calls do not raise these for what the far side said: their result is an `Outcome`.
"""

from datetime import timedelta

from bridge.contracts.reasons import Reason
from bridge.runtime.errors import BridgeError, TransientError


class RateLimitedError(TransientError):
    """The far side asked for a pause; `retry_after` is always set."""

    reason = Reason.RATE_LIMITED

    def __init__(self, message: str, *, retry_after: timedelta) -> None:
        super().__init__(message, retry_after=retry_after)
        self.pause = retry_after


class AccessDeniedError(BridgeError):
    """The tenant's right to use the system is gone until somebody acts; `reason` is the gate's."""

    reason: Reason = Reason.CREDENTIALS_REFUSED


class CredentialsRefusedError(AccessDeniedError):
    """The system does not accept the tenant's key or tokens."""

    reason = Reason.CREDENTIALS_REFUSED


class WrongCompanyError(AccessDeniedError):
    """The session belongs to another company than the one pinned for the tenant; nothing was read with it."""

    reason = Reason.WRONG_COMPANY


class RightsMissingError(AccessDeniedError):
    """The token lacks a right that the call needs."""

    reason = Reason.RIGHTS_MISSING


class TooManyCustomersError(AccessDeniedError):
    """One query matches more rows than the system returns."""

    reason = Reason.TOO_MANY_CUSTOMERS
