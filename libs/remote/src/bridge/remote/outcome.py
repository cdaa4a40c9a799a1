"""What became of a call, as a value.

    Applied | Refused | NotSent | Unknown | Unauthorized

The state machine of the publisher matches these to the end. Must not know HTTP beyond the answer it carries.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from bridge.contracts.reasons import Reason
from bridge.remote.http import HttpAnswer
from bridge.remote.problem import FieldProblem


@dataclass(frozen=True, slots=True)
class Applied:
    """The far side did as asked. `body` is the answer's JSON, None where it has no body."""

    answer: HttpAnswer = field(repr=False)
    body: object = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """The far side understood and declined: nothing has changed, and the same request will be declined again.

    `fields` names what it complains of, `code` is Tripletex's own, `detail` is its text for people; `body` is the
    answer's JSON, `request_id` what the far side's support asks for. No repr shows the body.
    """

    reason: Reason
    status: int
    code: int | None = None
    fields: tuple[FieldProblem, ...] = ()
    detail: str = ""
    body: object = field(default=None, repr=False)
    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class NotSent:
    """Nothing has changed and the same request is worth sending again; `after` is the pause asked for, if any."""

    after: timedelta | None
    why: str
    reason: Reason = Reason.TARGET_DOWN


@dataclass(frozen=True, slots=True)
class Unknown:
    """Anything may have happened, even later: look before the request is sent again.

    `request_id` is what the far side's support asks for, where an answer came that told it.
    """

    why: str
    request_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Unauthorized:
    """The credentials of this call were not accepted; nothing has changed."""

    why: str = "401"


Outcome = Applied | Refused | NotSent | Unknown | Unauthorized
