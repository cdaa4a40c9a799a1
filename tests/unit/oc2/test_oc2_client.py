"""The OC2 client: bodies, results matched to what was sent, keys, and what each failure becomes."""

import json

import pytest
from pydantic import SecretStr

from bridge.contracts.events.customer import Address, CustomerWanted
from bridge.contracts.identity import TenantId
from bridge.contracts.reasons import Reason
from bridge.oc2.access import Oc2Tenant
from bridge.oc2.client import ListResults, Oc2Client, Stored
from bridge.oc2.customer import customer_body, deactivated, differences
from bridge.oc2.terms import PaymentTerm, chosen_term, read_term
from bridge.remote.errors import CredentialsRefusedError, RateLimitedError, RightsMissingError
from bridge.remote.http import AnswerLostError, HttpAnswer, HttpFailureError, LostKind, NotSentError, NotSentWhy
from bridge.remote.outcome import Applied, NotSent, Refused, Unauthorized, Unknown
from bridge.runtime.errors import TargetUnavailableError
from bridge.testkit.answers import json_answer, text_answer
from bridge.testkit.fake_http import ScriptedPort

_PROBLEM = {"title": "no", "status": 422, "errors": [{"field": "name", "message": "too long"}]}


def _tenant(keys: list[str] | None = None) -> Oc2Tenant:
    left = keys or ["key-1"]
    return Oc2Tenant(
        TenantId("acme"), "https://oc2.example/api/", lambda: SecretStr(left.pop(0) if len(left) > 1 else left[0])
    )


def _body(number: int, **changes: object) -> dict[str, object]:
    wanted = CustomerWanted(customer_number=number, name="Fjordfisk AS", active=True, currency="NOK")
    return {**customer_body(wanted, payment_term_id=None), **changes}


def _results(*entries: object) -> HttpAnswer:
    return json_answer(200, {"results": list(entries)})


async def test_every_field_is_named_so_that_what_became_absent_is_cleared() -> None:
    wanted = CustomerWanted(
        customer_number=7,
        name="Ås",
        active=False,
        currency="EUR",
        payment_term_days=14,
        invoice_address=Address(line1="Strandgaten 4", country="NO"),
    )

    assert customer_body(wanted, payment_term_id=31) == {
        "customerNumber": 7,
        "name": "Ås",
        "active": False,
        "organizationNumber": None,
        "currency": "EUR",
        "paymentTermId": 31,
        "invoiceAddress": {
            "line1": "Strandgaten 4",
            "line2": None,
            "postalCode": None,
            "city": None,
            "country": "NO",
        },
        "phone1": None,
        "email1": None,
        "website": None,
    }


async def test_the_key_travels_in_its_header_and_nowhere_else() -> None:
    port = ScriptedPort(_results({"customerNumber": 1, "status": "CREATED"}))

    await Oc2Client(port).put_customers(_tenant(), [_body(1)], not_after=12.5)

    (request,) = port.requests
    assert (request.method, request.url) == ("POST", "https://oc2.example/api/v1/customers/bulk")
    assert request.headers["x-api-key"] == "key-1"
    assert "key-1" not in repr(request) + request.url + repr(_tenant())
    assert json.loads(request.body or b"") == {"customers": [_body(1)]}
    assert port.deadlines == [12.5]


async def test_results_belong_to_the_number_they_name_in_whatever_order_they_come() -> None:
    port = ScriptedPort(
        _results(
            {"customerNumber": 2, "status": "UNCHANGED"},
            {"customerNumber": 1, "status": "REJECTED", "errors": [{"field": "phone1", "message": "too long"}]},
            {"customerNumber": 4, "status": "PONDERED"},
            None,
        )
    )

    outcome = await Oc2Client(port).put_customers(_tenant(), [_body(n) for n in (1, 2, 3, 4)])

    assert isinstance(outcome, ListResults)
    first, second, third, fourth = outcome.results
    assert isinstance(first, Refused)
    assert (first.fields[0].field, first.detail) == ("phone1", "phone1: too long")
    assert second == Stored("UNCHANGED")
    assert isinstance(third, Unknown)
    assert isinstance(fourth, Unknown)


async def test_results_that_name_no_number_or_contradict_each_other_confirm_nobody() -> None:
    entries = (
        *({"customerNumber": [], "status": "CREATED"}, {"customerNumber": {}, "status": "CREATED"}),
        *({"customerNumber": True, "status": "CREATED"}, {"customerNumber": 1.0, "status": "CREATED"}),
        *({"customerNumber": 2, "status": "REJECTED"}, {"customerNumber": 2, "status": "CREATED"}),
        *({"customerNumber": 3, "status": "CREATED"}, {"customerNumber": 3, "status": "CREATED"}),
    )
    port = ScriptedPort(_results(*entries))

    outcome = await Oc2Client(port).put_customers(_tenant(), [_body(1), _body(2), _body(3)])

    assert isinstance(outcome, ListResults)
    assert [type(one) for one in outcome.results] == [Unknown, Unknown, Stored]


