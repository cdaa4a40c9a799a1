"""Simulated Tripletex over HTTP: its answers fit the OpenAPI document, its traps are there, mistakes are refused."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from yarl import URL

from bridge.simulator.contract import Document
from bridge.simulator.exchange import Json, JsonObject, as_list, as_object

if TYPE_CHECKING:
    from contract.simulator.conftest import Reply, Simulator

FIELDS = (
    "id,version,name,customerNumber,organizationNumber,isInactive,phoneNumber,phoneNumberMobile,email,invoiceEmail,"
    "website,invoicesDueIn,invoicesDueInType,currency(code),"
    "postalAddress(addressLine1,addressLine2,postalCode,city,country(isoAlpha2Code)),changes"
)


def without_nulls(value: Json) -> Json:
    """Nulls left out: the document declares nothing nullable although the real answers hold nulls."""
    if isinstance(value, dict):
        return {name: without_nulls(part) for name, part in value.items() if part is not None}
    return [without_nulls(part) for part in value] if isinstance(value, list) else value


def breaches(document: Document, schema: str, value: Json) -> list[str]:
    """What of the value breaks the named schema."""
    check = document.schema({"$ref": f"#/components/schemas/{schema}"})
    return [f"{error.json_path} {error.validator}" for error in check.iter_errors(without_nulls(value))]


def messages(reply: Reply) -> list[tuple[Json, Json]]:
    """Field and path of each validation message."""
    rows = [as_object(row) for row in as_list(reply.object.get("validationMessages"))]
    return [(row["field"], row["path"]) for row in rows]


async def numbers(simulator: Simulator, **params: str) -> list[Json]:
    """The customer numbers of one list answer."""
    reply = await simulator.tripletex("GET", "/customer", params=params)
    assert reply.status == 200, reply.json
    return [row["customerNumber"] for row in reply.values]


@pytest.mark.parametrize(
    ("path", "params", "schema"),
    [
        ("/customer", {}, "ListResponseCustomer"),
        ("/customer", {"fields": FIELDS}, "ListResponseCustomer"),
        (
            "/customer",
            {"fields": "*,postalAddress(*,country(*)),currency(*),changes(*)"},
            "ListResponseCustomer",
        ),
        ("/country", {}, "ListResponseCountry"),
        ("/currency", {"code": "EUR"}, "ListResponseCurrency"),
        ("/token/session/>whoAmI", {"fields": "*,company(*)"}, "ResponseWrapperLoggedInUserInfo"),
        ("/customer", {"fields": "nothing"}, "ApiError"),
    ],
)
async def test_answers_fit_the_schema(
    simulator: Simulator, documents: dict[str, Document], path: str, params: dict[str, str], schema: str
) -> None:
    await simulator.customers({"name": "Ærlig Sjømat AS", "currency": "EUR", "website": "https://example.no"})

    reply = await simulator.tripletex("GET", path, params=params)

    assert breaches(documents["tripletex"], schema, reply.json) == []
    assert await simulator.admin("GET", "/violations") == []


async def test_the_schema_check_itself_refuses_a_broken_answer(documents: dict[str, Document]) -> None:
    broken: JsonObject = {"values": [{"id": "1", "customerNumber": -1, "currency": {"code": 4}}]}

    found = breaches(documents["tripletex"], "ListResponseCustomer", broken)

    assert found == [
        "$.values[0].id type",
        "$.values[0].customerNumber minimum",
        "$.values[0].currency.code type",
    ]


async def test_plain_list_hides_inactive_customers(simulator: Simulator) -> None:
    await simulator.customers({"name": "A"}, {"name": "B", "isInactive": True})

    assert await numbers(simulator) == [10001]
    assert await numbers(simulator, isInactive="true") == [10002]


async def test_unknown_query_parameter_is_ignored_but_noted_as_a_violation(simulator: Simulator) -> None:
    await simulator.customers({"name": "A"}, {"name": "B"})

    assert await numbers(simulator, name="B") == [10001, 10002]

    violations = as_list(await simulator.admin("GET", "/violations"))
    assert [as_object(row)["problem"] for row in violations] == ["query parameter name is not declared"]


@pytest.mark.parametrize(
    ("mode", "sizes"),
    [("plus_one", [3, 5, 5]), ("true_total", [5, 5, 5]), ("zero", [0, 0, 0])],
)
async def test_full_result_size_is_no_total(simulator: Simulator, mode: str, sizes: list[int]) -> None:
    await simulator.company(fullResultMode=mode)
    await simulator.customers(*[{"name": f"K{n}"} for n in range(5)])

    replies = [
        await simulator.tripletex("GET", "/customer", params={"from": start, "count": "2"}) for start in ("0", "2", "4")
    ]

    assert [reply.object["fullResultSize"] for reply in replies] == sizes
    assert [reply.object["count"] for reply in replies] == [2, 2, 1]


@pytest.mark.parametrize(
    ("params", "error"),
    [
        pytest.param({"fields": "id,foo"}, (400, 11000), id="unknown field"),
        pytest.param({"fields": "currency(kode)"}, (400, 11000), id="unknown field of an object"),
        pytest.param({"fields": "name(id)"}, (400, 11000), id="a text has no fields"),
        pytest.param({"fields": "currency(code"}, (400, 11000), id="bracket left open"),
        pytest.param({"sorting": "-foo"}, (422, 17000), id="unknown sort field"),
        pytest.param({"sorting": "currency.foo"}, (422, 17000), id="unknown sort field of an object"),
        pytest.param({"id": "1,x"}, (422, 12000), id="id list with a word"),
        pytest.param({"id": "-1"}, (422, 12000), id="id list with a negative number"),
        pytest.param({"customerAccountNumber": "10001;10002"}, (422, 12000), id="number list with semicolon"),
        pytest.param({"isInactive": "FALSE"}, (404, 21000), id="boolean that cannot be converted"),
        pytest.param({"from": "two"}, (404, 21000), id="page start that is no number"),
        pytest.param({"changedSince": "yesterday"}, (404, 21000), id="changedSince that is no time"),
    ],
)
async def test_broken_list_requests_are_refused(
    simulator: Simulator, params: dict[str, str], error: tuple[int, int]
) -> None:
    reply = await simulator.tripletex("GET", "/customer", params=params)

    assert reply.error == error


async def test_bad_sorting_has_an_empty_list_of_messages_and_bad_fields_none(simulator: Simulator) -> None:
    sorting = await simulator.tripletex("GET", "/customer", params={"sorting": "foo"})
    fields = await simulator.tripletex("GET", "/customer", params={"fields": "foo"})

    assert sorting.object["validationMessages"] == []
    assert fields.object["validationMessages"] is None


async def test_sorting_orders_by_field_and_by_field_of_an_object(simulator: Simulator) -> None:
    await simulator.customers(
        {"name": "B", "currency": "SEK"}, {"name": "A", "currency": "EUR"}, {"name": "C", "currency": "NOK"}
    )

    assert await numbers(simulator, sorting="-name") == [10003, 10001, 10002]
    assert await numbers(simulator, sorting="currency.code") == [10002, 10003, 10001]
    assert await numbers(simulator, sorting="-id", count="1") == [10003]


async def test_filters_by_number_id_and_text(simulator: Simulator) -> None:
    written = await simulator.customers({"name": "Nord AS", "email": "a@example.no"}, {"name": "Sør AS"})

    assert await numbers(simulator, customerAccountNumber="10002,99") == [10002]
    assert await numbers(simulator, id=str(written[0]["id"])) == [10001]
    assert await numbers(simulator, customerName="sør") == [10002]
    assert await numbers(simulator, email="a@example.no") == [10001]


async def test_get_by_id_shows_inactive_customers_and_misses_others(simulator: Simulator) -> None:
    written = await simulator.customers({"name": "A", "isInactive": True})

    found = await simulator.tripletex("GET", f"/customer/{written[0]['id']}", params={"fields": "name"})
    missing = await simulator.tripletex("GET", "/customer/1")

    assert found.value == {"name": "A"}
    assert missing.error == (404, 6000)


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        pytest.param({"email": "a@example.no"}, (422, 18000), ("name", "null.name"), id="no name"),
        pytest.param({"name": "A", "foo": 1}, (422, 16000), ("foo", None), id="unknown field"),
        pytest.param({"name": 5}, (422, 16000), ("name", "name"), id="wrong type"),
        pytest.param(
            {"name": "A", "postalAddress": {"zip": ""}},
            (422, 16000),
            ("postalAddress.zip", None),
            id="unknown part",
        ),
        pytest.param(
            {"name": "A", "organizationNumber": "NO 914286018"},
            (422, 18000),
            ("organizationNumber", None),
            id="organisation number as people write it",
        ),
        pytest.param({"name": "A", "version": 3}, (422, 18000), ("version", None), id="version on a new one"),
        pytest.param({"name": "A" * 256}, (422, 18000), ("name", None), id="name too long"),
    ],
)
async def test_broken_customers_are_refused_and_not_stored(
    simulator: Simulator, body: JsonObject, error: tuple[int, int], message: tuple[str, str | None]
) -> None:
    reply = await simulator.tripletex("POST", "/customer", body)

    assert reply.error == error
    assert messages(reply) == [message]
    assert await numbers(simulator) == []


async def test_check_digit_and_foreign_numbers_are_not_looked_at(simulator: Simulator) -> None:
    wrong_digit = await simulator.tripletex("POST", "/customer", {"name": "A", "organizationNumber": "987654321"})
    swedish = await simulator.tripletex(
        "POST",
        "/customer",
        {
            "name": "B",
            "organizationNumber": "556012-5790",
            "physicalAddress": {"country": {"isoAlpha2Code": "SE"}},
        },
    )

    assert (wrong_digit.status, swedish.status) == (201, 201)


async def test_body_that_is_no_json_is_refused(simulator: Simulator) -> None:
    headers = {**simulator.headers, "Content-Type": "application/json"}
    async with simulator.http.post("/tripletex/v2/customer", data=b"{", headers=headers) as answer:
        assert answer.status == 422
        assert as_object(await answer.json())["code"] == 22000


async def test_put_is_partial_and_raises_the_version_only_if_something_changes(simulator: Simulator) -> None:
    written = await simulator.customers({"name": "A", "email": "a@example.no"})
    path = f"/customer/{written[0]['id']}"

    same = await simulator.tripletex("PUT", path, {"name": "A"})
    changed = await simulator.tripletex("PUT", path, {"name": "B", "version": 1})
    stale = await simulator.tripletex("PUT", path, {"name": "C", "version": 1})
    silent = await simulator.tripletex("PUT", path, {"name": "D"})

    assert (same.value["version"], changed.value["version"]) == (1, 2)
    assert changed.value["email"] == "a@example.no"
    assert stale.error == (409, 8000)
    assert (silent.status, silent.value["version"]) == (200, 3)


async def test_deleted_customer_is_absent_without_a_tombstone(simulator: Simulator) -> None:
    written = await simulator.customers({"name": "A"}, {"name": "B"})

    gone = await simulator.tripletex("DELETE", f"/customer/{written[0]['id']}")

    assert gone.status == 204
    assert await numbers(simulator) == [10002]
    history = as_list(await simulator.admin("GET", "/tripletex/companies/501/history"))
    assert [as_object(entry)["deleted"] for entry in history] == [False, False, True]


async def test_checksum_polling_answers_not_modified_until_something_changes(simulator: Simulator) -> None:
    written = await simulator.customers({"name": "A"})
    first = await simulator.tripletex("GET", "/customer", extra={"If-None-Match": "x"})
    digest = {"If-None-Match": str(first.object["versionDigest"])}

    same = await simulator.tripletex("GET", "/customer", extra=digest)
    await simulator.customers({"id": written[0]["id"], "name": "B"})
    changed = await simulator.tripletex("GET", "/customer", extra=digest)

    assert (same.status, changed.status) == (304, 200)


async def test_every_answer_carries_date_rate_and_request_headers(simulator: Simulator) -> None:
    await simulator.admin("POST", "/clock", {"now": "2026-12-24T12:00:00Z"})
    await simulator.sign_in()

    reply = await simulator.tripletex("GET", "/customer", params={"fields": "foo"})

    assert reply.headers["Date"].startswith("Thu, 24 Dec 2026 12:00:0")
    assert reply.headers["X-Rate-Limit-Limit"] == "100000"
    assert "X-Rate-Limit-Reset" in reply.headers
    assert reply.headers["x-tlx-request-id"]


async def test_used_up_window_answers_429_without_a_reset_header_and_then_recovers(
    simulator: Simulator,
) -> None:
    await simulator.company(rateLimit=3)
    await simulator.admin("POST", "/clock", {"now": "2026-12-01T12:00:00Z"})
    await simulator.sign_in()

    replies = [await simulator.tripletex("GET", "/customer") for _ in range(3)]
    await simulator.admin("POST", "/clock", {"now": "2026-12-01T12:00:10Z"})
    later = await simulator.tripletex("GET", "/customer")

    assert [reply.status for reply in replies] == [200, 200, 429]
    assert [reply.headers["X-Rate-Limit-Remaining"] for reply in replies] == ["1", "0", "0"]
    assert 0 <= int(replies[0].headers["X-Rate-Limit-Reset"]) <= 9
    assert "X-Rate-Limit-Reset" not in replies[2].headers
    assert "Retry-After" not in replies[2].headers
    assert later.status == 200


async def test_session_dies_at_oslo_midnight_at_the_start_of_its_date(simulator: Simulator) -> None:
    await simulator.admin("POST", "/clock", {"now": "2026-07-01T20:00:00Z"})
    await simulator.sign_in(days=1)

    await simulator.admin("POST", "/clock", {"now": "2026-07-01T21:59:30Z"})
    alive = await simulator.tripletex("GET", "/customer")
    await simulator.admin("POST", "/clock", {"now": "2026-07-01T22:00:01Z"})
    dead = await simulator.tripletex("GET", "/customer")

    assert alive.status == 200
    assert dead.error == (401, 3000)
    assert dead.object["developerMessage"] == "Could not log in. Check login info in Authorization header."


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        pytest.param({"employeeToken": "wrong"}, "arg:employeeToken", id="employee token"),
        pytest.param({"consumerToken": "wrong"}, "arg:consumerToken", id="consumer token"),
        pytest.param({"expirationDate": "2026-13-01"}, "expirationDate", id="no date"),
        pytest.param({"expirationDate": None}, "expirationDate", id="missing date"),
    ],
)
async def test_session_requests_with_wrong_values_are_refused(
    simulator: Simulator, changed: JsonObject, field: str
) -> None:
    reply = await simulator.create_session(changed)

    assert reply.error == (422, 18000)
    assert messages(reply)[0][0] == field


async def test_session_dated_today_is_refused(simulator: Simulator) -> None:
    assert (await simulator.create_session(days=0)).error == (422, 18000)


async def test_deprecated_put_makes_a_session_with_200_and_delete_ends_it(simulator: Simulator) -> None:
    expires = (simulator.world.clock.oslo_date() + timedelta(days=1)).isoformat()
    params = {"consumerToken": "c", "employeeToken": "e", "expirationDate": expires}

    made = await simulator.call("PUT", "/tripletex/v2/token/session/:create", params=params)
    simulator.use(str(made.value["token"]))
    alive = await simulator.tripletex("GET", "/token/session/>whoAmI")
    ended = await simulator.tripletex("DELETE", f"/token/session/{made.value['token']}")
    dead = await simulator.tripletex("GET", "/token/session/>whoAmI")

    assert (made.status, alive.status, ended.status, dead.status) == (200, 200, 204, 401)
    assert await simulator.admin("GET", "/violations") == []


@pytest.mark.parametrize("style", ["letters", "test_prefix", "base64", "long", "colon"])
async def test_tokens_of_every_form_open_the_door(simulator: Simulator, style: str) -> None:
    await simulator.company(sessionStyle=style)

    token = await simulator.sign_in()

    assert (await simulator.tripletex("GET", "/token/session/>whoAmI")).status == 200
    assert {"test_prefix": "-", "base64": "+", "colon": ":"}.get(style, "") in token


async def test_session_whose_token_holds_a_slash_can_be_ended(simulator: Simulator) -> None:
    await simulator.company(sessionStyle="base64")
    token = await simulator.sign_in()
    url = URL(f"/tripletex/v2/token/session/{quote(token, safe='')}", encoded=True)

    async with simulator.http.delete(url, headers=simulator.headers) as answer:
        assert answer.status == 204

    assert "/" in token
    assert (await simulator.tripletex("GET", "/customer")).status == 401
    assert await simulator.admin("GET", "/violations") == []


async def test_revoked_token_refuses_sessions_old_and_new_until_another_is_given_out(
    simulator: Simulator,
) -> None:
    await simulator.admin("POST", "/tripletex/companies/501/tokens/revoke")

    old = await simulator.tripletex("GET", "/customer")
    new = await simulator.create_session()
    given = as_object(await simulator.admin("POST", "/tripletex/companies/501/tokens", {}))
    renewed = await simulator.create_session({"employeeToken": given["employeeToken"]})

    assert old.error == (401, 3000)
    assert messages(new)[0][0] == "arg:employeeToken"
    assert renewed.status == 201


async def test_single_session_company_ends_the_old_session_with_a_new_one(simulator: Simulator) -> None:
    await simulator.company(singleSession=True)
    old = dict(simulator.headers)

    await simulator.sign_in()
    late = await simulator.call("GET", "/tripletex/v2/customer", headers=old)

    assert late.error == (401, 3000)
    assert (await simulator.tripletex("GET", "/customer")).status == 200


async def test_user_name_of_another_company_is_refused(simulator: Simulator) -> None:
    token = await simulator.sign_in()

    simulator.use(token, user="999")
    foreign = await simulator.tripletex("GET", "/customer")
    simulator.use(token, user="501")
    own = await simulator.tripletex("GET", "/customer")

    assert foreign.error == (403, 9000)
    assert own.status == 200


@pytest.mark.parametrize("header", [{}, {"Authorization": "Basic !!"}, {"Authorization": "Bearer x"}])
async def test_calls_without_a_session_are_refused(simulator: Simulator, header: dict[str, str]) -> None:
    reply = await simulator.call("GET", "/tripletex/v2/customer", headers=header)

    assert reply.error == (401, 3000)
