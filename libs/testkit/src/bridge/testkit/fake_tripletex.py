"""A small Tripletex behind the HTTP port: sessions, whoAmI, and an answer of the test's choice.

For tests of the client's own logic. The simulator of `services/simulator` is the faithful one.
"""

import asyncio
import base64
import json
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from bridge.remote.http import HttpAnswer, HttpFailureError, HttpRequest, Timeouts
from bridge.testkit.answers import json_answer
from bridge.tripletex.access import Tokens

COMPANY: Final = 4711


@dataclass
class FakeTripletex:
    """An HTTP port that counts log-ins and keeps every request.

    `log_in`, `who_am_i` and `customers` are the answers given instead of the usual ones; `denied_paths` get a 401;
    `single_session` ends the older session at each log-in; `ends_sessions` ends each one at its first use; `pause`
    holds every log-in until it is set.
    """

    employee_token: str = "employee-1"  # noqa: S105 (made up)
    company_id: int = COMPANY
    single_session: bool = False
    ends_sessions: bool = False
    next_token: str | None = None
    log_in: HttpAnswer | None = None
    who_am_i: HttpAnswer | None = None
    customers: HttpAnswer | HttpFailureError = field(default_factory=lambda: json_answer(200, {"values": []}))
    denied_paths: tuple[str, ...] = ()
    live: set[str] = field(default_factory=set)
    log_ins: int = 0
    requests: list[HttpRequest] = field(default_factory=list)
    deadlines: list[float | None] = field(default_factory=list)
    logging_in: asyncio.Event = field(default_factory=asyncio.Event)
    pause: asyncio.Event | None = None

    async def send(self, request: HttpRequest, *, timeouts: Timeouts, not_after: float | None = None) -> HttpAnswer:
        """Answer one request."""
        self.requests.append(request)
        self.deadlines.append(not_after)
        path = urlsplit(request.url).path
        if path.endswith("/token/session/:create"):
            return await self._create(request)
        scheme, _, encoded = request.headers["authorization"].partition(" ")
        user, _, token = base64.b64decode(encoded).decode().partition(":")
        known = scheme == "Basic" and user == "0" and token in self.live
        if self.ends_sessions and path.endswith(("/customer", "/invoice")):
            # As if another process had logged in since the session was made.
            self.live.clear()
            known = False
        if not known or path in self.denied_paths:
            return json_answer(401, {"status": 401, "code": 3000, "message": "Unauthorized"})
        if path.endswith("whoAmI"):
            return self.who_am_i or json_answer(200, {"value": {"companyId": self.company_id}})
        if isinstance(self.customers, HttpFailureError):
            raise self.customers
        return self.customers

    async def _create(self, request: HttpRequest) -> HttpAnswer:
        self.log_ins += 1
        number = self.log_ins
        self.logging_in.set()
        if self.pause is not None:
            await self.pause.wait()
        if self.log_in is not None:
            return self.log_in
        if json.loads(request.body or b"")["employeeToken"] != self.employee_token:
            return refused_token()
        if self.single_session:
            self.live.clear()
        token = self.next_token or f"session{number}"
        self.live.add(token)
        return json_answer(201, {"value": {"token": token, "employeeToken": None}})

    def calls(self, path: str) -> list[HttpRequest]:
        """Return the requests to a path of the API."""
        return [request for request in self.requests if urlsplit(request.url).path == f"/v2{path}"]


def refused_token() -> HttpAnswer:
    """Answer as Tripletex does to a token it does not know."""
    complaint = {"field": "arg:employeeToken", "message": "Ugyldig.", "path": None, "rootId": None}
    body = {"status": 422, "code": 18000, "message": "Validering feilet.", "validationMessages": [complaint]}
    return json_answer(422, body)


@dataclass
class SecretFiles:
    """A tenant's secret files: read anew each time, changed by the test."""

    employee: str = "employee-1"
    reads: int = 0

    def __call__(self) -> Tokens:
        self.reads += 1
        return Tokens(consumer=SecretStr("consumer-1"), employee=SecretStr(self.employee))
