"""What an answer, or the lack of one, means for the call: one table, read from the top, first match wins.

Pure. Decides by status, code and shape, never by a text, since texts follow the employee's language. Where in doubt it
says Unknown: that costs a look-up, while a wrong Refused loses a change and a wrong NotSent may double an invoice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from bridge.contracts.reasons import Reason
from bridge.remote.body import MalformedAnswerError, json_body
from bridge.remote.http import AnswerLostError, HttpAnswer, NotSentError
from bridge.remote.outcome import Applied, NotSent, Outcome, Refused, Unauthorized, Unknown
from bridge.remote.pacing import MAX_PAUSE, read_rate, read_retry_after
from bridge.remote.problem import Problem, read_problem


class CallKind(StrEnum):
    """What a call may do at the far side."""

    GET = "get"
    IDEMPOTENT_PUT = "idempotent_put"
    POST_CREATE = "post_create"
    BULK_PUT = "bulk_put"
    PUT_INSIDE = "put_inside"
    """An idempotent write inside something that may be gone at the far side."""


_ALL: Final = frozenset(CallKind)
_WRITES: Final = _ALL - {CallKind.GET}
_INSIDE: Final = frozenset({CallKind.PUT_INSIDE})
_CALLS: Final = {_ALL: "all", _WRITES: "writes", _INSIDE: "writes inside a batch"}
_CODE_UNSPECIFIED: Final = 1000
"""Tripletex's `Unspecified exception`: an internal failure dressed as 400 or 409."""
_NO_CONTENT: Final = 204
_REQUEST_ID_HEADER: Final = "x-tlx-request-id"
_REQUEST_ID_LENGTH: Final = 100


