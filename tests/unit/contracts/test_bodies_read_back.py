"""Absent values do not travel, so a field that may be None must have a default: else its body cannot be read again."""

import pytest
from pydantic import BaseModel

from bridge.contracts.events import customer, dead_letter, unmappable

MODELS = [
    model
    for module in (customer, dead_letter, unmappable)
    for model in vars(module).values()
    if isinstance(model, type) and issubclass(model, BaseModel) and model.__module__ == module.__name__
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_field_that_may_be_none_is_asked_for(model: type[BaseModel]) -> None:
    asked = [name for name, field in model.model_fields.items() if field.is_required()]

    assert [name for name in asked if type(None) in getattr(model.model_fields[name].annotation, "__args__", ())] == []