async def test_half_a_surrogate_pair_that_oc2_holds_is_put_back_as_it_was() -> None:
    port = ScriptedPort(json_answer(200, _body(7)))

    await Oc2Client(port).put_customer(_tenant(), deactivated(_body(7, name="A\ud800")))

    assert json.loads(port.requests[0].body or b"")["name"] == "A\ud800"


async def test_what_a_target_says_holds_neither_the_key_nor_what_no_table_can_store() -> None:
    said = {"field": "x-api-key\x00", "message": "key-12345 is not \ud800 allowed"}
    entry = {"customerNumber": 1, "status": "REJECTED", "errors": [said]}
    problem = {"title": "no", "status": 422, "detail": "key-12345\x00", "errors": [said]}
    client = Oc2Client(ScriptedPort(_results(entry), json_answer(422, problem)))
    tenant = _tenant(["key-12345"])

    outcomes = await client.put_customers(tenant, [_body(1)]), await client.put_customer(tenant, _body(1))

    assert isinstance(outcomes[0], ListResults)
    for outcome in (outcomes[0].results[0], outcomes[1]):
        assert isinstance(outcome, Refused)
        texts = [outcome.detail, *(text for one in outcome.fields for text in (one.field or "", one.message))]
        assert not any("key-12345" in text or "\x00" in text or "\ud800" in text for text in texts), texts


@pytest.mark.parametrize("size", [0, 201])
async def test_a_list_of_a_size_the_contract_forbids_is_a_mistake_of_the_caller(size: int) -> None:
    with pytest.raises(ValueError, match="1 to 200"):
        await Oc2Client(ScriptedPort()).put_customers(_tenant(), [_body(n + 1) for n in range(size)])


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param(json_answer(200, {"results": None}), Unknown, id="no-results"),
        pytest.param(json_answer(200, []), Unknown, id="no-object"),
        pytest.param(json_answer(422, _PROBLEM), Refused, id="list-refused"),
        pytest.param(text_answer(413), Refused, id="list-too-large"),
        pytest.param(text_answer(502), Unknown, id="502"),
        pytest.param(text_answer(429), NotSent, id="429"),
        pytest.param(AnswerLostError(LostKind.RESET, "Lost."), Unknown, id="lost"),
        pytest.param(NotSentError(NotSentWhy.DEADLINE, "Late."), NotSent, id="deadline"),
    ],
)
async def test_what_happens_to_the_whole_list_is_not_said_of_any_customer(
    answer: HttpAnswer | HttpFailureError, outcome: type
) -> None:
    assert type(await Oc2Client(ScriptedPort(answer)).put_customers(_tenant(), [_body(1)])) is outcome


async def test_one_customer_is_put_under_its_number() -> None:
    port = ScriptedPort(json_answer(201, _body(7)))

    outcome = await Oc2Client(port).put_customer(_tenant(), _body(7), idempotency_key="event-1")

    assert isinstance(outcome, Applied)
    assert (port.requests[0].method, port.requests[0].url) == ("PUT", "https://oc2.example/api/v1/customers/7")
    assert port.requests[0].headers["idempotency-key"] == "event-1"


async def test_a_401_reads_the_key_again_and_repeats_only_with_another_key() -> None:
    refused = json_answer(401, {"title": "no", "status": 401})
    changed = ScriptedPort(refused, json_answer(200, _body(1)))
    same = ScriptedPort(refused)

    assert isinstance(await Oc2Client(changed).put_customer(_tenant(["old", "new"]), _body(1)), Applied)
    assert [request.headers["x-api-key"] for request in changed.requests] == ["old", "new"]

    assert isinstance(await Oc2Client(same).put_customer(_tenant(), _body(1)), Unauthorized)
    assert len(same.requests) == 1


@pytest.mark.parametrize("key", ["", "two\nlines", "nøkkel", " "], ids=["empty", "line", "letters", "blank"])
async def test_a_key_that_no_header_can_carry_is_refused_without_a_call(key: str) -> None:
    port = ScriptedPort(json_answer(200, {}))

    outcome = await Oc2Client(port).put_customer(_tenant([key]), _body(1))

    assert isinstance(outcome, Unauthorized)
    assert port.requests == []
    assert "nøkkel" not in repr(outcome)


