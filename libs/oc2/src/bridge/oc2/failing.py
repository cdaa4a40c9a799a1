"""From the outcome of a reading call at OC2 to the error that says what to do next."""

from bridge.contracts.reasons import Reason
from bridge.oc2.access import Oc2Tenant
from bridge.remote.errors import CredentialsRefusedError, RateLimitedError, RightsMissingError
from bridge.remote.outcome import Applied, NotSent, Outcome, Refused, Unauthorized, Unknown
from bridge.remote.pacing import DEFAULT_PAUSE
from bridge.runtime.errors import BridgeError, TargetUnavailableError


def failure(tenant: Oc2Tenant, outcome: Outcome, what: str) -> BridgeError:
    """Return the error for a call that did not give `what`; raise it at the call's place."""
    who = f"OC2, tenant {tenant.tenant}, {what}"
    match outcome:
        case Unauthorized():
            return CredentialsRefusedError(
                f"{who}: the key is refused. Put a valid key into the secret that the tenant file names."
            )
        case NotSent(after=pause, reason=Reason.RATE_LIMITED):
            return RateLimitedError(f"{who}: asked to pause.", retry_after=pause or DEFAULT_PAUSE)
        case NotSent(after=pause, why=why):
            return TargetUnavailableError(f"{who}: nothing was read: {why}", retry_after=pause)
        case Unknown(why=why):
            return TargetUnavailableError(f"{who}: no usable answer: {why}")
        case Refused(status=403):
            return RightsMissingError(f"{who}: the key lacks a right (403). Give it the right at OC2.")
        case Refused(status=status, detail=detail):
            return TargetUnavailableError(f"{who}: the query is refused ({status}): {detail}")
        case Applied():
            return TargetUnavailableError(f"{who}: the answer does not have the shape that was agreed.")
