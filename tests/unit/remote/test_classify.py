"""Every row of the table, with the answers that were seen in the field or that would cost most if misread."""

import json
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from bridge.contracts.reasons import Reason
from bridge.remote.classify import ROWS, CallKind, classify, markdown, row_of, table
from bridge.remote.http import AnswerLostError, HttpAnswer, LostKind, NotSentError, NotSentWhy
from bridge.remote.outcome import Applied, NotSent, Refused, Unauthorized, Unknown
from bridge.remote.problem import FieldProblem

GET, PUT, POST, BULK = CallKind.GET, CallKind.IDEMPOTENT_PUT, CallKind.POST_CREATE, CallKind.BULK_PUT
INSIDE = CallKind.PUT_INSIDE
_JSON = "application/json"


def _tripletex(code: int, *, field: str | None = None, message: str = "Validering feilet.") -> bytes:
    complaints = [{"field": field, "message": "Ugyldig.", "path": None, "rootId": "0"}]
    return json.dumps({"status": 0, "code": code, "message": message, "validationMessages": complaints}).encode()


def _oc2(status: int) -> bytes:
    errors = [{"field": "name", "message": "too long"}]
    return json.dumps({"title": "Unprocessable", "status": status, "detail": "no", "errors": errors}).encode()


_HTML = b"<!DOCTYPE html><html><title>Feilsituasjon</title></html>"
_PSEUDO = b'{\n "code": 500,\n "page": https://example.invalid/error\n}'


@dataclass(frozen=True)
class Seen:
    row: str
    status: int
    body: bytes
    outcome: type
    kinds: tuple[CallKind, ...] = tuple(CallKind)
    headers: dict[str, str] = field(default_factory=dict)


_CASES = {
    "200-object": Seen("applied", 200, b'{"value": {"id": 1}}', Applied),
    "201-object": Seen("applied", 201, b'{"value": {"id": 1}}', Applied),
    "204-empty": Seen("applied", 204, b"", Applied),
    "200-latin1-declared": Seen(
        "applied",
        200,
        '{"name": "Ås"}'.encode("latin-1"),
        Applied,
        headers={"content-type": f"{_JSON};charset=ISO-8859-1"},
    ),
    "201-empty": Seen("malformed-2xx", 201, b"", Unknown),
    "200-html": Seen("malformed-2xx", 200, _HTML, Unknown),
    "201-cut": Seen("malformed-2xx", 201, b'{"value": {"id', Unknown),
    "200-invalid-utf8": Seen("malformed-2xx", 200, b'{"name": "\xe5s"}', Unknown),
    "200-unknown-charset": Seen(
        "malformed-2xx", 200, b"{}", Unknown, headers={"content-type": f"{_JSON};charset=klingon"}
    ),
    "200-nan": Seen("malformed-2xx", 200, b'{"amount": NaN}', Unknown),
    "200-deep": Seen("malformed-2xx", 200, b"[" * 200_000, Unknown),
    "302": Seen("redirect", 302, b"", Unknown, headers={"location": "http://10.0.0.1/"}),
    "304": Seen("redirect", 304, b"", Unknown),
    "401-3000": Seen("unauthorized", 401, _tripletex(3000), Unauthorized),
    "401-html": Seen("unauthorized", 401, _HTML, Unauthorized),
    "429-bare": Seen("rate-limited", 429, b"", NotSent),
    "429-problem": Seen("rate-limited", 429, _oc2(429), NotSent, headers={"retry-after": "7"}),
    "503-with-pause": Seen("asked-to-wait", 503, _oc2(503), NotSent, headers={"retry-after": "30"}),
    "503-bare": Seen("server-failure", 503, _oc2(503), Unknown),
    "503-zero-pause": Seen("server-failure", 503, _oc2(503), Unknown, headers={"retry-after": "0"}),
    "503-nonsense-pause": Seen("server-failure", 503, _oc2(503), Unknown, headers={"retry-after": "soon"}),
    "500-1000": Seen("server-failure", 500, _tripletex(1000), Unknown),
    "500-html": Seen("server-failure", 500, _HTML, Unknown),
    "500-pseudo-json": Seen("server-failure", 500, _PSEUDO, Unknown),
    "502-empty": Seen("server-failure", 502, b"", Unknown),
    "501": Seen("server-failure", 501, b"{}", Unknown),
    "408": Seen("request-timeout", 408, _oc2(408), Unknown),
    "413-html": Seen("too-large", 413, _HTML, Refused),
    "404-html": Seen("4xx-not-a-problem", 404, _HTML, Unknown),
    "404-list": Seen("4xx-not-a-problem", 404, b"[]", Unknown),
    "403-waf-page": Seen("4xx-not-a-problem", 403, _HTML, Unknown),
    "400-empty": Seen("4xx-not-a-problem", 400, b"", Unknown),
    "400-1000": Seen("unspecified", 400, _tripletex(1000), Unknown),
    "409-1000": Seen("unspecified", 409, _tripletex(1000), Unknown),
    "403-9000": Seen("rights-missing", 403, _tripletex(9000), Refused),
    "404-write": Seen("no-such-address", 404, _tripletex(6000), NotSent, kinds=(PUT, POST, BULK)),
    "405-write": Seen("no-such-address", 405, _oc2(405), NotSent, kinds=(PUT, POST, BULK, INSIDE)),
    "404-inside": Seen("container-gone", 404, _oc2(404), Refused, kinds=(INSIDE,)),
    "404-read": Seen("refused", 404, _tripletex(6000), Refused, kinds=(GET,)),
    "400-11000": Seen("refused", 400, _tripletex(11000), Refused),
    "409-existing": Seen("conflict", 409, b'{"id": 7, "name": "14 dager", "days": 14}', Refused),
    "409-html": Seen("4xx-not-a-problem", 409, _HTML, Unknown),
    "409-8000": Seen("conflict", 409, _tripletex(8000), Refused),
    "422-18000": Seen("refused", 422, _tripletex(18000, field="name"), Refused),
    "422-problem": Seen("refused", 422, _oc2(422), Refused),
}
_EACH = [pytest.param(seen, kind, id=f"{name}-{kind}") for name, seen in _CASES.items() for kind in seen.kinds]


