"""Sessions: made for long enough, checked, renewed once for many, and never in a storm."""

import asyncio
import base64
import json
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.contracts.identity import TenantId
from bridge.remote.errors import CredentialsRefusedError, RateLimitedError, RightsMissingError, WrongCompanyError
from bridge.remote.http import HttpAnswer
from bridge.runtime.errors import ConfigurationError, SourceUnavailableError
from bridge.testkit.answers import json_answer, text_answer
from bridge.testkit.clock import ManualClock
from bridge.testkit.fake_tripletex import FakeTripletex, SecretFiles, refused_token
from bridge.tripletex.access import Tokens, TripletexTenant
from bridge.tripletex.client import TripletexClient
from bridge.tripletex.customers import CustomerPage
from bridge.tripletex.session import MIN_LIFE, dies_at, expiration_date

_OSLO = ZoneInfo("Europe/Oslo")


async def _list(client: TripletexClient, tenant: TripletexTenant) -> CustomerPage:
    return await client.list_customers(tenant, inactive=False, offset=0, count=10)


def _oslo(*parts: int) -> datetime:
    year, month, day, hour, minute = parts
    return datetime(year, month, day, hour, minute, tzinfo=_OSLO).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "expires"),
    [
        pytest.param(_oslo(2026, 3, 2, 9, 0), date(2026, 3, 3), id="morning"),
        pytest.param(_oslo(2026, 3, 2, 0, 0), date(2026, 3, 3), id="midnight"),
        pytest.param(_oslo(2026, 3, 2, 22, 59), date(2026, 3, 3), id="an-hour-left"),
        pytest.param(_oslo(2026, 3, 2, 23, 0), date(2026, 3, 4), id="late"),
        pytest.param(_oslo(2026, 3, 28, 23, 30), date(2026, 3, 30), id="before-summer-time"),
        pytest.param(_oslo(2026, 12, 31, 23, 59), date(2027, 1, 2), id="new-year"),
        pytest.param(datetime(2026, 7, 1, 22, 30, tzinfo=UTC), date(2026, 7, 3), id="already-tomorrow-in-oslo"),
    ],
)
def test_a_session_expires_on_the_next_oslo_date_that_leaves_it_an_hour(now: datetime, expires: date) -> None:
    assert expiration_date(now) == expires


@given(st.integers(0, 2 * 365 * 24 * 3600))
def test_a_new_session_lives_between_one_hour_and_a_good_day(second: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second)

    life = dies_at(expiration_date(now)) - now

    assert MIN_LIFE <= life <= timedelta(hours=26)
    assert expiration_date(now) > now.astimezone(_OSLO).date()


