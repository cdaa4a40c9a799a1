"""Secrets by reference: opaque, read anew, and never in an error (T09, T22)."""

from pathlib import Path

import pytest

from bridge.contracts.identity import TenantId
from bridge.tenancy.secrets import SecretMissingError, SecretRef, read

ACME = TenantId("acme")


def _file(tmp_path: Path, content: bytes) -> SecretRef:
    path = tmp_path / "token"
    path.write_bytes(content)
    return SecretRef(file=str(path))


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("a" * 32, id="32-letters-without-dash"),
        pytest.param("test-abc", id="test-prefix"),
        pytest.param("eyJ0+/8=", id="base64"),
        pytest.param("x" * 600, id="600-characters"),
        pytest.param("id:secret", id="colon"),
        pytest.param(" lead and trail ", id="inner-spaces-are-its-own"),
    ],
)
@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\r\n\r\n"], ids=["bare", "lf", "crlf", "two"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
def test_a_token_is_opaque_and_loses_only_mark_and_line_ends(tmp_path: Path, token: str, end: str, mark: bytes) -> None:
    ref = _file(tmp_path, mark + (token + end).encode())

    assert read(ref, tenant=ACME).get_secret_value() == token


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"", "is empty", id="nothing"),
        pytest.param(b" \t \r\n", "is empty", id="blank"),
        pytest.param(b"\xef\xbb\xbf\n", "is empty", id="mark-only"),
        pytest.param(b"hunter2\nhunter3\n", "line break", id="two-lines"),
        pytest.param(b"hunter2\x00", "control character", id="control-character"),
        pytest.param(b"hunter2\xff", "not UTF-8", id="not-utf-8"),
        pytest.param(b"hunter2" * 5000, "longer than", id="too-long"),
    ],
)
def test_what_is_no_secret_names_tenant_and_file_and_not_its_content(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    ref = _file(tmp_path, content)

    with pytest.raises(SecretMissingError, match=problem) as caught:
        read(ref, tenant=ACME)

    assert "acme" in str(caught.value)
    assert str(ref.file) in str(caught.value)
    assert "hunter" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_that_is_not_there_or_is_a_folder_is_missing(tmp_path: Path) -> None:
    for path in (tmp_path / "not-there", tmp_path):
        with pytest.raises(SecretMissingError, match="cannot be read"):
            read(SecretRef(file=str(path)), tenant=ACME)


def test_a_variable_works_the_same_way() -> None:
    environ = {"ACME_KEY": "\ufeffkey\n", "BLANK": " "}

    assert read(SecretRef(env="ACME_KEY"), tenant=ACME, environ=environ).get_secret_value() == "key"
    with pytest.raises(SecretMissingError, match="variable BLANK is empty"):
        read(SecretRef(env="BLANK"), tenant=ACME, environ=environ)
    with pytest.raises(SecretMissingError, match="variable NOPE is not set"):
        read(SecretRef(env="NOPE"), tenant=ACME, environ=environ)


def test_a_new_secret_is_seen_at_the_next_reading(tmp_path: Path) -> None:
    ref = _file(tmp_path, b"old\n")
    first = read(ref, tenant=ACME)
    _file(tmp_path, b"new\n")

    assert (first.get_secret_value(), read(ref, tenant=ACME).get_secret_value()) == ("old", "new")


def test_a_secret_shows_in_no_repr(tmp_path: Path) -> None:
    secret = read(_file(tmp_path, b"hunter2"), tenant=ACME)

    assert "hunter2" not in f"{secret!r} {secret}"
