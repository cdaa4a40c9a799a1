"""Our OC2 client against the simulator, over real connections; every request is checked by the documents."""

import asyncio
from datetime import timedelta

import pytest

from bridge.contracts.events.customer import Address, CustomerWanted
from bridge.contracts.reasons import Reason
from bridge.oc2.access import Oc2Tenant
from bridge.oc2.client import ListResults, Oc2Client, Stored
from bridge.oc2.customer import customer_body, deactivated, differences
from bridge.oc2.terms import PaymentTerm
from bridge.remote.outcome import Applied, NotSent, Refused, Unauthorized, Unknown
from bridge.runtime.clock import SystemClock
from bridge.testkit.simulators import SimulatorAdmin


def _body(number: int, name: str = "Fjordfisk AS", term: int | None = None) -> dict[str, object]:
    wanted = CustomerWanted(
        customer_number=number,
        name=name,
        active=True,
        currency="NOK",
        invoice_address=Address(city="OSLO", postal_code="0150"),
    )
    return customer_body(wanted, payment_term_id=term)


async def test_a_list_has_one_result_a_customer_and_the_refused_one_stops_no_other(
    admin: SimulatorAdmin, oc2: Oc2Client, oc2_tenant: Oc2Tenant
) -> None:
    await oc2.put_customers(oc2_tenant, [_body(1), _body(2)])

    outcome = await oc2.put_customers(
        oc2_tenant, [_body(1), _body(2, name="Ny"), _body(3, term=999), _body(4, name="Å" * 120)]
    )

    assert isinstance(outcome, ListResults)
    unchanged, replaced, refused, created = outcome.results
    assert (unchanged, replaced, created) == (Stored("UNCHANGED"), Stored("REPLACED"), Stored("CREATED"))
    assert isinstance(refused, Refused)
    assert [complaint.field for complaint in refused.fields] == ["paymentTermId"]
    assert set(admin.ledger("acme").customers) == {1, 2, 4}


async def test_what_was_put_is_what_is_read_back(admin: SimulatorAdmin, oc2: Oc2Client, oc2_tenant: Oc2Tenant) -> None:
    assert await oc2.get_customer(oc2_tenant, 7) is None

    body = _body(7)
    assert isinstance(await oc2.put_customer(oc2_tenant, body, idempotency_key="event-1"), Applied)

    held = await oc2.get_customer(oc2_tenant, 7)
    assert held is not None
    assert differences(body, held) == ()

    await oc2.put_customer(oc2_tenant, deactivated(held))
    after = await oc2.get_customer(oc2_tenant, 7)
    assert after is not None
    assert differences(body, after) == ("active",)


async def test_a_field_that_became_absent_is_cleared(
    admin: SimulatorAdmin, oc2: Oc2Client, oc2_tenant: Oc2Tenant
) -> None:
    await oc2.put_customer(oc2_tenant, {**_body(7), "phone1": "55123456"})
    await oc2.put_customer(oc2_tenant, _body(7))

    held = await oc2.get_customer(oc2_tenant, 7)
    assert held is not None
    assert held.get("phone1") is None


async def test_a_refused_customer_names_its_fields(
    admin: SimulatorAdmin, oc2: Oc2Client, oc2_tenant: Oc2Tenant
) -> None:
    outcome = await oc2.put_customer(oc2_tenant, _body(7, term=999))

    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.fields[0].field) == (Reason.TARGET_REFUSED, "paymentTermId")


async def test_of_two_terms_with_the_same_days_the_lowest_id_is_used(
    admin: SimulatorAdmin, oc2: Oc2Client, oc2_tenant: Oc2Tenant
) -> None:
    admin.put_tenant(
        "acme",
        api_key="key-1",
        terms=[
            {"id": 31, "name": "Netto 14 dager", "days": 14},
            {"id": 7, "name": "14 dager", "days": 14},
            {"id": 9, "name": "30 dgr", "days": 30},
        ],
    )

    assert await oc2.ensure_payment_term(oc2_tenant, 14) == PaymentTerm(7, "14 dager", 14)
    assert await oc2.ensure_payment_term(oc2_tenant, 30) == PaymentTerm(9, "30 dgr", 30)
    assert len(await oc2.list_payment_terms(oc2_tenant)) == 3
    assert admin.ledger("acme").term_creates == 0


