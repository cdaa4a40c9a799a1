"""Named queries: the file format, and that every file of ours keeps it."""

import sys
from pathlib import Path

import pytest

from bridge.durable.queries import identifier, in_schema, load_queries


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "queries_of_a_test").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "queries_of_a_test", raising=False)
    return "queries_of_a_test"


def _write(folder: Path, name: str, text: str) -> str:
    (folder / "queries_of_a_test" / name).write_text(text)
    return name


def test_queries_are_found_by_name(package: str, tmp_path: Path) -> None:
    file = _write(
        tmp_path, "good.sql", "-- Heading\n\n-- name: one\n-- Why.\nSELECT 1;\n\n-- name: two\n-- Why.\nSELECT\n2"
    )

    assert dict(load_queries(package, file)) == {"one": "SELECT 1", "two": "SELECT\n2"}


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("twice.sql", "-- name: a\n-- Why.\nSELECT 1\n-- name: a\n-- Why.\nSELECT 2", "twice"),
        ("purpose.sql", "-- name: a\nSELECT 1", "lacks its line of purpose"),
        ("empty.sql", "-- name: a\n-- Why.\n", "lacks its line of purpose or its statement"),
    ],
)
def test_a_file_that_breaks_the_format_fails_at_load(
    package: str, tmp_path: Path, name: str, text: str, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        load_queries(package, _write(tmp_path, name, text))


def test_a_schema_is_put_in_and_can_be_nothing_but_a_name() -> None:
    assert in_schema({"q": "SELECT * FROM {schema}.t"}, "poller") == {"q": "SELECT * FROM poller.t"}

    for bad in ("poller; DROP TABLE x", "Poller", "", '"x"', "1a"):
        with pytest.raises(ValueError, match="plain SQL name"):
            identifier(bad)
