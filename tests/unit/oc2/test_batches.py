"""Batches: what is asked of OC2, and what an answer must be to be believed."""

from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from bridge.contracts.identity import TenantId
from bridge.oc2.access import Oc2Tenant
from bridge.oc2.batches import Batch
from bridge.oc2.client import Oc2Client
from bridge.remote.http import HttpAnswer
from bridge.runtime.errors import TargetUnavailableError
from bridge.testkit.answers import json_answer, text_answer
from bridge.testkit.fake_http import ScriptedPort

_TENANT = Oc2Tenant(TenantId("acme"), "https://oc2.example/api/", lambda: SecretStr("key-1"))


def _row(number: object, **fields: object) -> dict[str, object]:
    shown = {"changedAt": "2026-11-10T09:00:00+01:00", "state": "GENERATED", "invoiceCount": 3}
    return {"batchNumber": number, **shown, **fields}


def _list(*rows: object) -> HttpAnswer:
    return json_answer(200, {"values": list(rows)})


async def test_generated_batches_after_a_number_are_asked_for_and_read_in_utc() -> None:
    port = ScriptedPort(_list(_row(88), _row(90)))

    page = await Oc2Client(port).list_batches(_TENANT, after=87, count=2)

    (request,) = port.requests
    assert request.url == "https://oc2.example/api/v1/invoice-batches"
    assert dict(request.query) == {"state": "GENERATED", "afterBatch": "87", "limit": "2"}
    eight = datetime(2026, 11, 10, 8, tzinfo=UTC)
    assert page.batches == (Batch(88, eight, 3), Batch(90, eight, 3))
    assert (page.rows, page.last, page.unreadable) == (2, 90, 0)


async def test_batches_of_another_state_are_left_out_but_paged_past_and_unreadable_ones_are_counted() -> None:
    rows = (_row(88, state="TRANSFERRED"), _row("89"), _row(True), "nonsense", _row(91, state="TRANSFERRED"))

    page = await Oc2Client(ScriptedPort(_list(*rows))).list_batches(_TENANT, after=0, count=5)

    assert (page.batches, page.rows, page.last, page.unreadable) == ((), 5, 91, 3)


@pytest.mark.parametrize("text", ["2026-11-10T09:00:00", "i går", 12, None])
async def test_a_time_without_a_zone_or_form_is_none(text: object) -> None:
    page = await Oc2Client(ScriptedPort(_list(_row(88, changedAt=text, invoiceCount="3")))).list_batches(
        _TENANT, after=0
    )

    assert page.batches == (Batch(88, None, None),)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(_list(_row(88)), id="does-not-go-on"),
        pytest.param(_list(_row("89"), _row("90")), id="a-full-page-without-a-number"),
        pytest.param(json_answer(200, {"values": {}}), id="no-list"),
        pytest.param(json_answer(404, {"title": "Not Found", "status": 404}), id="404"),
        pytest.param(text_answer(200, "<html>"), id="a-page"),
    ],
)
async def test_a_list_that_cannot_be_read_on_is_no_list(answer: HttpAnswer) -> None:
    with pytest.raises(TargetUnavailableError, match="batches after 88"):
        await Oc2Client(ScriptedPort(answer)).list_batches(_TENANT, after=88, count=2)


async def test_rows_of_a_batch_come_raw_and_only_oc2s_own_404_says_that_there_is_none() -> None:
    gone = json_answer(404, {"title": "Not Found", "status": 404})
    port = ScriptedPort(
        json_answer(200, {"total": 2, "values": [{"kid": 7.0}, None]}), gone, text_answer(404, "<html>")
    )
    client = Oc2Client(port)

    page = await client.list_invoices(_TENANT, 88, offset=2, count=10)

    assert page is not None
    assert (page.rows, page.total) == (({"kid": 7.0}, None), 2)
    assert dict(port.requests[0].query) == {"offset": "2", "limit": "10"}
    assert await client.list_invoices(_TENANT, 88, offset=0, count=10) is None
    with pytest.raises(TargetUnavailableError, match="invoices of batch 88"):
        await client.list_invoices(_TENANT, 88, offset=0, count=10)


@pytest.mark.parametrize("total", [None, "2", 2.0, -1, True])
async def test_a_total_that_is_no_count_is_none(total: object) -> None:
    answer = json_answer(200, {"total": total, "values": []})

    page = await Oc2Client(ScriptedPort(answer)).list_invoices(_TENANT, 88, offset=0, count=10)

    assert page is not None
    assert page.total is None
