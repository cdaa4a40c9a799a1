"""One HTTP exchange as plain values: what both simulated systems are written against.

Owns the request and answer shapes and the JSON type. It must not know aiohttp, either system or any
fault: keeping the systems synchronous and transport-free is what lets a fault run the effect now, later
or without an answer.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
JsonObject = dict[str, Json]


class NotJsonError(ValueError):
    """The body is not a JSON document in UTF-8."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, its path counted from the simulated system's own base URL.

    The path is decoded but for a slash inside one of its parts, which stays `%2F`. Header names are lower
    case. A query parameter given twice keeps all its values.
    """

    method: str
    path: str
    query: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    host: str = "localhost"

    def param(self, name: str) -> str | None:
        """The first value of a query parameter, or None if it was not given."""
        values = self.query.get(name)
        return values[0] if values else None

    def json(self) -> Json:
        """The body as JSON.

        Raises:
            NotJsonError: The body does not parse.
        """
        try:
            parsed: Json = json.loads(self.body)
        except ValueError as cause:
            raise NotJsonError(str(cause)) from cause
        return parsed


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; header names as they go out on the wire."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Json:
        """The body as JSON, None if there is no body."""
        parsed: Json = json.loads(self.body) if self.body else None
        return parsed

    def replace_body(self, body: bytes, *, content_type: str | None = None) -> "Answer":
        """The same answer with another body, and another content type if one is given."""
        headers = dict(self.headers)
        if content_type is not None:
            headers["Content-Type"] = content_type
        return Answer(self.status, body, headers)

    def with_headers(self, extra: Mapping[str, str]) -> "Answer":
        """The same answer with more headers; names given here win."""
        return Answer(self.status, self.body, {**self.headers, **extra})


def encode(document: Json) -> bytes:
    """The document as compact UTF-8 JSON with non-ASCII letters unescaped, as both systems send it."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def as_object(document: Json) -> JsonObject:
    """The document itself if it is an object, else an empty object."""
    return document if isinstance(document, dict) else {}


def as_list(document: Json) -> list[Json]:
    """The document itself if it is a list, else an empty list."""
    return document if isinstance(document, list) else []


def words(text: str) -> tuple[str, ...]:
    """The blank-separated names in the text: how the long tables of field names are written here."""
    return tuple(text.split())