async def test_a_log_in_is_a_post_body_and_no_token_is_ever_part_of_an_address(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    await _list(client, acme)

    created = tripletex.calls("/token/session/:create")[0]
    assert created.method == "POST"
    assert json.loads(created.body or b"") == {
        "consumerToken": "consumer-1",
        "employeeToken": "employee-1",
        "expirationDate": "2026-03-03",
    }
    assert "authorization" not in created.headers
    addresses = " ".join(str((request.url, request.query)) for request in tripletex.requests)
    assert not any(secret in addresses for secret in ("consumer-1", "employee-1", "session1"))


async def test_one_session_serves_many_calls_and_is_checked_once(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    for _ in range(5):
        await _list(client, acme)

    assert tripletex.log_ins == 1
    assert len(tripletex.calls("/token/session/>whoAmI")) == 1


@pytest.mark.parametrize(
    "token",
    ["a" * 32, "test-abc", "q+/9w==", "x" * 600, "with:colon", "ærlig", " "],
    ids=["letters", "test", "base64", "long", "colon", "not-ascii", "blank"],
)
async def test_any_text_that_is_not_empty_is_a_token(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant, token: str
) -> None:
    tripletex.next_token = token

    await _list(client, acme)

    sent = tripletex.calls("/customer")[0].headers["authorization"]
    assert base64.b64decode(sent.removeprefix("Basic ")) == b"0:" + token.encode()


@pytest.mark.parametrize("value", [{"token": ""}, {"token": None}, {}, None, {"token": 7}], ids=range(5))
async def test_a_log_in_without_a_token_is_tried_again_later(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant, value: object
) -> None:
    tripletex.log_in = json_answer(201, {"value": value})

    with pytest.raises(SourceUnavailableError):
        await _list(client, acme)


async def test_nothing_is_read_for_another_company_than_the_pinned_one(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    tripletex.company_id = 9999

    with pytest.raises(WrongCompanyError, match=r"9999.*4711"):
        await _list(client, acme)

    assert tripletex.calls("/customer") == []


async def test_a_tenant_with_a_changed_company_or_address_gets_a_session_of_its_own(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant, secrets: SecretFiles
) -> None:
    await _list(client, acme)
    moved = TripletexTenant(acme.tenant, acme.base_url, 5000, secrets)

    with pytest.raises(WrongCompanyError):
        await _list(client, moved)

    assert tripletex.log_ins == 2


@pytest.mark.parametrize("company", [None, "4711", True], ids=["null", "text", "flag"])
async def test_an_owner_that_is_not_told_is_not_assumed(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant, company: object
) -> None:
    tripletex.who_am_i = json_answer(200, {"value": {"companyId": company}})

    with pytest.raises(SourceUnavailableError):
        await _list(client, acme)

    assert tripletex.calls("/customer") == []


async def test_a_session_is_renewed_before_oslo_midnight(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant, clock: ManualClock
) -> None:
    await _list(client, acme)
    clock.set_wall(dies_at(date(2026, 3, 3)) - timedelta(minutes=31))
    await _list(client, acme)
    assert tripletex.log_ins == 1

    clock.set_wall(dies_at(date(2026, 3, 3)) - timedelta(minutes=5))
    await _list(client, acme)

    assert tripletex.log_ins == 2
    assert json.loads(tripletex.calls("/token/session/:create")[1].body or b"")["expirationDate"] == "2026-03-04"


async def test_tenants_do_not_all_log_in_at_the_same_minute_before_midnight(
    client: TripletexClient, tripletex: FakeTripletex, secrets: SecretFiles, clock: ManualClock
) -> None:
    tenants = [
        TripletexTenant(TenantId(f"tenant-{n}"), "https://tripletex.example/v2", 4711, secrets) for n in range(60)
    ]
    for tenant in tenants:
        await _list(client, tenant)

    clock.set_wall(dies_at(date(2026, 3, 3)) - timedelta(minutes=15))
    for tenant in tenants:
        await _list(client, tenant)

    assert 10 < tripletex.log_ins - len(tenants) < 50


async def test_two_hundred_calls_that_find_the_session_dead_log_in_once(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    tripletex.single_session = True
    await _list(client, acme)
    tripletex.live.clear()

    pages = await asyncio.gather(*[_list(client, acme) for _ in range(200)])

    assert len(pages) == 200
    assert tripletex.log_ins == 2


async def test_a_late_401_of_an_older_session_takes_the_newer_one(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    tripletex.single_session = True
    await _list(client, acme)
    tripletex.pause = asyncio.Event()
    tripletex.live.clear()
    first = asyncio.create_task(_list(client, acme))
    late = asyncio.create_task(_list(client, acme))
    await asyncio.sleep(0)
    tripletex.pause.set()

    await asyncio.gather(first, late)

    assert tripletex.log_ins == 2


async def test_a_revoked_token_costs_one_log_in_for_all_waiting_calls(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    await _list(client, acme)
    tripletex.live.clear()
    tripletex.employee_token = "employee-2"

    results = await asyncio.gather(*[_list(client, acme) for _ in range(40)], return_exceptions=True)

    assert {type(result) for result in results} == {CredentialsRefusedError}
    assert tripletex.log_ins == 2


async def test_refused_tokens_are_not_tried_again_at_once_but_new_ones_are(
    client: TripletexClient,
    tripletex: FakeTripletex,
    acme: TripletexTenant,
    secrets: SecretFiles,
    clock: ManualClock,
) -> None:
    tripletex.employee_token = "employee-2"
    for _ in range(5):
        with pytest.raises(CredentialsRefusedError):
            await client.check_access(acme)
    assert tripletex.log_ins == 1

    clock.advance(31)
    with pytest.raises(CredentialsRefusedError):
        await client.check_access(acme)
    assert tripletex.log_ins == 2

    secrets.employee = "employee-2"
    await client.check_access(acme)
    assert (tripletex.log_ins, (await _list(client, acme)).rows) == (3, ())


async def test_one_tenants_refused_tokens_do_not_touch_another(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    bad = TripletexTenant(TenantId("bad"), acme.base_url, 4711, SecretFiles(employee="wrong"))

    results = await asyncio.gather(_list(client, bad), _list(client, acme), return_exceptions=True)

    assert isinstance(results[0], CredentialsRefusedError)
    assert isinstance(results[1], CustomerPage)


async def test_a_log_in_that_fails_for_other_reasons_is_shared_by_those_who_wait_and_then_tried_again(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    tripletex.log_in = text_answer(500, "<html>")

    tripletex.pause = asyncio.Event()
    calls = [asyncio.create_task(_list(client, acme)) for _ in range(20)]
    await asyncio.wait_for(tripletex.logging_in.wait(), 5)
    tripletex.pause.set()

    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(result) for result in results} == {SourceUnavailableError}
    assert tripletex.log_ins == 1

    tripletex.log_in = None
    await _list(client, acme)
    assert tripletex.log_ins == 2


async def test_a_cancelled_log_in_leaves_the_next_caller_free_to_try(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    tripletex.pause = asyncio.Event()
    first = asyncio.create_task(_list(client, acme))
    second = asyncio.create_task(_list(client, acme))
    await asyncio.wait_for(tripletex.logging_in.wait(), 5)
    first.cancel()
    tripletex.pause.set()

    assert (await second).rows == ()


async def test_an_address_that_denies_a_good_session_is_refused_access_and_not_a_reason_to_log_in_again(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    tripletex.denied_paths = ("/v2/customer",)

    with pytest.raises(CredentialsRefusedError):
        await _list(client, acme)

    assert tripletex.log_ins == 2


async def test_a_session_that_another_log_in_ended_does_not_mark_the_tenant(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    tripletex.ends_sessions = True

    with pytest.raises(SourceUnavailableError, match="another log-in"):
        await _list(client, acme)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(refused_token(), CredentialsRefusedError, id="unknown-token"),
        pytest.param(text_answer(401, ""), CredentialsRefusedError, id="401"),
        pytest.param(
            json_answer(403, {"status": 403, "code": 9000, "message": "no"}), CredentialsRefusedError, id="403"
        ),
        pytest.param(text_answer(429), RateLimitedError, id="429"),
        pytest.param(text_answer(503, "<html>"), SourceUnavailableError, id="503"),
        pytest.param(text_answer(200, "<html>"), SourceUnavailableError, id="html"),
        pytest.param(text_answer(302, headers={"location": "/"}), SourceUnavailableError, id="redirect"),
        pytest.param(
            json_answer(
                422,
                {"code": 18000, "validationMessages": [{"field": "arg:expirationDate", "message": "for tidlig"}]},
            ),
            SourceUnavailableError,
            id="a-date-our-clock-got-wrong",
        ),
    ],
)
async def test_each_answer_to_a_log_in_has_its_error(
    client: TripletexClient,
    tripletex: FakeTripletex,
    acme: TripletexTenant,
    answer: HttpAnswer,
    error: type[Exception],
) -> None:
    tripletex.log_in = answer

    with pytest.raises(error) as raised:
        await _list(client, acme)

    assert "acme" in str(raised.value)
    assert not any(secret in str(raised.value) for secret in ("employee-1", "consumer-1"))


async def test_no_representation_shows_a_secret(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant, secrets: SecretFiles
) -> None:
    await _list(client, acme)

    shown = repr((acme, secrets(), client, vars(vars(client)["_sessions"])["_places"], tripletex.requests))
    assert not any(secret in shown for secret in ("consumer-1", "session1", "c2Vzc2lvbjE"))
    assert "employee-1" not in repr(secrets())


async def test_a_missing_secret_is_told_as_it_is_and_nothing_is_sent(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    def missing() -> Tokens:
        raise ConfigurationError("The file /run/secrets/acme of tenant acme is empty.")

    blank = TripletexTenant(acme.tenant, acme.base_url, acme.company_id, missing)

    with pytest.raises(ConfigurationError, match="acme is empty"):
        await _list(client, blank)

    assert tripletex.requests == []


async def test_a_missing_right_is_told_apart_from_bad_credentials(
    client: TripletexClient, tripletex: FakeTripletex, acme: TripletexTenant
) -> None:
    tripletex.customers = json_answer(403, {"status": 403, "code": 9000, "message": "no"})

    with pytest.raises(RightsMissingError):
        await _list(client, acme)
