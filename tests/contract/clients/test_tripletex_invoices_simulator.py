"""Invoices through our client against the simulator: what is stored, what is told, and what is found again."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from bridge.contracts.reasons import Reason
from bridge.remote.http import Timeouts
from bridge.remote.httpx_port import HttpxPort
from bridge.remote.outcome import NotSent, Refused, Unknown
from bridge.runtime.clock import SystemClock
from bridge.runtime.errors import SourceUnavailableError, TransientError
from bridge.testkit.simulators import SimulatorAdmin
from bridge.testkit.waiting import eventually
from bridge.tripletex.access import TripletexTenant
from bridge.tripletex.client import TripletexClient
from bridge.tripletex.invoice_body import ExistingOrder
from bridge.tripletex.invoices import StoredInvoice
from bridge.tripletex.refusal import Topic, topics

if TYPE_CHECKING:
    from contract.clients.conftest import Shop

_COMPANY = 4711


def _made(outcome: object) -> StoredInvoice:
    assert isinstance(outcome, StoredInvoice), outcome
    return outcome


async def test_an_invoice_is_stored_with_everything_it_was_sent_with(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    (department,), (project,) = shop.books.add_departments("44"), shop.books.add_projects("7")
    order = shop.order(
        shop.line("420.00", "3", text="Å frakt"), shop.line("0.333333", "3000", text="Zink"), shop.line("-1.5", "2"),
        number="0050302", department=department, project=project, currency=5,
    )  # fmt: skip

    made = _made(await tripletex.create_invoice(tripletex_tenant, shop.request(10302, order)))

    (stored,), (behind,) = shop.books.invoices(), shop.books.orders()
    assert (stored.id, stored.number, stored.kid) == (made.id, 10302, "7000103023")
    assert (stored.invoice_date, stored.due_date) == ("2026-11-10", "2026-11-24")
    assert (stored.customer_number, stored.currency, stored.order_number) == (10002, "EUR", "0050302")
    assert (behind.department_number, behind.project_number) == ("44", "7")
    assert (behind.order_date, behind.delivery_date) == ("2026-11-03", "2026-11-05")
    assert [(line.description, line.unit_price, line.count, line.vat_number) for line in stored.lines] == [
        ("Å frakt", Decimal(420), Decimal(3), "3"),
        ("Zink", Decimal("0.333333"), Decimal(3000), "3"),
        ("Frakt pall", Decimal("-1.5"), Decimal(2), "3"),
    ]
    assert stored.mails == 0
    assert (made.net, made.gross, made.roundoff) == (stored.net, stored.gross, Decimal(0))
    assert (made.order_id, made.customer_id) == (stored.order_id, shop.customer)
    assert made.request_id
    (found,) = await tripletex.find_orders_by_number(tripletex_tenant, "0050302")
    assert found.is_made_of(order)
    assert found.charged == (True,) * len(found.lines)


async def test_what_was_made_is_found_by_its_number_whatever_its_date(
    tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    made = _made(await tripletex.create_invoice(tripletex_tenant, shop.request(104)))
    await tripletex.create_invoice(tripletex_tenant, shop.request(1045, shop.order(number="2")))
    old = replace(shop.request(7, shop.order(number="3")), invoice_date="2001-01-01", due_date="2099-12-31")
    await tripletex.create_invoice(tripletex_tenant, old)

    (found,) = await tripletex.find_invoices(tripletex_tenant, 104)

    told = (found.customer_number, found.order_number, found.order_marker)
    assert told == (10002, "50302", "(OC2 104)")
    assert replace(found, customer_number=None, order_number=None, order_marker=None) == made
    assert [one.due_date for one in await tripletex.find_invoices(tripletex_tenant, 7)] == ["2099-12-31"]
    assert await tripletex.find_invoices(tripletex_tenant, 10) == ()


async def test_two_invoices_with_one_number_are_both_found(
    tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    shop.books.set_rules(uniqueInvoiceNumbers=False)
    for order in ("1", "2"):
        _made(await tripletex.create_invoice(tripletex_tenant, shop.request(10302, shop.order(number=order))))

    assert len(await tripletex.find_invoices(tripletex_tenant, 10302)) == 2


async def test_a_part_delivery_leaves_the_order_number_to_tripletex_and_carries_ours_as_reference(
    tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    _made(await tripletex.create_invoice(tripletex_tenant, shop.request(1)))
    _made(await tripletex.create_invoice(tripletex_tenant, shop.request(2, shop.order(number=None, reference="50302"))))

    first, second = shop.books.orders()
    assert (first.number, first.reference) == ("50302", "")
    assert second.number != "50302"
    assert second.reference == "50302"
    (found,) = await tripletex.find_invoices(tripletex_tenant, 2)
    assert (found.order_number, found.order_reference) == (second.number, "50302")


async def test_an_orphan_order_gets_its_invoice_and_no_second_order(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    admin.add_fault("orphan", system="tripletex", kind="order_left", path="^/invoice$", then="500", times=1)
    assert isinstance(await tripletex.create_invoice(tripletex_tenant, shop.request(10302)), Unknown)
    assert await tripletex.find_invoices(tripletex_tenant, 10302) == ()

    (orphan,) = await tripletex.find_orders_by_marker(tripletex_tenant, 10302)
    assert orphan.is_orphan_of(10302)
    assert not orphan.is_orphan_of(1030)
    assert orphan.is_made_of(shop.order())
    assert not orphan.is_made_of(shop.order(shop.line("1250.01")))
    _made(await tripletex.create_invoice(tripletex_tenant, shop.request(10302, ExistingOrder(orphan.id))))

    (stored,), (order,) = shop.books.invoices(), shop.books.orders()
    assert (stored.order_id, order.number, stored.kid) == (orphan.id, "50302", "7000103023")
    (after,) = await tripletex.find_orders_by_marker(tripletex_tenant, 10302)
    assert (set(after.charged), after.is_orphan_of(10302)) == ({True}, False)


async def test_the_mark_of_one_order_is_no_part_of_anothers(
    tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    for number in (1, 10, 104):
        _made(await tripletex.create_invoice(tripletex_tenant, shop.request(number, shop.order(number=f"a{number}"))))

    (found,) = await tripletex.find_orders_by_marker(tripletex_tenant, 10)

    assert (found.number, found.customer_number) == ("a10", 10002)
    assert [order.id for order in await tripletex.find_orders_by_number(tripletex_tenant, "a10")] == [found.id]
    assert await tripletex.find_orders_by_number(tripletex_tenant, "a") == ()


async def test_the_order_is_left_open_and_closed_with_its_lines_untouched(
    tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    made = _made(await tripletex.create_invoice(tripletex_tenant, shop.request()))
    assert made.order_id is not None
    order = await tripletex.get_order(tripletex_tenant, made.order_id)
    assert order is not None
    assert (order.is_closed, order.charged) == (False, (True,))

    stale = await tripletex.close_order(tripletex_tenant, order.id, order.version - 1)
    assert isinstance(stale, Refused)
    assert stale.status == 409
    await tripletex.close_order(tripletex_tenant, order.id, order.version)

    closed = await tripletex.get_order(tripletex_tenant, order.id)
    assert closed is not None
    assert (closed.is_closed, closed.charged) == (True, (True,))
    assert len(shop.books.orders()[0].lines) == 1
    assert await tripletex.get_order(tripletex_tenant, 1) is None


async def test_t03_an_amount_of_zero_is_told_although_the_call_succeeded(
    tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    shop.books.set_rules(ignoreUnitPrice=True)

    made = _made(await tripletex.create_invoice(tripletex_tenant, shop.request()))

    assert (made.net, made.gross) == (Decimal(0), Decimal(0))


async def test_t04_a_customers_own_discount_changes_nothing(
    tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    shop.books.set_rules(applyCustomerDiscount=True)
    order = shop.order(shop.line("1000.00"), customer=shop.discounted)

    made = _made(await tripletex.create_invoice(tripletex_tenant, shop.request(10303, order)))

    assert (made.net, made.gross) == (Decimal(1000), Decimal(1250))


@pytest.mark.parametrize(("decimals", "net"), [(10, "1000.00"), (2, "990.00")])
async def test_t16_the_net_that_tripletex_came_to_is_told_exactly(
    tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop", decimals: int, net: str
) -> None:
    shop.books.set_rules(unitPriceDecimals=decimals)
    order = shop.order(shop.line("0.333333", "3000"))

    assert _made(await tripletex.create_invoice(tripletex_tenant, shop.request(10311, order))).net == Decimal(net)


async def test_a22_a_rounding_to_kroner_is_told_by_itself(
    tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    shop.books.set_rules(roundToKroner=True)
    order = shop.order(shop.line("999.70"))

    made = _made(await tripletex.create_invoice(tripletex_tenant, shop.request(10434, order)))

    assert (made.gross, made.roundoff) == (Decimal(1250), Decimal("0.37"))


async def test_d15_prices_that_were_gross_in_the_shop_come_out_to_the_oere(
    tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    shop.books.set_rules(pricesIncludeVat=True)
    order = shop.order(shop.line("42.608696", "6", vat=31))

    made = _made(await tripletex.create_invoice(tripletex_tenant, shop.request(10740, order)))

    assert (made.net, made.gross) == (Decimal("255.65"), Decimal("294.00"))


@pytest.mark.parametrize("form", ["field", "no_field", "both"])
@pytest.mark.parametrize("language", ["no", "en", "mixed"])
async def test_a_number_in_use_is_refused_by_number_or_without_a_name_in_every_form_and_language(
    tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop", form: str, language: str
) -> None:
    shop.books.set_rules(duplicateForm=form, language=language)
    _made(await tripletex.create_invoice(tripletex_tenant, shop.request()))

    for again in (shop.request(10302, shop.order(number="x")), shop.request(10303)):
        refused = await tripletex.create_invoice(tripletex_tenant, again)
        assert isinstance(refused, Refused)
        assert not topics(refused).isdisjoint({Topic.INVOICE_NUMBER, Topic.ORDER_NUMBER, Topic.UNNAMED})
    assert len(shop.books.invoices()) == 1


async def test_the_taken_number_is_told_apart_where_the_field_is_named(
    tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    shop.books.add_projects("7")
    _made(await tripletex.create_invoice(tripletex_tenant, shop.request()))

    taken = await tripletex.create_invoice(tripletex_tenant, shop.request(10302, shop.order(number="x")))
    by_project = await tripletex.create_invoice(tripletex_tenant, shop.request(2, shop.order(number="7")))

    assert isinstance(taken, Refused)
    assert isinstance(by_project, Refused)
    assert topics(taken) == {Topic.INVOICE_NUMBER}
    assert topics(by_project) == {Topic.ORDER_NUMBER}


async def test_t15_a_code_that_was_switched_off_is_named(
    tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    (project,) = shop.books.add_projects("7")
    shop.books.set_vat_code("33", active=False)
    request = shop.request(10310, shop.order(shop.line(vat=32), project=project))

    refused = await tripletex.create_invoice(tripletex_tenant, request)

    assert isinstance(refused, Refused)
    assert topics(refused) == {Topic.VAT_TYPE}
    shop.books.set_vat_code("33", active=True)
    _made(await tripletex.create_invoice(tripletex_tenant, request))


async def test_t07_a_sending_method_names_no_field(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    (written,) = admin.write_customers(
        _COMPANY, [{"name": "EHF AS", "customerNumber": 10005, "invoiceSendMethod": "EHF"}]
    )
    shop.books.set_rules(ehfRefusal=True)

    refused = await tripletex.create_invoice(tripletex_tenant, shop.request(10306, shop.order(customer=written.id)))

    assert isinstance(refused, Refused)
    assert topics(refused) == {Topic.UNNAMED}
    (ref,) = (await tripletex.customers_by_number(tripletex_tenant, [10005]))[10005]
    assert ref.invoice_send_method == "EHF"


async def test_t19_a_field_that_became_required_is_none_that_we_know(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    field = "orders.orderLines.vatType.name"
    complaint = {"field": field, "message": "Kan ikke være null.", "path": "orders[0].orderLines[0].vatType.name"}
    body = {"status": 422, "code": 18000, "message": "Validering feilet.", "validationMessages": [complaint]}
    admin.add_fault(
        "release", system="tripletex", kind="status", method="POST", path="^/invoice$", status=422,
        body=json.dumps(body), contentType="application/json",
    )  # fmt: skip

    refused = await tripletex.create_invoice(tripletex_tenant, shop.request())

    assert isinstance(refused, Refused)
    assert topics(refused) == {Topic.OTHER}
    assert [found.field for found in refused.fields] == [field]


@pytest.mark.parametrize(
    ("kind", "then"),
    [
        ("answer_lost", None), ("half_answer", None), ("malformed_2xx", None), ("stored_although", "500"),
        ("stored_although", "html500"), ("stored_although", "pseudo_json500")    ],
)  # fmt: skip
async def test_an_effect_behind_a_broken_answer_is_unknown_and_then_found(
    admin: SimulatorAdmin,
    tripletex: TripletexClient,
    tripletex_tenant: TripletexTenant,
    shop: "Shop",
    kind: str,
    then: str | None,
) -> None:
    await tripletex.check_access(tripletex_tenant)
    more = {} if then is None else {"then": then}
    admin.add_fault("bad", system="tripletex", kind=kind, method="POST", path="^/invoice$", times=1, **more)

    assert isinstance(await tripletex.create_invoice(tripletex_tenant, shop.request()), Unknown)

    (found,) = await tripletex.find_invoices(tripletex_tenant, 10302)
    assert found.order_marker == "(OC2 10302)"
    assert len(shop.books.invoices()) == 1


async def test_an_effect_after_the_time_out_is_unknown_and_found_when_it_has_come(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    await tripletex.check_access(tripletex_tenant)
    admin.add_fault("late", system="tripletex", kind="effect_after", method="POST", path="^/invoice$", seconds=0.9)

    assert isinstance(await tripletex.create_invoice(tripletex_tenant, shop.request()), Unknown)

    await eventually(shop.books.invoices, what="the late effect")
    assert len(await tripletex.find_invoices(tripletex_tenant, 10302)) == 1


async def test_a_422_that_stored_the_invoice_is_found_by_its_number(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    admin.add_fault("liar", system="tripletex", kind="stored_although", then="422", path="^/invoice$", method="POST")

    refused = await tripletex.create_invoice(tripletex_tenant, shop.request())

    assert isinstance(refused, Refused)
    assert len(await tripletex.find_invoices(tripletex_tenant, 10302)) == 1


async def test_t06_an_answer_that_takes_long_is_waited_for(
    admin: SimulatorAdmin, port: HttpxPort, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    patient = TripletexClient(port, SystemClock(), timeouts=Timeouts(read=5.0, total=6.0))
    admin.add_fault("slow", system="tripletex", kind="effect_after", path="^/invoice$", seconds=0.3, answerSeconds=0.7)

    _made(await patient.create_invoice(tripletex_tenant, shop.request()))

    assert [request.method for request in admin.requests() if request.path == "/invoice"] == ["POST"]


async def test_t08_one_number_fails_and_the_others_pass(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    admin.add_fault("cursed", system="tripletex", kind="always_500_for", match={"invoiceNumber": 10307})

    for number in (10306, 10307, 10308):
        outcome = await tripletex.create_invoice(tripletex_tenant, shop.request(number, shop.order(number=str(number))))
        assert isinstance(outcome, Unknown if number == 10307 else StoredInvoice)


async def test_a_look_up_that_fails_is_no_absence(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    admin.add_fault("down", system="tripletex", kind="html500", path="^/(invoice|order)")

    with pytest.raises(SourceUnavailableError):
        await tripletex.find_invoices(tripletex_tenant, 10302)
    with pytest.raises(SourceUnavailableError):
        await tripletex.find_orders_by_marker(tripletex_tenant, 10302)


async def test_a_session_that_has_died_is_renewed_and_the_invoice_sent_once(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    await tripletex.check_access(tripletex_tenant)
    admin.expire_sessions(_COMPANY)

    _made(await tripletex.create_invoice(tripletex_tenant, shop.request()))

    assert len(shop.books.invoices()) == 1
    statuses = [request.status for request in admin.requests() if request.path == "/invoice"]
    assert statuses == [401, 201]


async def test_a_right_that_is_missing_is_a_refusal_of_its_own(
    tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    shop.books.set_rules(missingRights=["POST /invoice"])

    refused = await tripletex.create_invoice(tripletex_tenant, shop.request())

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.status) == (Reason.RIGHTS_MISSING, 403)


async def test_no_invoice_leaves_after_the_deadline_and_a_limit_says_when_to_come_back(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    await tripletex.check_access(tripletex_tenant)
    late = await tripletex.create_invoice(tripletex_tenant, shop.request(), not_after=SystemClock().boot() - 1)
    assert isinstance(late, NotSent)
    assert not [request for request in admin.requests() if request.path == "/invoice"]

    admin.add_fault("limit", system="tripletex", kind="rate_limited", path="^/invoice")
    limited = await tripletex.create_invoice(tripletex_tenant, shop.request())

    assert isinstance(limited, NotSent)
    assert limited.reason is Reason.RATE_LIMITED
    assert limited.after is not None
    assert limited.after.total_seconds() >= 9
    assert not await tripletex.wait_for_room(tripletex_tenant.tenant, latest=SystemClock().boot() + 1)


async def test_a_log_in_that_cannot_be_had_leaves_the_invoice_unsent(
    admin: SimulatorAdmin, tripletex: TripletexClient, tripletex_tenant: TripletexTenant, shop: "Shop"
) -> None:
    admin.add_fault("no-log-in", system="tripletex", kind="html500", path="^/token")

    outcome = await tripletex.create_invoice(tripletex_tenant, shop.request())

    assert isinstance(outcome, NotSent)
    with pytest.raises(TransientError):
        await tripletex.find_invoices(tripletex_tenant, 10302)
