"""One call from request to outcome."""

from bridge.remote.classify import CallKind, classify
from bridge.remote.http import AnswerLostError, HttpPort, HttpRequest, NotSentError, Timeouts
from bridge.remote.outcome import Outcome


async def call(
    port: HttpPort, kind: CallKind, request: HttpRequest, *, timeouts: Timeouts, not_after: float | None = None
) -> Outcome:
    """Send once and say what became of it; raises nothing of the network's.

    Args:
        port: Where to send.
        kind: What the call may do at the far side.
        request: What to send.
        timeouts: Limits in seconds.
        not_after: Boot seconds after which the first byte must not leave.
    """
    try:
        return classify(kind, await port.send(request, timeouts=timeouts, not_after=not_after))
    except (NotSentError, AnswerLostError) as failure:
        return classify(kind, failure)
