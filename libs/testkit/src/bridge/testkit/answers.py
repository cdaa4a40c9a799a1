"""HTTP answers in one line each, for fakes of the HTTP port."""

import json
from collections.abc import Mapping

from bridge.remote.http import HttpAnswer


def json_answer(status: int, body: object, headers: Mapping[str, str] | None = None) -> HttpAnswer:
    """Return an answer with a JSON body."""
    return HttpAnswer(status, {"content-type": "application/json", **(headers or {})}, json.dumps(body).encode())


def text_answer(status: int, body: str = "", headers: Mapping[str, str] | None = None) -> HttpAnswer:
    """Return an answer with a body that is not JSON."""
    return HttpAnswer(status, {"content-type": "text/html", **(headers or {})}, body.encode())
