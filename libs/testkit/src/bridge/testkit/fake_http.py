"""An HTTP port that gives prepared answers in order and keeps what was asked."""

from collections.abc import Sequence

from bridge.remote.http import HttpAnswer, HttpFailureError, HttpRequest, Timeouts


class ScriptedPort:
    """Answers each request with the next of `script`; the last one is repeated."""

    def __init__(self, *script: HttpAnswer | HttpFailureError) -> None:
        self._script: Sequence[HttpAnswer | HttpFailureError] = script
        self.requests: list[HttpRequest] = []
        self.deadlines: list[float | None] = []

    async def send(self, request: HttpRequest, *, timeouts: Timeouts, not_after: float | None = None) -> HttpAnswer:
        """Give the next answer or raise the next failure."""
        answer = self._script[min(len(self.requests), len(self._script) - 1)]
        self.requests.append(request)
        self.deadlines.append(not_after)
        if isinstance(answer, HttpFailureError):
            raise answer
        return answer
