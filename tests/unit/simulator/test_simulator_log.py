"""What the request log blots out."""

import pytest

from bridge.simulator.exchange import Request, encode
from bridge.simulator.log import RequestLog, public_path


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/token/session/abc", "/token/session/***"),
        ("/token/session/a/b=", "/token/session/***"),
        ("/token/session/:create", "/token/session/:create"),
        ("/token/session/>whoAmI", "/token/session/>whoAmI"),
        ("/customer/7", "/customer/7"),
    ],
)
def test_session_tokens_in_paths_are_blotted_out(path: str, shown: str) -> None:
    assert public_path(path) == shown


def test_tokens_in_query_and_body_are_blotted_out_and_the_rest_kept() -> None:
    request = Request(
        "PUT",
        "/token/session/:create",
        {"employeeToken": ("e",), "expirationDate": ("2026-12-01",), "id": ("1", "2")},
        body=encode({"consumerToken": "c", "expirationDate": "2026-12-01"}),
    )

    entry = RequestLog().begin(request, system="tripletex", scope=None, at=0.0)

    assert entry.query == {"employeeToken": "***", "expirationDate": "2026-12-01", "id": ["1", "2"]}
    assert entry.body == {"consumerToken": "***", "expirationDate": "2026-12-01"}


def test_body_that_is_no_json_is_not_shown() -> None:
    request = Request("POST", "/token/session/:create", body=b"employeeToken=secret")

    assert RequestLog().begin(request, system="tripletex", scope=None, at=0.0).body == "(not JSON)"


def test_entries_are_numbered_and_read_from_a_number_on() -> None:
    log = RequestLog()
    for path in ("/a", "/b", "/c"):
        log.begin(Request("GET", path), system="oc2", scope="nord", at=0.0)

    assert [(entry.seq, entry.path) for entry in log.since(1)] == [(2, "/b"), (3, "/c")]