async def test_only_oc2s_own_404_means_that_there_is_no_customer() -> None:
    gone = Oc2Client(ScriptedPort(json_answer(404, {"title": "Not found", "status": 404})))
    assert await gone.get_customer(_tenant(), 7) is None

    for other in (text_answer(404, "<html>"), json_answer(200, _body(8)), json_answer(200, [])):
        with pytest.raises(TargetUnavailableError):
            await Oc2Client(ScriptedPort(other)).get_customer(_tenant(), 7)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(json_answer(401, {"title": "no", "status": 401}), CredentialsRefusedError, id="401"),
        pytest.param(json_answer(403, {"title": "no", "status": 403}), RightsMissingError, id="403"),
        pytest.param(text_answer(429), RateLimitedError, id="429"),
        pytest.param(text_answer(500), TargetUnavailableError, id="500"),
        pytest.param(NotSentError(NotSentWhy.CONNECT, "Nothing."), TargetUnavailableError, id="no-connection"),
        pytest.param(json_answer(400, {"title": "no", "status": 400}), TargetUnavailableError, id="400"),
        pytest.param(json_answer(200, {"values": [{"id": "7"}]}), TargetUnavailableError, id="a-term-without-id"),
        pytest.param(json_answer(200, {"values": {}}), TargetUnavailableError, id="no-list"),
    ],
)
async def test_each_failure_of_a_reading_call_has_its_error(
    answer: HttpAnswer | HttpFailureError, error: type[Exception]
) -> None:
    with pytest.raises(error, match="OC2, tenant acme, payment terms"):
        await Oc2Client(ScriptedPort(answer)).list_payment_terms(_tenant())


async def test_terms_of_other_days_are_left_out_though_the_filter_was_ignored() -> None:
    values = [{"id": 9, "name": "30 dgr", "days": 30}, {"id": 7, "name": "14 dager", "days": 14}]
    port = ScriptedPort(json_answer(200, {"values": values}))

    assert await Oc2Client(port).list_payment_terms(_tenant(), 14) == (PaymentTerm(7, "14 dager", 14),)
    assert list(port.requests[0].query) == [("days", "14")]


async def test_a_term_that_exists_is_returned_by_the_409_and_a_missing_one_is_created() -> None:
    term = {"id": 7, "name": "14 dager", "days": 14}
    created = ScriptedPort(json_answer(200, {"values": []}), json_answer(201, term))
    raced = ScriptedPort(json_answer(200, {"values": []}), json_answer(409, term))

    for port in (created, raced):
        assert await Oc2Client(port).ensure_payment_term(_tenant(), 14) == PaymentTerm(7, "14 dager", 14)
        assert json.loads(port.requests[1].body or b"") == {"name": "14 dager", "days": 14}


async def test_an_answer_that_is_no_such_term_is_unknown() -> None:
    for odd in ({"id": 7, "name": "30 dager", "days": 30}, {}, {"id": True, "name": "x", "days": 14}):
        outcome = await Oc2Client(ScriptedPort(json_answer(201, odd))).create_payment_term(_tenant(), 14)
        assert isinstance(outcome, Unknown)


async def test_a_refused_term_is_told_with_its_fields() -> None:
    outcome = await Oc2Client(ScriptedPort(json_answer(422, _PROBLEM))).create_payment_term(_tenant(), 14)

    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.TARGET_REFUSED


def test_the_lowest_id_is_chosen_whatever_the_order() -> None:
    terms = [PaymentTerm(31, "b", 14), PaymentTerm(7, "a", 14), PaymentTerm(1, "c", 30)]

    assert chosen_term(terms, 14) == chosen_term(reversed(terms), 14) == PaymentTerm(7, "a", 14)
    assert chosen_term(terms, 0) is None
    assert read_term({"id": 3, "name": "Kontant", "days": 0}) == PaymentTerm(3, "Kontant", 0)


def test_null_and_missing_are_no_difference_and_every_other_field_is_one() -> None:
    held = {name: value for name, value in _body(1).items() if value is not None}
    assert differences(_body(1), held) == ()

    other = _body(1, active=False, phone1="1", invoiceAddress={"city": "OSLO"})
    assert differences(_body(1), other) == ("active", "invoiceAddress.city", "phone1")


def test_putting_back_keeps_everything_but_the_active_flag_and_unknown_fields() -> None:
    held = _body(1, phone1="55", paymentTermId=7, invoiceAddress={"city": "OSLO"}, internalId=99)

    back = deactivated(held)

    assert differences(held, back) == ("active",)
    assert "internalId" not in back