def _answer(seen: Seen) -> HttpAnswer:
    return HttpAnswer(seen.status, {"content-type": _JSON, **seen.headers}, seen.body)


@pytest.mark.parametrize(("seen", "kind"), _EACH)
def test_each_answer_is_decided_by_its_row(seen: Seen, kind: CallKind) -> None:
    answer = _answer(seen)

    outcome = classify(kind, answer)

    assert type(outcome) is seen.outcome
    assert row_of(kind, answer) == seen.row
    assert next(row.outcome for row in ROWS if row.id == seen.row) == seen.outcome.__name__


def test_every_row_of_the_table_has_an_example() -> None:
    assert {seen.row for seen in _CASES.values()} == {row.id for row in ROWS}


@pytest.mark.parametrize("kind", CallKind)
@pytest.mark.parametrize("body", [b"", _HTML, b"{}", _tripletex(1)], ids=["empty", "html", "object", "problem"])
def test_no_status_is_without_a_row(kind: CallKind, body: bytes) -> None:
    for status in range(100, 600):
        assert row_of(kind, HttpAnswer(status, {}, body))


@pytest.mark.parametrize("kind", CallKind)
@pytest.mark.parametrize("reason", NotSentWhy)
def test_what_did_not_leave_was_not_sent(kind: CallKind, reason: NotSentWhy) -> None:
    assert isinstance(classify(kind, NotSentError(reason, "Nothing left.")), NotSent)


@pytest.mark.parametrize("kind", CallKind)
@pytest.mark.parametrize("lost", LostKind)
def test_a_lost_answer_is_unknown_even_with_a_status(kind: CallKind, lost: LostKind) -> None:
    assert isinstance(classify(kind, AnswerLostError(lost, "Lost.", 201)), Unknown)


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        pytest.param({"retry-after": "43200"}, timedelta(hours=12), id="hours"),
        pytest.param(
            {"retry-after": "Wed, 11 Nov 2026 06:00:00 GMT", "date": "Wed, 11 Nov 2026 05:00:00 GMT"},
            timedelta(hours=1),
            id="date-by-the-servers-clock",
        ),
        pytest.param({"retry-after": "Wed, 11 Nov 2026 06:00:00 GMT"}, None, id="date-without-a-clock"),
        pytest.param(
            {"retry-after": "Wed, 11 Nov 2026 06:00:00 GMT", "date": "Wed, 11 Nov 2026 07:00:00 GMT"}, None, id="past"
        ),
        pytest.param({"retry-after": "999999999"}, timedelta(hours=24), id="capped"),
        pytest.param({"retry-after": "99999999999999999999"}, None, id="too-many-digits"),
        pytest.param({"retry-after": "0"}, None, id="zero"),
        pytest.param({"retry-after": "-5"}, None, id="negative"),
        pytest.param({"retry-after": "soon"}, None, id="nonsense"),
        pytest.param({"retry-after": "1e9"}, None, id="exponent"),
        pytest.param({"x-rate-limit-reset": "3"}, timedelta(seconds=4), id="reset-header"),
        pytest.param({}, None, id="nothing-said"),
    ],
)
def test_a_429_waits_as_long_as_the_far_side_says(headers: dict[str, str], pause: timedelta | None) -> None:
    outcome = classify(POST, HttpAnswer(429, headers, b""))

    assert outcome == NotSent(pause, "status 429", Reason.RATE_LIMITED)


