"""Typed access to columns: what is promised is checked."""

from datetime import UTC, datetime

import pytest

from bridge.durable.row import Row

NOW = datetime(2026, 11, 25, tzinfo=UTC)
ROW = Row(text="a", number=3, flag=True, at=NOW, octets=b"x", share=0.5, body={"k": 1}, names=["a", "b"], nothing=None)


def test_a_column_comes_as_what_it_is() -> None:
    assert (ROW.text("text"), ROW.number("number"), ROW.flag("flag"), ROW.instant("at")) == ("a", 3, True, NOW)
    assert (ROW.octets("octets"), ROW.decimal("share"), ROW.document("body")) == (b"x", 0.5, {"k": 1})
    assert ROW.items_of("names", str) == ["a", "b"]


def test_null_comes_only_where_it_is_allowed() -> None:
    assert ROW.text_or_none("nothing") is None
    assert ROW.number_or_none("nothing") is None
    assert ROW.instant_or_none("nothing") is None
    assert ROW.octets_or_none("nothing") is None
    with pytest.raises(TypeError, match="column nothing holds NoneType, not str"):
        ROW.text("nothing")


def test_another_type_is_an_error_that_names_the_column() -> None:
    with pytest.raises(TypeError, match="column text holds str, not int"):
        ROW.number("text")
    with pytest.raises(TypeError, match="column flag holds bool, not int"):
        ROW.number("flag")
    with pytest.raises(TypeError, match="element that is not int"):
        ROW.items_of("names", int)
