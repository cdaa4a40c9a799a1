"""The `fields` parameter: its grammar, and an object cut down to what it asks for.

Owns selection only: names and nesting against a model. It must not know customers or requests.

    fields := item ("," item)*      item := name | name "(" fields ")" | "*"

`*` is every field of the default answer and does not expand objects; a bare object name inside an explicit
list comes back expanded, as recorded, although Tripletex's document promises a stub.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.simulator.exchange import Json, JsonObject
from bridge.simulator.tripletex import errors
from bridge.simulator.tripletex.model import Model


@dataclass(frozen=True, slots=True)
class Selection:
    """What one level of an answer carries: names to show, and how deep each object goes (None = stub)."""

    names: tuple[str, ...]
    nested: Mapping[str, "Selection | None"] = field(default_factory=dict)


@dataclass(slots=True)
class _Cursor:
    text: str
    position: int = 0

    def peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def word(self) -> str:
        start = self.position
        while self.peek() and self.peek() not in "(),":
            self.position += 1
        return self.text[start : self.position].strip()


def default_selection(model: Model) -> Selection:
    """Own scalars, objects as `{id, url}`, nothing that must be asked for by name."""
    return Selection(model.names, {name: None for name in model.refs if name in model.names})


def parse_fields(text: str | None, model: Model) -> Selection:
    """The selection that a `fields` value asks for; blank or missing means the default.

    Raises:
        TripletexError: 400/11000, naming the first name that the model does not have.
    """
    if text is None or not text.strip():
        return default_selection(model)
    cursor = _Cursor(text)
    selection = _parse_list(cursor, model)
    if cursor.peek():
        raise errors.illegal_field(cursor.text[cursor.position :], model.name)
    return selection


def _parse_list(cursor: _Cursor, model: Model) -> Selection:
    names: dict[str, None] = {}
    nested: dict[str, Selection | None] = {}
    while True:
        word = cursor.word()
        if word == "*":
            default = default_selection(model)
            names.update(dict.fromkeys(default.names))
            nested = {**default.nested, **nested}
        else:
            _parse_item(cursor, model, word, names, nested)
        if cursor.peek() != ",":
            return Selection(tuple(names), nested)
        cursor.position += 1


def _parse_item(
    cursor: _Cursor, model: Model, word: str, names: dict[str, None], nested: dict[str, Selection | None]
) -> None:
    if not model.knows(word):
        raise errors.illegal_field(word, model.name)
    names[word] = None
    child = model.refs.get(word)
    if cursor.peek() == "(":
        if child is None:
            raise errors.illegal_field(word, model.name)
        cursor.position += 1
        nested[word] = _parse_list(cursor, child)
        if cursor.peek() != ")":
            raise errors.illegal_field(word, model.name)
        cursor.position += 1
    elif child is not None:
        nested[word] = default_selection(child)


def project(value: Mapping[str, Json], model: Model, selection: Selection, url_base: str) -> JsonObject:
    """The object reduced to the selection, in the model's order, with `url` filled in.

    A name that the object does not hold is null, as Tripletex shows missing objects.
    """
    wanted = set(selection.names)
    ordered = [name for name in (*model.names, *model.on_request) if name in wanted]
    shown: JsonObject = {}
    for name in ordered:
        if name == "url":
            shown[name] = url_of(value, model, url_base)
        elif name in model.refs:
            shown[name] = _project_ref(value.get(name), model.refs[name], selection.nested.get(name), url_base)
        else:
            shown[name] = value.get(name)
    return shown


def _project_ref(value: Json, model: Model, selection: Selection | None, url_base: str) -> Json:
    if isinstance(value, list):
        deep = selection or (None if model.path else default_selection(model))
        return [_project_ref(item, model, deep, url_base) for item in value]
    if not isinstance(value, dict):
        return None
    if selection is None:
        return {"id": value.get("id"), "url": url_of(value, model, url_base)}
    return project(value, model, selection, url_base)


def url_of(value: Mapping[str, Json], model: Model, url_base: str) -> str:
    """The object's address without a scheme, as Tripletex writes it."""
    return f"{url_base}/{model.path or 'object'}/{value.get('id')}"
