"""What an operator made of a letter's content: taken only if it is what the next step promises to take.

Checked here although the console checks it before: an act is a row that anybody may have written.
"""

from typing import Final

from pydantic import BaseModel, ValidationError

from bridge.contracts.envelope import EventType
from bridge.contracts.events.customer import CustomerSnapshot, CustomerWanted
from bridge.contracts.events.invoice import InvoiceEdited, InvoiceWanted
from bridge.contracts.headers import TYPE_HEADER
from bridge.contracts.identity import Flow
from bridge.contracts.topics import MAX_EVENT_BYTES
from bridge.publisher.domain.content import plain
from bridge.publisher.domain.journal import Letter

_WANTED: Final[dict[Flow, type[BaseModel]]] = {Flow.CUSTOMERS: CustomerWanted, Flow.INVOICES: InvoiceWanted}
_READ: Final[dict[str, type[BaseModel]]] = {
    EventType.CUSTOMER_CHANGED: CustomerSnapshot,
    EventType.INVOICE_GENERATED: InvoiceEdited,
}
_NUMBER: Final[dict[Flow, str]] = {Flow.CUSTOMERS: "customerNumber", Flow.INVOICES: "invoiceNumber"}
_MOST_SHOWN: Final = 5


class EditRefusedError(Exception):
    """The content cannot be taken; the sentence names the field and what to do."""


def edited_wanted(flow: Flow, entity: str, text: str | None) -> bytes:
    """Return mapped content that may go to the target.

    Raises:
        EditRefusedError: It is not such content, or is about another entity.
    """
    return _checked(_WANTED[flow], flow, entity, text)


def edited_record(letter: Letter, text: str | None) -> bytes:
    """Return the body of a record that may go through the mapping again.

    Raises:
        EditRefusedError: It is not such a body, is about another entity, or the letter's record has no mapping.
    """
    kind = dict(letter.origin.headers).get(TYPE_HEADER, b"").decode("ascii", "replace")
    model = _READ.get(kind)
    if model is None or letter.flow is None or letter.entity is None:
        raise EditRefusedError(
            f"A record of type '{kind or 'unknown'}' cannot be edited here; correct the row at the source, "
            "the next poll reads it again."
        )
    return _checked(model, Flow(letter.flow), letter.entity, text)


def _checked(model: type[BaseModel], flow: Flow, entity: str, text: str | None) -> bytes:
    if text is None:
        raise EditRefusedError("The act carries no content ('payload'); give the edited content.")
    try:
        content = model.model_validate_json(text)
    except ValidationError as error:
        raise EditRefusedError(
            f"The edited content is not taken: {_problems(error)}. Correct it and ask again."
        ) from None
    name = _NUMBER[flow]
    values = content.model_dump(by_alias=True)
    if str(values[name]) != entity:
        raise EditRefusedError(
            f"{name}: an edit must not change the number, which is {entity}. Correct the number at the source instead."
        )
    body = content.model_dump_json(by_alias=True, exclude_none=True).encode()
    if len(body) > MAX_EVENT_BYTES:
        raise EditRefusedError(
            f"The edited content is {len(body)} bytes, and {MAX_EVENT_BYTES} can be sent. Shorten it."
        )
    return body


def _problems(error: ValidationError) -> str:
    """Return the fields at fault with what is wrong; their values stay out."""
    found = [f"{'.'.join(map(str, one['loc'])) or 'the whole'}: {one['msg']}" for one in error.errors()]
    shown = plain("; ".join(found[:_MOST_SHOWN]))
    return shown if len(found) <= _MOST_SHOWN else f"{shown}; and {len(found) - _MOST_SHOWN} more"