async def test_a_term_of_zero_days_is_a_term(admin: SimulatorAdmin, oc2: Oc2Client, oc2_tenant: Oc2Tenant) -> None:
    created = await oc2.ensure_payment_term(oc2_tenant, 0)

    assert isinstance(created, PaymentTerm)
    assert created.days == 0
    assert await oc2.ensure_payment_term(oc2_tenant, 0) == created


async def test_owners_that_race_create_one_term(admin: SimulatorAdmin, oc2: Oc2Client, oc2_tenant: Oc2Tenant) -> None:
    terms = await asyncio.gather(*[oc2.create_payment_term(oc2_tenant, 45) for _ in range(10)])

    assert len(set(terms)) == 1
    assert len(admin.ledger("acme").terms) == 1


async def test_a_term_over_a_year_is_refused(admin: SimulatorAdmin, oc2: Oc2Client, oc2_tenant: Oc2Tenant) -> None:
    # The mapping never asks for one; this one request is meant to break the contract.
    outcome = await oc2.create_payment_term(oc2_tenant, 400)

    assert isinstance(outcome, Refused)
    assert any("400" in problem or "days" in problem for problem in admin.violations())
    admin.reset()


@pytest.mark.parametrize("kind", ["answer_lost", "half_answer", "malformed_2xx", "html500"])
async def test_a_write_without_a_whole_answer_is_unknown(
    admin: SimulatorAdmin, oc2: Oc2Client, oc2_tenant: Oc2Tenant, kind: str
) -> None:
    admin.add_fault("bad", system="oc2", kind=kind)

    assert isinstance(await oc2.put_customers(oc2_tenant, [_body(1)]), Unknown)
    assert isinstance(await oc2.put_customer(oc2_tenant, _body(1)), Unknown)


async def test_an_effect_after_the_time_out_is_unknown(
    admin: SimulatorAdmin, oc2: Oc2Client, oc2_tenant: Oc2Tenant
) -> None:
    admin.add_fault("late", system="oc2", kind="effect_after", seconds=0.8)

    assert isinstance(await oc2.put_customer(oc2_tenant, _body(1)), Unknown)


async def test_a_429_says_when_to_come_back(admin: SimulatorAdmin, oc2: Oc2Client, oc2_tenant: Oc2Tenant) -> None:
    admin.add_fault("limit", system="oc2", kind="rate_limited", retryAfter="43200")

    outcome = await oc2.put_customer(oc2_tenant, _body(1))

    assert outcome == NotSent(timedelta(hours=12), "status 429", Reason.RATE_LIMITED)


async def test_nothing_leaves_after_the_owners_deadline(
    admin: SimulatorAdmin, oc2: Oc2Client, oc2_tenant: Oc2Tenant
) -> None:
    outcome = await oc2.put_customers(oc2_tenant, [_body(1)], not_after=SystemClock().boot() - 1)

    assert isinstance(outcome, NotSent)
    assert admin.requests() == []


async def test_a_changed_key_is_read_again_and_a_refused_one_is_told(
    admin: SimulatorAdmin, oc2: Oc2Client, oc2_tenant: Oc2Tenant, tokens: dict[str, str]
) -> None:
    await oc2.put_customer(oc2_tenant, _body(1))
    admin.put_tenant("acme", api_key="key-2")
    assert isinstance(await oc2.put_customer(oc2_tenant, _body(1)), Unauthorized)

    tokens["key"] = "key-2"
    assert isinstance(await oc2.put_customer(oc2_tenant, _body(1)), Applied)
