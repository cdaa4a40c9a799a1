"""RFC 9457 problems, JSON answers and the reading of parameters: what OC2's routes share.

Owns shapes only. It must not know tenants.
"""

from collections.abc import Mapping, Sequence

from bridge.simulator.exchange import Answer, Json, JsonObject, NotJsonError, Request, encode
from bridge.simulator.oc2.rules import FieldError


class Problem(Exception):  # noqa: N818 - the contract's own word
    """A refusal; the dispatcher turns it into a problem document."""

    def __init__(
        self,
        status: int,
        title: str,
        *,
        detail: str | None = None,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {title}")
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}

    def answer(self) -> Answer:
        """The problem document."""
        document: JsonObject = {"type": "about:blank", "title": self.title, "status": self.status}
        if self.detail is not None:
            document["detail"] = self.detail
        if self.errors:
            document["errors"] = [error.as_json() for error in self.errors]
        return Answer(self.status, encode(document), {"Content-Type": "application/problem+json", **self.headers})


def body_of(request: Request) -> Json:
    """The body as JSON.

    Raises:
        Problem: 422 if it does not parse.
    """
    try:
        return request.json()
    except NotJsonError as cause:
        raise Problem(422, "Unprocessable Content", detail="The body is not JSON") from cause


def integer_param(request: Request, name: str, *, minimum: int, maximum: int | None = None) -> int | None:
    """An integer query parameter, None if it was not given.

    Raises:
        Problem: 422 if it is none or out of bounds.
    """
    text = request.param(name)
    if text is None:
        return None
    digits = text.removeprefix("-")
    value = int(text) if digits.isascii() and digits.isdigit() else None
    if value is None or value < minimum or (maximum is not None and value > maximum):
        error = FieldError(name, f"must be an integer from {minimum}" + (f" to {maximum}" if maximum else ""))
        raise Problem(422, "Unprocessable Content", errors=[error])
    return value


def json_answer(status: int, document: Json) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, encode(document), {"Content-Type": "application/json"})
