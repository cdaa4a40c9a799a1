"""Listing and fetching customers: what is asked, what is answered, and what each failure becomes."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from bridge.contracts.identity import SourceId
from bridge.contracts.reasons import Reason
from bridge.remote.errors import AccessDeniedError, RateLimitedError, RightsMissingError, TooManyCustomersError
from bridge.remote.http import AnswerLostError, HttpAnswer, HttpFailureError, LostKind, NotSentError, NotSentWhy
from bridge.remote.pacing import RateReading
from bridge.runtime.errors import SourceUnavailableError
from bridge.testkit.answers import json_answer, text_answer
from bridge.testkit.clock import ManualClock
from bridge.testkit.fake_tripletex import FakeTripletex
from bridge.tripletex.access import TripletexTenant
from bridge.tripletex.client import TripletexClient
from bridge.tripletex.customer import FIELDS, CustomerRow, UnreadableRow
from bridge.tripletex.customers import CustomerPage

_RATE = {"x-rate-limit-limit": "100", "x-rate-limit-remaining": "50", "x-rate-limit-reset": "5"}


async def _list(client: TripletexClient, tenant: TripletexTenant) -> CustomerPage:
    return await client.list_customers(tenant, inactive=False, offset=0, count=10)


@pytest.mark.parametrize("inactive", [True, False], ids=["inactive", "active"])
async def test_a_page_is_asked_for_with_every_parameter_spelt_out(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant, *, inactive: bool
) -> None:
    oslo = timezone(timedelta(hours=2))

    await client.list_customers(
        acme,
        inactive=inactive,
        offset=999,
        count=1000,
        changed_since=datetime(2026, 7, 1, 12, 30, 15, 999999, tzinfo=oslo),
        ids=[SourceId("7"), SourceId("8")],
    )

    request = tripletex.calls("/customer")[0]
    assert request.method == "GET"
    assert dict(request.query) == {
        "fields": FIELDS,
        "sorting": "id",
        "isInactive": "true" if inactive else "false",
        "from": "999",
        "count": "1000",
        "changedSince": "2026-07-01T10:30:15",
        "id": "7,8",
    }
    assert set(request.headers) == {"authorization"}


async def test_what_is_not_asked_for_is_not_sent(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    await _list(client, acme)

    names = [name for name, _ in tripletex.calls("/customer")[0].query]
    assert names == ["fields", "sorting", "isInactive", "from", "count"]


@pytest.mark.parametrize(
    ("offset", "count", "ids"), [(0, 0, None), (0, 1001, None), (-1, 10, None), (0, 10, [])], ids=range(4)
)
async def test_a_page_that_cannot_be_is_a_mistake_of_the_caller(
    client: TripletexClient, acme: TripletexTenant, offset: int, count: int, ids: list[SourceId] | None
) -> None:
    with pytest.raises(ValueError, match="no such page"):
        await client.list_customers(acme, inactive=False, offset=offset, count=count, ids=ids)


async def test_a_page_gives_its_rows_one_by_one_with_the_servers_date_and_rate(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    rows = [{"id": 1, "version": 1, "customerNumber": 5, "isInactive": False}, {"id": 2}, None]
    headers = {**_RATE, "date": "Mon, 02 Mar 2026 09:00:00 GMT"}
    tripletex.customers = json_answer(200, {"fullResultSize": 4, "values": rows}, headers)

    page = await _list(client, acme)

    assert page.server_date == datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    assert (page.full_result, page.rate) == (4, RateReading(100, 50, 5))
    assert [type(row) for row in page.parsed()] == [CustomerRow, UnreadableRow, UnreadableRow]


@pytest.mark.parametrize("total", [0, 2350, 11, "many", None], ids=str)
async def test_the_total_of_a_page_decides_nothing(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant, total: object
) -> None:
    tripletex.customers = json_answer(200, {"fullResultSize": total, "values": [{"id": 1}]})

    assert len((await _list(client, acme)).rows) == 1


_FAILURES = [
    pytest.param(json_answer(200, {"values": None}), SourceUnavailableError, id="no-list"),
    pytest.param(json_answer(200, []), SourceUnavailableError, id="no-envelope"),
    pytest.param(text_answer(200, "<html>"), SourceUnavailableError, id="html"),
    pytest.param(text_answer(500, "<html>"), SourceUnavailableError, id="500"),
    pytest.param(text_answer(404, "<html>"), SourceUnavailableError, id="404-of-a-proxy"),
    pytest.param(json_answer(400, {"status": 400, "code": 11000, "message": "m"}), SourceUnavailableError, id="fields"),
    pytest.param(json_answer(422, {"status": 422, "code": 23000, "message": "m"}), TooManyCustomersError, id="10000"),
    pytest.param(json_answer(403, {"status": 403, "code": 9000, "message": "m"}), RightsMissingError, id="403"),
    pytest.param(text_answer(429), RateLimitedError, id="429"),
    pytest.param(AnswerLostError(LostKind.TIMEOUT, "Lost."), SourceUnavailableError, id="time-out"),
    pytest.param(NotSentError(NotSentWhy.CONNECT, "Nothing."), SourceUnavailableError, id="no-connection"),
]


@pytest.mark.parametrize(("answer", "error"), _FAILURES)
async def test_each_failure_of_a_page_has_its_error(
    client: TripletexClient,
    tripletex: FakeTripletex,
    acme: TripletexTenant,
    answer: HttpAnswer | HttpFailureError,
    error: type[Exception],
) -> None:
    tripletex.customers = answer

    with pytest.raises(error, match="tenant acme, customers from row 0") as raised:
        await _list(client, acme)

    assert not isinstance(raised.value, AccessDeniedError) or raised.value.reason in Reason


async def test_bytes_that_are_no_text_fail_the_call_instead_of_replacing_letters(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    tripletex.customers = HttpAnswer(200, {"content-type": "application/json"}, b'{"values": [{"name": "\xe5s"}]}')

    with pytest.raises(SourceUnavailableError):
        await _list(client, acme)


async def test_a_declared_charset_is_respected(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    headers = {"content-type": "application/json; charset=ISO-8859-1"}
    tripletex.customers = HttpAnswer(200, headers, '{"values": [{"name": "Ås"}]}'.encode("latin-1"))

    assert (await _list(client, acme)).rows == ({"name": "Ås"},)


async def test_one_customer_is_fetched_by_its_id(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    tripletex.denied_paths = ()
    tripletex.customers = json_answer(200, {"value": {"id": 7, "version": 2, "customerNumber": 5, "isInactive": True}})

    row = await client.get_customer(acme, SourceId("7"))

    assert isinstance(row, CustomerRow)
    assert (row.id, row.customer_number) == ("7", 5)
    assert list(tripletex.calls("/customer/7")[0].query) == [("fields", FIELDS)]


async def test_only_tripletexs_own_404_means_that_a_customer_is_gone(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    tripletex.customers = json_answer(404, {"status": 404, "code": 6000, "message": "Object not found"})
    assert await client.get_customer(acme, SourceId("7")) is None

    for other in (
        text_answer(404, "<html>"),
        json_answer(404, {"status": 404, "code": 21000, "message": "m"}),
        json_answer(404, {"title": "Not found", "status": 404}),
        json_answer(200, {"value": None}),
        text_answer(404),
    ):
        tripletex.customers = other
        with pytest.raises(SourceUnavailableError):
            await client.get_customer(acme, SourceId("7"))


async def test_the_rate_window_of_the_tenant_is_told_and_shared_out(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant, clock: ManualClock
) -> None:
    tripletex.customers = json_answer(
        200, {"values": []}, {"x-rate-limit-limit": "10", "x-rate-limit-remaining": "9", "x-rate-limit-reset": "8"}
    )
    for _ in range(3):
        assert client.pause(acme.tenant) == 0
        await _list(client, acme)

    assert client.pause(acme.tenant) == pytest.approx(9.0)
    clock.advance(9.1)
    assert client.pause(acme.tenant) == 0


async def test_a_429_without_a_reset_header_pauses_the_tenant_for_about_ten_seconds(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    tripletex.customers = text_answer(429)

    with pytest.raises(RateLimitedError) as limited:
        await _list(client, acme)

    assert timedelta(seconds=10) <= limited.value.pause <= timedelta(seconds=13)
    assert client.pause(acme.tenant) == pytest.approx(limited.value.pause.total_seconds())


async def test_a_forgotten_tenant_starts_anew(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    tripletex.customers = text_answer(429)
    with pytest.raises(RateLimitedError):
        await _list(client, acme)

    client.forget(acme.tenant)

    assert client.pause(acme.tenant) == 0
    with pytest.raises(RateLimitedError):
        await _list(client, acme)
    assert tripletex.log_ins == 2
