"""Query parameters of the lists of orders, invoices and registers.

Owns the date ranges (mandatory where Tripletex makes them so, the end day left out), booleans and texts. It
must not know what is listed.
"""

from collections.abc import Callable, Mapping

from bridge.simulator.exchange import Json, JsonObject, Request
from bridge.simulator.tripletex import errors
from bridge.simulator.tripletex.bodies import is_date
from bridge.simulator.tripletex.errors import Message
from bridge.simulator.tripletex.listing import id_list_param

Test = Callable[[Mapping[str, Json]], bool]


def mandatory_range(request: Request, name: str) -> Test:
    """Keeps rows whose date `name` lies in the range that the query must give; the end day is not in it.

    Raises:
        TripletexError: 422/15000 naming each missing end; 422/18000 if the range is empty; 404/21000 if an
            end is no date.
    """
    names = (f"{name}From", f"{name}To")
    missing = tuple(part for part in names if not request.param(part))
    if missing:
        raise errors.missing_parameters(missing)
    start, end = (date_param(request, part) or "" for part in names)
    if start >= end:
        raise errors.validation((Message(names[0], "Fra-dato må være før til-dato."),))
    return lambda row: start <= str(row.get(name)) < end


def optional_range(request: Request, name: str, parameter: str) -> list[Test]:
    """The same for a range whose ends may be absent."""
    start, end = date_param(request, f"{parameter}From"), date_param(request, f"{parameter}To")
    tests: list[Test] = []
    if start is not None:
        tests.append(lambda row: str(row.get(name)) >= start)
    if end is not None:
        tests.append(lambda row: str(row.get(name)) < end)
    return tests


def date_param(request: Request, name: str) -> str | None:
    """A date, None if it was not given; 404/21000 if it is none."""
    text = request.param(name)
    if not text:
        return None
    if not is_date(text):
        raise errors.unconvertible_query()
    return text


def boolean_param(request: Request, name: str) -> bool | None:
    """True, false, or None if it was not given; 404/21000 for anything else."""
    text = request.param(name)
    if text is None or text == "":
        return None
    if text not in ("true", "false"):
        raise errors.unconvertible_query()
    return text == "true"


def equals(request: Request, *names: str) -> list[Test]:
    """Keeps rows whose field of the same name is exactly that text or truth value."""
    return [_equal(name, wanted) for name in names if (wanted := request.param(name))]


def _equal(name: str, wanted: str) -> Test:
    def test(row: Mapping[str, Json]) -> bool:
        value = row.get(name)
        return (str(value).lower() if isinstance(value, bool) else str(value)) == wanted

    return test


def contains(request: Request, *names: str) -> list[Test]:
    """Keeps rows whose field of the same name contains that text, whatever the case."""
    return [_contain(name, part.casefold()) for name in names if (part := request.param(name))]


def _contain(name: str, part: str) -> Test:
    return lambda row: part in str(row.get(name) or "").casefold()


def of_ids(request: Request, parameter: str, *path: str) -> list[Test]:
    """Keeps rows whose value at `path` is in the list of ids; 422/12000 if it is no such list."""
    wanted = id_list_param(request, parameter)
    return [] if wanted is None else [lambda row: _dig(row, path) in wanted]


def _dig(row: Mapping[str, Json], path: tuple[str, ...]) -> Json:
    value: Json = dict(row)
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def kept(rows: list[JsonObject], tests: list[Test]) -> list[JsonObject]:
    """The rows that pass every test."""
    return [row for row in rows if all(test(row) for test in tests)]
