"""Tripletex's error envelope and the refusals seen in published answers, texts included.

Owns shapes and wording only. Texts are Norwegian or English as they were recorded, since a client must
never match on them. Where no answer of Tripletex is published, the choice made here says so.
"""

import uuid
from dataclasses import dataclass

from bridge.simulator.exchange import Answer, Json, encode

JSON_TYPE = "application/json; charset=utf-8"
LINK = "https://tripletex.no/v2-docs/"


@dataclass(frozen=True, slots=True)
class Message:
    """One validation message; any part but the text may be null."""

    field: str | None
    message: str
    path: str | None = None
    root_id: int | None = None

    def as_json(self) -> Json:
        """The message as Tripletex writes it."""
        return {"field": self.field, "message": self.message, "path": self.path, "rootId": self.root_id}


class TripletexError(Exception):
    """A refusal; the dispatcher turns it into the error envelope.

    `messages` None means that Tripletex sends null instead of a list.
    """

    def __init__(
        self,
        status: int,
        code: int,
        message: str | None,
        *,
        developer_message: str | None = None,
        messages: tuple[Message, ...] | None = None,
    ) -> None:
        super().__init__(f"{status}/{code} {message}")
        self.status = status
        self.code = code
        self.message = message
        self.developer_message = developer_message
        self.messages = messages

    def answer(self) -> Answer:
        """The envelope `{status, code, message, link, developerMessage, validationMessages, requestId}`."""
        return Answer(
            self.status,
            encode(
                {
                    "status": self.status,
                    "code": self.code,
                    "message": self.message,
                    "link": LINK,
                    "developerMessage": self.developer_message,
                    "validationMessages": None
                    if self.messages is None
                    else [message.as_json() for message in self.messages],
                    "requestId": str(uuid.uuid4()),
                }
            ),
            {"Content-Type": JSON_TYPE},
        )


def unauthorized() -> TripletexError:
    """The session is unknown or has expired."""
    return TripletexError(
        401,
        3000,
        "Unauthorized",
        developer_message="Could not log in. Check login info in Authorization header.",
    )


def forbidden() -> TripletexError:
    """A right or a module is missing."""
    return TripletexError(403, 9000, "You do not have permission to access this feature.")


def not_found() -> TripletexError:
    """No object has this id."""
    return TripletexError(404, 6000, "Object not found")


def unconvertible_query() -> TripletexError:
    """A query value cannot be read as its type, or the path does not exist."""
    return TripletexError(404, 21000, "HTTP 404 Not Found")


def wrong_method() -> TripletexError:
    """The path exists, the method does not: status 400 although the text says 405."""
    return TripletexError(400, 4000, "HTTP 405 Method Not Allowed")


def illegal_field(name: str, model: str) -> TripletexError:
    """A name in `fields` that the model does not have."""
    return TripletexError(
        400,
        11000,
        f"Illegal field in fields filter: {name}. {name} does not match a field in the model: {model}",
    )


def bad_sorting(name: str) -> TripletexError:
    """A name in `sorting` that the model does not have."""
    text = f"Field specified for use in sorting does not exist: {name}"
    return TripletexError(422, 17000, text, messages=())


def bad_id_list(text: str) -> TripletexError:
    """A list parameter that is not comma-separated positive integers."""
    return TripletexError(
        422, 12000, f"'{text}': Listen med ID-er må være en kommaseparert liste med positive heltall."
    )


def not_a_number(text: str) -> TripletexError:
    """A path id that is no number."""
    return TripletexError(422, 21000, f'Wrong data format! Expected number. For input string: "{text}"')


def too_many_rows() -> TripletexError:
    """More than 10,000 rows match; the page size does not matter."""
    return TripletexError(422, 23000, "Result set too large. Limit of 10000 reached.")


def invalid_json() -> TripletexError:
    """The body is not a JSON object; the code is documented, the text is this simulator's choice."""
    return TripletexError(422, 22000, "Invalid JSON")


def mapping_failed(messages: tuple[Message, ...]) -> TripletexError:
    """The body has unknown fields or values of the wrong type."""
    return TripletexError(422, 16000, "Request mapping failed", messages=messages)


def validation(messages: tuple[Message, ...], *, business_rule: bool = True) -> TripletexError:
    """A rule on the values is broken; plain null checks carry no developer message."""
    return TripletexError(
        422,
        18000,
        "Validering feilet.",
        developer_message="VALIDATION_ERROR" if business_rule else None,
        messages=messages,
    )


def stale_version() -> TripletexError:
    """The version sent is not the newest one."""
    return TripletexError(409, 8000, "RevisionException")


def rate_limited() -> TripletexError:
    """The window is used up. No body of a real 429 is published: this one is this simulator's choice."""
    return TripletexError(429, 429, "Too Many Requests")


def missing_parameters(names: tuple[str, ...]) -> TripletexError:
    """Mandatory query parameters are absent: one message each."""
    messages = tuple(Message(name, "Kan ikke være null.") for name in names)
    return TripletexError(422, 15000, "Validation failed", messages=messages)