def test_the_longest_pause_is_the_callers_choice() -> None:
    outcome = classify(PUT, HttpAnswer(429, {"retry-after": "7200"}, b""), max_pause=timedelta(minutes=30))

    assert outcome == NotSent(timedelta(minutes=30), "status 429", Reason.RATE_LIMITED)


def test_ordinary_rate_headers_are_no_pause_for_other_answers() -> None:
    outcome = classify(PUT, HttpAnswer(404, {"x-rate-limit-reset": "9"}, _tripletex(6000)))

    assert outcome == NotSent(None, "status 404", Reason.TARGET_DOWN)


def test_a_refusal_names_the_fields_and_the_code_of_tripletex() -> None:
    outcome = classify(POST, HttpAnswer(422, {}, _tripletex(18000, field="invoiceNumber")))

    assert isinstance(outcome, Refused)
    assert (outcome.status, outcome.code, outcome.reason) == (422, 18000, Reason.TARGET_REFUSED)
    assert outcome.fields == (FieldProblem("invoiceNumber", "Ugyldig."),)
    assert outcome.detail == "Validering feilet."


@pytest.mark.parametrize(
    ("field", "path", "said"),
    [
        ("a.b", "a[2].b", "Ugyldig. (a[2].b)"),
        ("a.b", "a.b", "Ugyldig."),
        ("a.b", "", "Ugyldig."),
        (None, "null.name", "Ugyldig. (null.name)"),
        (None, 7, "Ugyldig."),
    ],
)
def test_t19_a_complaint_tells_its_place_for_people(field: str | None, path: object, said: str) -> None:
    complaint = {"field": field, "message": "Ugyldig.", "path": path}
    body = json.dumps({"status": 422, "code": 18000, "message": "Nei.", "validationMessages": [complaint]}).encode()

    outcome = classify(POST, HttpAnswer(422, {}, body))

    assert isinstance(outcome, Refused)
    assert outcome.fields == (FieldProblem(field, said),)


def test_a_refusal_names_the_fields_of_an_oc2_problem() -> None:
    outcome = classify(PUT, HttpAnswer(422, {"content-type": "application/problem+json"}, _oc2(422)))

    assert isinstance(outcome, Refused)
    assert outcome.fields == (FieldProblem("name", "too long"),)
    assert outcome.detail == "no"


def test_a_missing_right_is_its_own_reason() -> None:
    outcome = classify(POST, HttpAnswer(403, {}, _tripletex(9000)))

    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.RIGHTS_MISSING


def test_no_text_of_a_page_that_is_no_problem_document_is_kept() -> None:
    outcome = classify(GET, HttpAnswer(404, {}, b"<html>ami-id: secret-of-the-inner-network</html>"))

    assert "secret" not in repr(outcome)


def test_the_body_of_an_applied_or_refused_call_stays_out_of_its_representation() -> None:
    applied = classify(POST, HttpAnswer(201, {}, b'{"value": {"token": "very-secret"}}'))
    refused = classify(POST, HttpAnswer(422, {}, b'{"code": 1, "token": "very-secret"}'))

    assert "very-secret" not in repr(applied) + repr(refused)


def test_long_texts_of_a_refusal_are_cut() -> None:
    outcome = classify(PUT, HttpAnswer(422, {}, _tripletex(18000, message="x" * 5000)))

    assert isinstance(outcome, Refused)
    assert len(outcome.detail) == 500


def test_the_documentation_lists_every_row_in_order() -> None:
    ids = [row["id"] for row in table()]

    assert ids == ["not-sent", "answer-lost", *(row.id for row in ROWS)]
    assert markdown().count("\n") == len(ids) + 2


def test_fractions_are_exact_decimals_only_where_they_are_asked_for() -> None:
    answer = HttpAnswer(201, {"content-type": _JSON}, b'{"a": 0.10, "b": 1E+2, "c": 3, "d": 900719925474099.3}')

    exact, floats = classify(POST, answer, decimals=True), classify(POST, answer)

    assert isinstance(exact, Applied)
    assert isinstance(floats, Applied)
    assert repr(exact.body) == "{'a': Decimal('0.10'), 'b': Decimal('1E+2'), 'c': 3, 'd': Decimal('900719925474099.3')}"
    assert repr(floats.body) == "{'a': 0.1, 'b': 100.0, 'c': 3, 'd': 900719925474099.2}"


@pytest.mark.parametrize(("status", "body"), [(500, _HTML), (422, _tripletex(18000))])
def test_what_a_support_asks_for_is_kept_of_a_failure_and_of_a_refusal(status: int, body: bytes) -> None:
    answer = HttpAnswer(status, {"x-tlx-request-id": "0d5a" + "f" * 200}, body)

    outcome = classify(POST, answer)

    assert isinstance(outcome, Unknown | Refused)
    assert outcome.request_id is not None
    assert (outcome.request_id[:5], len(outcome.request_id)) == ("0d5af", 100)
    assert classify(POST, HttpAnswer(status, {}, body)) == outcome
