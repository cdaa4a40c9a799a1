"""Receipts: what is sent to OC2, and what an answer must be to be believed."""

import json

import pytest
from pydantic import SecretStr

from bridge.contracts.identity import TenantId
from bridge.oc2.access import Oc2Tenant
from bridge.oc2.client import Oc2Client
from bridge.oc2.receipts import MAX_RECEIPTS, Receipt, ReceiptStatus
from bridge.remote.errors import RightsMissingError
from bridge.remote.http import AnswerLostError, HttpAnswer, HttpFailureError, LostKind, NotSentError, NotSentWhy
from bridge.remote.outcome import Applied, NotSent, Refused, Unauthorized, Unknown
from bridge.runtime.errors import TargetUnavailableError
from bridge.testkit.answers import json_answer, text_answer
from bridge.testkit.fake_http import ScriptedPort

_TENANT = Oc2Tenant(TenantId("acme"), "https://oc2.example/api/", lambda: SecretStr("key-1"))
_DONE = Receipt(10302, ReceiptStatus.TRANSFERRED, 90210302)
_NOT_DONE = Receipt(10303, ReceiptStatus.REJECTED, reason="Kunden finnes ikke.")
_GONE = json_answer(404, {"title": "Not Found", "status": 404})


async def test_receipts_of_a_batch_go_in_one_list_with_every_field_named() -> None:
    port = ScriptedPort(HttpAnswer(204, {}, b""))

    outcome = await Oc2Client(port).post_receipts(_TENANT, 88, [_DONE, _NOT_DONE], not_after=12.5)

    assert isinstance(outcome, Applied)
    (request,) = port.requests
    assert (request.method, request.url) == ("POST", "https://oc2.example/api/v1/invoice-batches/88/receipts")
    assert port.deadlines == [12.5]
    assert json.loads(request.body or b"") == {
        "receipts": [
            {"invoiceNumber": 10302, "status": "TRANSFERRED", "tripletexInvoiceId": 90210302, "reason": None},
            {"invoiceNumber": 10303, "status": "REJECTED", "tripletexInvoiceId": None, "reason": "Kunden finnes ikke."},
        ]
    }


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param(_GONE, Refused, id="a23-archived"),
        pytest.param(text_answer(404, "<html>"), Unknown, id="404-of-a-proxy"),
        pytest.param(json_answer(405, {"title": "no", "status": 405}), NotSent, id="not-served"),
        pytest.param(json_answer(422, {"title": "no", "status": 422}), Refused, id="not-of-the-batch"),
        pytest.param(json_answer(503, {"title": "no", "status": 503}), Unknown, id="503"),
        pytest.param(json_answer(401, {"title": "no", "status": 401}), Unauthorized, id="401"),
        pytest.param(AnswerLostError(LostKind.TIMEOUT, "Lost."), Unknown, id="time-out"),
        pytest.param(NotSentError(NotSentWhy.CONNECT, "Nothing."), NotSent, id="no-connection"),
    ],
)
async def test_each_answer_has_its_outcome(answer: HttpAnswer | HttpFailureError, outcome: type[object]) -> None:
    assert isinstance(await Oc2Client(ScriptedPort(answer)).post_receipts(_TENANT, 88, [_DONE]), outcome)


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"status": "TRANSFERRED"},
        {"invoiceNumber": "10302", "status": "TRANSFERRED"},
        {"invoiceNumber": True, "status": "TRANSFERRED"},
        {"invoiceNumber": 10302, "status": "transferred"},
        {"invoiceNumber": 10302},
    ],
    ids=str,
)
async def test_a_receipt_that_cannot_be_read_is_no_absence(value: object) -> None:
    good = {"invoiceNumber": 1, "status": "REJECTED"}
    port = ScriptedPort(json_answer(200, {"total": 2, "values": [good, value]}))

    with pytest.raises(TargetUnavailableError, match="tenant acme, receipts of batch 88"):
        await Oc2Client(port).list_receipts(_TENANT, 88)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (json_answer(200, {"total": 0}), TargetUnavailableError),
        (json_answer(200, []), TargetUnavailableError),
        (text_answer(404, "<html>"), TargetUnavailableError),
        (json_answer(403, {"title": "no", "status": 403}), RightsMissingError),
    ],
    ids=["no-values", "no-envelope", "404-of-a-proxy", "403"],
)
async def test_an_answer_that_is_no_list_raises(answer: HttpAnswer, error: type[Exception]) -> None:
    with pytest.raises(error):
        await Oc2Client(ScriptedPort(answer)).list_receipts(_TENANT, 88)


async def test_pages_are_read_to_a_short_one_and_a_total_decides_nothing() -> None:
    def page(*numbers: int) -> HttpAnswer:
        rows = [{"invoiceNumber": number, "status": "TRANSFERRED", "other": 1} for number in numbers]
        return json_answer(200, {"total": 3, "values": rows})

    port = ScriptedPort(page(*range(1, MAX_RECEIPTS + 1)), page(*range(MAX_RECEIPTS + 1, MAX_RECEIPTS + 4)))

    found = await Oc2Client(port).list_receipts(_TENANT, 88)

    assert found is not None
    assert sorted(found) == list(range(1, MAX_RECEIPTS + 4))
    assert [dict(request.query)["offset"] for request in port.requests] == ["0", "500"]


async def test_a_page_that_comes_again_and_again_is_given_up() -> None:
    rows = [{"invoiceNumber": number, "status": "REJECTED"} for number in range(1, MAX_RECEIPTS + 1)]
    port = ScriptedPort(json_answer(200, {"total": 9_999, "values": rows}))

    with pytest.raises(TargetUnavailableError):
        await Oc2Client(port).list_receipts(_TENANT, 88)
    assert len(port.requests) == 2


async def test_a_batch_that_oc2_does_not_have_has_no_receipts() -> None:
    assert await Oc2Client(ScriptedPort(_GONE)).list_receipts(_TENANT, 88) is None


async def test_a_reason_that_oc2_holds_is_read_whatever_its_length() -> None:
    value = {"invoiceNumber": 1, "status": "REJECTED", "reason": "x" * 501, "tripletexInvoiceId": None}
    port = ScriptedPort(json_answer(200, {"total": 1, "values": [value]}))

    assert await Oc2Client(port).list_receipts(_TENANT, 88) == {1: Receipt(1, ReceiptStatus.REJECTED, None, "x" * 500)}