@dataclass(frozen=True, slots=True)
class _Facts:
    """One answer, read once. `body` is None unless `is_json`; `problem` is set if it is an error body."""

    answer: HttpAnswer
    is_json: bool
    body: object
    problem: Problem | None
    pause: timedelta | None

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def code(self) -> int | None:
        return self.problem.code if self.problem else None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `calls` are the kinds it holds for; the texts are what the documentation prints."""

    id: str
    calls: frozenset[CallKind]
    seen: str
    outcome: str
    why: str
    _when: Callable[[_Facts], bool]
    _then: Callable[[_Facts], Outcome]


def classify(
    kind: CallKind,
    result: HttpAnswer | NotSentError | AnswerLostError,
    *,
    max_pause: timedelta = MAX_PAUSE,
    decimals: bool = False,
) -> Outcome:
    """Return what became of the call.

    Args:
        kind: What the call may do.
        result: The answer, or how the call ended without one.
        max_pause: The longest pause taken over from `Retry-After`.
        decimals: Whether the body's fractions are read as exact decimals instead of floats.
    """
    if isinstance(result, NotSentError):
        return NotSent(None, str(result))
    if isinstance(result, AnswerLostError):
        return Unknown(str(result))
    facts = _read(result, max_pause, decimals=decimals)
    return _matching(kind, facts)._then(facts)


def row_of(kind: CallKind, answer: HttpAnswer) -> str:
    """Return the id of the row that decides about the answer."""
    return _matching(kind, _read(answer, MAX_PAUSE)).id


def _matching(kind: CallKind, facts: _Facts) -> Row:
    return next(row for row in ROWS if kind in row.calls and row._when(facts))


def _read(answer: HttpAnswer, max_pause: timedelta, *, decimals: bool = False) -> _Facts:
    try:
        body, is_json = json_body(answer, decimals=decimals), True
    except MalformedAnswerError:
        body, is_json = None, False
    problem = read_problem(body) if is_json else None
    return _Facts(answer, is_json, body, problem, read_retry_after(answer.headers, cap=max_pause))


def _unknown(facts: _Facts) -> Outcome:
    shape = "JSON" if facts.is_json else "no JSON"
    code = f", code {facts.code}" if facts.code is not None else ""
    return Unknown(f"status {facts.status}{code} with {shape}", _request_id(facts))


def _refused(reason: Reason) -> Callable[[_Facts], Outcome]:
    def refuse(facts: _Facts) -> Outcome:
        problem = facts.problem
        return Refused(
            reason=reason,
            status=facts.status,
            code=facts.code,
            fields=problem.fields if problem else (),
            detail=problem.text if problem else f"status {facts.status}",
            body=facts.body,
            request_id=_request_id(facts),
        )

    return refuse


def _request_id(facts: _Facts) -> str | None:
    told = facts.answer.headers.get(_REQUEST_ID_HEADER)
    return told[:_REQUEST_ID_LENGTH] if told else None


def _limited(facts: _Facts) -> Outcome:
    reset = read_rate(facts.answer.headers).reset
    pause = facts.pause or (timedelta(seconds=reset + 1) if reset is not None else None)
    return NotSent(pause, "status 429", Reason.RATE_LIMITED)


def _not_sent(facts: _Facts) -> Outcome:
    return NotSent(facts.pause, f"status {facts.status}", Reason.TARGET_DOWN)


def _is_2xx(facts: _Facts) -> bool:
    return 200 <= facts.status < 300


def _status(*statuses: int) -> Callable[[_Facts], bool]:
    return lambda facts: facts.status in statuses


ROWS: Final[tuple[Row, ...]] = (
    Row(
        "applied",
        _ALL,
        "2xx with JSON, or 204",
        "Applied",
        "The far side did as asked.",
        lambda f: f.status == _NO_CONTENT or (_is_2xx(f) and f.is_json),
        lambda f: Applied(f.answer, f.body),
    ),
    Row(
        "malformed-2xx",
        _ALL,
        "2xx whose body is cut, HTML, or not in its charset",
        "Unknown",
        "A proxy's page or a cut answer; the effect may have happened.",
        _is_2xx,
        _unknown,
    ),
    Row(
        "redirect",
        _ALL,
        "1xx or 3xx",
        "Unknown",
        "Never followed with credentials; some servers redirect after the effect.",
        lambda f: f.status < 400,
        _unknown,
    ),
    Row(
        "unauthorized",
        _ALL,
        "401",
        "Unauthorized",
        "Decided before any effect: renew the session once, then close the gate.",
        _status(401),
        lambda f: Unauthorized(f"status 401, code {f.code}" if f.code is not None else "status 401"),
    ),
    Row(
        "rate-limited",
        _ALL,
        "429",
        "NotSent",
        "Refused before any effect; the pause is Retry-After, else the reset header, else unsaid.",
        _status(429),
        _limited,
    ),
    Row(
        "asked-to-wait",
        _ALL,
        "503 with a usable Retry-After",
        "NotSent",
        "A deliberate refusal that says when to come back.",
        lambda f: f.status == 503 and f.pause is not None,
        _not_sent,
    ),
    Row(
        "server-failure",
        _ALL,
        "5xx, whatever the body",
        "Unknown",
        "Seen at Tripletex as JSON, as HTML and as JSON that does not parse; effects were stored before some of them.",
        lambda f: f.status >= 500,
        _unknown,
    ),
    Row(
        "request-timeout",
        _ALL,
        "408",
        "Unknown",
        "The server gave up waiting, perhaps after it had begun.",
        _status(408),
        _unknown,
    ),
    Row(
        "too-large",
        _ALL,
        "413, whatever the body",
        "Refused",
        "Turned away for its size; a list is then sent one by one.",
        _status(413),
        _refused(Reason.TARGET_REFUSED),
    ),
    Row(
        "unspecified",
        _ALL,
        "400/1000 or 409/1000",
        "Unknown",
        "Tripletex's unspecified exception is an internal failure.",
        lambda f: f.status in (400, 409) and f.code == _CODE_UNSPECIFIED,
        _unknown,
    ),
    Row(
        "conflict",
        _ALL,
        "409 with any JSON object",
        "Refused",
        "Something is in the way, and the answer may hold it (OC2 returns the payment term that exists).",
        lambda f: f.status == 409 and isinstance(f.body, Mapping),
        _refused(Reason.TARGET_REFUSED),
    ),
    Row(
        "4xx-not-a-problem",
        _ALL,
        "other 4xx whose body is no error body (HTML, empty)",
        "Unknown",
        "Not the application speaking but something in front of it; an outage is not poison.",
        lambda f: f.problem is None,
        _unknown,
    ),
    Row(
        "rights-missing",
        _ALL,
        "403",
        "Refused",
        "A missing right; for an invoice also no proof of absence, so it is looked up.",
        _status(403),
        _refused(Reason.RIGHTS_MISSING),
    ),
    Row(
        "container-gone",
        _INSIDE,
        "404 on a write inside something",
        "Refused",
        "What it would be written into is gone (OC2 has archived the batch), which is final and harmless.",
        _status(404),
        _refused(Reason.TARGET_REFUSED),
    ),
    Row(
        "no-such-address",
        _WRITES,
        "404 or 405 on a write",
        "NotSent",
        "The address is not served, which is a setting and not the entity's fault.",
        _status(404, 405),
        _not_sent,
    ),
    Row(
        "refused",
        _ALL,
        "every other 4xx with an error body",
        "Refused",
        "The content is declined; the fields named go into the dead letter.",
        lambda f: True,
        _refused(Reason.TARGET_REFUSED),
    ),
)
_WITHOUT_ANSWER: Final = (
    ("not-sent", "no connection, pool full, or deadline passed before the first byte", "NotSent", "Nothing left."),
    (
        "answer-lost",
        "time-out, reset or half an answer after the first byte",
        "Unknown",
        "The effect may have happened.",
    ),
)


def table() -> tuple[Mapping[str, str], ...]:
    """Return the table for the documentation: one mapping a row, in the order in which rows are tried."""
    without = tuple(
        {"id": row_id, "calls": "all", "seen": seen, "outcome": outcome, "why": why}
        for row_id, seen, outcome, why in _WITHOUT_ANSWER
    )
    return without + tuple(
        {
            "id": row.id,
            "calls": _CALLS[row.calls],
            "seen": row.seen,
            "outcome": row.outcome,
            "why": row.why,
        }
        for row in ROWS
    )


def markdown() -> str:
    """Return the table as Markdown, ready to be put into the documentation."""
    lines = ["| # | calls | seen | outcome | why |", "|---|---|---|---|---|"]
    lines += [f"| {row['id']} | {row['calls']} | {row['seen']} | {row['outcome']} | {row['why']} |" for row in table()]
    return "\n".join(lines) + "\n"
