"""A claim's body, read as its type promises."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from bridge.contracts.reasons import Reason
from bridge.publisher.application.verdict import Claim, Declined
from bridge.publisher.domain.delivery.model import Refusal

_M = TypeVar("_M", bound=BaseModel)


def read_body(model: type[_M], claim: Claim) -> _M | Declined:
    """Return the wanted body; one that breaks its promise is declined with the field and the rule, not the value."""
    try:
        return model.model_validate_json(claim.parcel.delivery.wanted.payload)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or None
        detail = f"The record's body is not what its type promises: {field or 'body'}: {first['msg']}."
        return Declined(Refusal(Reason.EVENT_UNREADABLE, field, detail), f"unreadable {field}")
