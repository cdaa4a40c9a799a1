"""Lists: paging, sorting, the envelope with its misleading total, and the parameters that are lists of ids.

Owns what all of Tripletex's list answers have in common. It must not know customers.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence

from bridge.simulator.exchange import Answer, Json, JsonObject, Request, encode
from bridge.simulator.tripletex import errors
from bridge.simulator.tripletex.fields import parse_fields, project
from bridge.simulator.tripletex.model import Model
from bridge.simulator.tripletex.state import FullResultMode

MAX_ROWS = 10_000
DEFAULT_COUNT = 1000
NO_DIGEST = "'If-None-Match' header not specified"


def integer_param(request: Request, name: str, default: int) -> int:
    """An integer query parameter.

    Raises:
        TripletexError: 404/21000 if it is no integer, as for every query value that cannot be converted.
    """
    text = request.param(name)
    if text is None or text == "":
        return default
    try:
        return int(text)
    except ValueError as cause:
        raise errors.unconvertible_query() from cause


def id_list_param(request: Request, name: str) -> frozenset[int] | None:
    """A list of positive integers, None if the parameter was not given.

    Raises:
        TripletexError: 422/12000 if any part is not a positive integer.
    """
    text = request.param(name)
    if text is None or text == "":
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
        raise errors.bad_id_list(text)
    return frozenset(int(part) for part in parts)


def list_answer(
    rows: Sequence[Mapping[str, Json]],
    model: Model,
    request: Request,
    *,
    url_base: str,
    mode: FullResultMode,
    shift: int = 0,
    finish: Callable[[JsonObject, Mapping[str, Json]], JsonObject] = lambda shown, _: shown,
) -> Answer:
    """One page of the rows (object graphs), sorted and cut down as the request asks.

    Args:
        shift: How many rows further the page starts than asked for: what a reader sees if that many
            rows before it vanished since the page before.
        finish: Last touch on each shown row, given the row's graph.

    Raises:
        TripletexError: 422/23000 above 10,000 rows, whatever the page size; bad `fields` or `sorting`.
    """
    selection = parse_fields(request.param("fields"), model)
    ordered = sort_rows(rows, model, request.param("sorting"))
    if len(ordered) > MAX_ROWS:
        raise errors.too_many_rows()
    start = max(0, integer_param(request, "from", 0))
    count = max(0, integer_param(request, "count", DEFAULT_COUNT))
    first = max(0, start + shift)
    page = ordered[first : first + count]
    values: list[Json] = [finish(project(row, model, selection, url_base), row) for row in page]
    more = first + len(page) < len(ordered)
    digest = hashlib.sha256(encode(values)).hexdigest()[:32]
    asked = request.headers.get("if-none-match")
    if asked is not None and asked == digest:
        return Answer(304)
    envelope: JsonObject = {
        "fullResultSize": _full_result_size(mode, start, len(page), more, len(ordered)),
        "from": start,
        "count": len(page),
        "versionDigest": digest if asked is not None else NO_DIGEST,
        "values": values,
    }
    return Answer(200, encode(envelope), {"Content-Type": errors.JSON_TYPE})


def _full_result_size(mode: FullResultMode, start: int, shown: int, more: bool, total: int) -> int:
    match mode:
        case FullResultMode.PLUS_ONE:
            return start + shown + int(more)
        case FullResultMode.TRUE_TOTAL:
            return total
        case FullResultMode.ZERO:
            return 0


def sort_rows(rows: Sequence[Mapping[str, Json]], model: Model, sorting: str | None) -> list[Mapping[str, Json]]:
    """The rows in the order of a `sorting` value such as `-date,project.name`; by id where it is silent.

    Raises:
        TripletexError: 422/17000, naming the first field that the model does not have.
    """
    ordered = sorted(rows, key=lambda row: _sort_key(row.get("id")))
    for part in reversed([part.strip() for part in (sorting or "").split(",") if part.strip()]):
        path = part.removeprefix("-").removeprefix("+").split(".")
        _check_path(path, model, part)
        ordered.sort(key=_key_at(path), reverse=part.startswith("-"))
    return ordered


def _check_path(path: list[str], model: Model, shown: str) -> None:
    for position, name in enumerate(path):
        last = position == len(path) - 1
        child = model.refs.get(name)
        if not model.knows(name) or (not last and child is None):
            raise errors.bad_sorting(shown.removeprefix("-"))
        model = child or model


def _key_at(path: list[str]) -> Callable[[Mapping[str, Json]], tuple[int, float, str]]:
    return lambda row: _sort_key(_dig(row, path))


def _dig(row: Mapping[str, Json], path: list[str]) -> Json:
    value: Json = dict(row)
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _sort_key(value: Json) -> tuple[int, float, str]:
    if isinstance(value, bool | int | float):
        return (1, float(value), "")
    if isinstance(value, str):
        return (2, 0.0, value.casefold())
    return (0, 0.0, "")
