"""Our Tripletex client against the simulator, over real connections; every request is checked by the documents."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bridge.contracts.identity import SourceId
from bridge.remote.errors import CredentialsRefusedError, RateLimitedError, WrongCompanyError
from bridge.runtime.errors import SourceUnavailableError
from bridge.testkit.simulators import SimulatorAdmin
from bridge.tripletex.access import TripletexTenant
from bridge.tripletex.client import TripletexClient
from bridge.tripletex.customer import CustomerRow, source_hash

_COMPANY = 4711


async def _all(client: TripletexClient, tenant: TripletexTenant, *, count: int = 1000) -> list[CustomerRow]:
    """Read active customers until a page is shorter than asked for."""
    rows: list[CustomerRow] = []
    while True:
        page = await client.list_customers(tenant, inactive=False, offset=len(rows), count=count)
        parsed = page.parsed()
        rows += [row for row in parsed if isinstance(row, CustomerRow)]
        if len(page.rows) < count:
            return rows


async def test_a_customer_is_read_with_currency_address_and_changes(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant
) -> None:
    written = admin.write_customers(
        _COMPANY,
        [
            {
                "name": "Ráissa Ŋálbmi AS",
                "customerNumber": 10500,
                "organizationNumber": "923456781",
                "invoicesDueIn": 0,
                "currency": {"code": "NOK"},
                "postalAddress": {
                    "addressLine1": "Strandgaten 4",
                    "postalCode": "0150",
                    "city": "OSLO",
                    "country": {"isoAlpha2Code": "SJ"},
                },
            }
        ],
    )

    (row,) = await _all(tripletex, tripletex_tenant)

    assert (row.id, row.customer_number) == (str(written[0].id), 10500)
    assert row.newest_change is not None
    assert abs(row.newest_change - datetime.now(UTC)) < timedelta(minutes=1)
    assert row.snapshot is not None
    content = row.snapshot.model_dump(by_alias=True, exclude_none=True)
    assert content["currencyCode"] == "NOK"
    assert content["invoicesDueIn"] == 0
    assert content["postalAddress"] == {
        "addressLine1": "Strandgaten 4",
        "postalCode": "0150",
        "city": "OSLO",
        "countryCode": "SJ",
    }
    assert await tripletex.get_customer(tripletex_tenant, row.id) == row


@pytest.mark.parametrize("mode", ["true_total", "plus_one", "zero"])
async def test_paging_to_a_short_page_sees_every_customer_whatever_the_total_says(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant, mode: str
) -> None:
    admin.write_customers(_COMPANY, [{"name": f"Kunde {n}"} for n in range(47)])
    admin.put_company(
        _COMPANY, name="Acme", consumer_token="consumer-1", employee_token="employee-1", fullResultMode=mode
    )

    rows = await _all(tripletex, tripletex_tenant, count=20)

    assert len({row.id for row in rows}) == len(rows) == 47


async def test_inactive_customers_are_seen_only_when_asked_for(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant
) -> None:
    admin.write_customers(_COMPANY, [{"name": "Aktiv"}, {"name": "Inaktiv", "isInactive": True}])

    names = {}
    for inactive in (False, True):
        page = await tripletex.list_customers(tripletex_tenant, inactive=inactive, offset=0, count=10)
        names[inactive] = [r.snapshot.name for r in page.parsed() if isinstance(r, CustomerRow) and r.snapshot]

    assert names == {False: ["Aktiv"], True: ["Inaktiv"]}


async def test_a_deleted_customer_is_none_and_one_hidden_from_lists_is_not(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant
) -> None:
    gone, hidden = admin.write_customers(_COMPANY, [{"name": "Borte"}, {"name": "Skjult"}])
    admin.delete_customer(_COMPANY, gone.id)
    admin.add_fault("hide", system="tripletex", kind="missing_rows", ids=[hidden.id])

    assert await _all(tripletex, tripletex_tenant) == []
    assert await tripletex.get_customer(tripletex_tenant, SourceId(str(gone.id))) is None
    assert isinstance(await tripletex.get_customer(tripletex_tenant, SourceId(str(hidden.id))), CustomerRow)


async def test_changed_since_narrows_the_list_and_ids_do_too(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant
) -> None:
    written = admin.write_customers(_COMPANY, [{"name": "En"}, {"name": "To"}])
    tomorrow = datetime.now(UTC) + timedelta(days=1)

    later = await tripletex.list_customers(tripletex_tenant, inactive=False, offset=0, count=10, changed_since=tomorrow)
    chosen = await tripletex.list_customers(
        tripletex_tenant, inactive=False, offset=0, count=10, ids=[SourceId(str(written[1].id))]
    )

    assert later.rows == ()
    assert [row.id for row in chosen.parsed()] == [str(written[1].id)]
    assert later.server_date is not None


async def test_null_and_unknown_fields_change_nothing_in_the_content(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant
) -> None:
    admin.write_customers(_COMPANY, [{"name": "Null AS"}])
    (before,) = await _all(tripletex, tripletex_tenant)
    admin.add_fault("null", system="tripletex", kind="null_fields", fields=["email", "phoneNumber", "website"])
    admin.add_fault("more", system="tripletex", kind="extra_fields", count=30)

    (after,) = await _all(tripletex, tripletex_tenant)

    assert before.snapshot is not None
    assert after.snapshot is not None
    assert source_hash(before.snapshot) == source_hash(after.snapshot)


async def test_a_declared_charset_is_read_and_invalid_bytes_fail_the_call(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant
) -> None:
    admin.write_customers(_COMPANY, [{"name": "Bjørkås Rør AS"}])
    admin.add_fault("latin1", system="tripletex", kind="charset_latin1", path="^/customer")
    (row,) = await _all(tripletex, tripletex_tenant)
    assert row.snapshot is not None
    assert row.snapshot.name == "Bjørkås Rør AS"

    admin.clear_faults()
    admin.add_fault("broken", system="tripletex", kind="invalid_utf8", path="^/customer")
    with pytest.raises(SourceUnavailableError):
        await _all(tripletex, tripletex_tenant)


@pytest.mark.parametrize("kind", ["html500", "pseudo_json500", "reset_before", "half_answer", "malformed_2xx"])
async def test_each_broken_answer_is_a_source_that_is_down_and_passes(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant, kind: str
) -> None:
    await _all(tripletex, tripletex_tenant)
    admin.add_fault("bad", system="tripletex", kind=kind, path="^/customer", times=1)

    with pytest.raises(SourceUnavailableError):
        await _all(tripletex, tripletex_tenant)
    assert await _all(tripletex, tripletex_tenant) == []


async def test_silence_ends_by_the_read_time_out(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant
) -> None:
    admin.add_fault("hang", system="tripletex", kind="hang", path="^/customer", seconds=5)

    with pytest.raises(SourceUnavailableError):
        await _all(tripletex, tripletex_tenant)


async def test_a_429_without_a_reset_header_is_a_pause(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant
) -> None:
    await _all(tripletex, tripletex_tenant)
    admin.add_fault("limit", system="tripletex", kind="rate_limited", path="^/customer")

    with pytest.raises(RateLimitedError) as limited:
        await _all(tripletex, tripletex_tenant)

    assert limited.value.pause > timedelta(0)
    assert tripletex.pause(tripletex_tenant.tenant) > 0


async def test_many_calls_that_find_their_session_ended_log_in_once(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant
) -> None:
    admin.put_company(
        _COMPANY, name="Acme", consumer_token="consumer-1", employee_token="employee-1", singleSession=True
    )
    await _all(tripletex, tripletex_tenant)
    admin.expire_sessions(_COMPANY)

    await asyncio.gather(*[_all(tripletex, tripletex_tenant) for _ in range(50)])

    assert admin.sessions_created(_COMPANY) == 2


async def test_a_revoked_token_closes_and_a_new_one_in_the_secret_resumes(
    admin: SimulatorAdmin,
    tripletex: TripletexClient,
    tripletex_tenant: TripletexTenant,
    tokens: dict[str, str],
) -> None:
    await _all(tripletex, tripletex_tenant)
    admin.revoke_token(_COMPANY)
    before = len(admin.requests())

    results = await asyncio.gather(*[_all(tripletex, tripletex_tenant) for _ in range(40)], return_exceptions=True)

    assert {type(result) for result in results} == {CredentialsRefusedError}
    log_ins = [request for request in admin.requests()[before:] if "session" in request.path]
    assert len(log_ins) == 1

    tokens["employee"] = admin.new_token(_COMPANY)
    assert await _all(tripletex, tripletex_tenant) == []


async def test_the_pinned_company_is_checked(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant
) -> None:
    pinned = TripletexTenant(
        tripletex_tenant.tenant, tripletex_tenant.base_url, _COMPANY + 1, tripletex_tenant.read_tokens
    )

    with pytest.raises(WrongCompanyError):
        await tripletex.check_access(pinned)

    assert all("customer" not in request.path for request in admin.requests())


async def test_sessions_follow_tripletexs_date_and_not_this_machines(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant
) -> None:
    for days in (30, 32, -5):
        admin.set_clock(offset_seconds=days * 24 * 3600)

        assert await _all(tripletex, tripletex_tenant) == []


@pytest.mark.parametrize("style", ["letters", "test_prefix", "base64", "long", "colon"])
async def test_every_style_of_token_works(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant, style: str
) -> None:
    admin.put_company(
        _COMPANY, name="Acme", consumer_token="consumer-1", employee_token="employee-1", sessionStyle=style
    )

    assert await _all(tripletex, tripletex_tenant) == []
