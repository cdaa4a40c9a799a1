"""SQL in `.sql` files: each query under `-- name: x`, one line of purpose below it.

Owns the file format. A query without a purpose, or with the name of another, is a bug that fails at load.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

_NAME: Final = re.compile(r"^-- name: (?P<name>[a-z][a-z0-9_]*)\s*$", re.MULTILINE)


@cache
def load_queries(package: str, resource: str) -> Mapping[str, str]:
    """Return the queries of one file by name, comments before the first name left out.

    Args:
        package: Dotted package that holds the file, such as `bridge.durable.sql`.
        resource: File name, such as `outbox_queries.sql`.

    Raises:
        ValueError: A name appears twice, or a query lacks its line of purpose or its statement.
    """
    text = files(package).joinpath(resource).read_text(encoding="utf-8")
    pieces = _NAME.split(text)[1:]
    found: dict[str, str] = {}
    for name, body in zip(pieces[::2], pieces[1::2], strict=True):
        if name in found:
            raise ValueError(f"{resource}: query {name} appears twice")
        found[name] = _statement(resource, name, body)
    return MappingProxyType(found)


def in_schema(queries: Mapping[str, str], schema: str) -> Mapping[str, str]:
    """Put a schema's name in the place of `{schema}` in every query."""
    return MappingProxyType({name: text.replace("{schema}", identifier(schema)) for name, text in queries.items()})


def identifier(name: str) -> str:
    """Return `name` if it can stand in SQL unquoted.

    Raises:
        ValueError: It cannot.
    """
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,40}", name):
        raise ValueError(f"{name!r} is not a plain SQL name")
    return name


def _statement(resource: str, name: str, body: str) -> str:
    purpose, _, statement = body.strip().partition("\n")
    if not purpose.startswith("-- ") or not statement.strip():
        raise ValueError(f"{resource}: query {name} lacks its line of purpose or its statement")
    return statement.strip().removesuffix(";")
